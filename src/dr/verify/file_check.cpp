#include "dr/verify/file_check.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "dr/crypto/sha256.h"
#include "dr/restore/parallel.h"

namespace dr {
namespace {

constexpr std::size_t kPiecesAtOnce = 16;
// Hashing zeros takes as long as hashing anything: a sparse file of a terabyte is proven by its blobs alone.
constexpr std::uint64_t kMaxHashedHole = 4ULL << 30;

struct ReadPiece {
    ContentPiece piece;
    std::optional<Result<Bytes>> content;
};

void hash_zeros(Sha256Stream& hash, std::uint64_t length) {
    static constexpr std::array<std::uint8_t, 65'536> kZeros{};
    while (length > 0) {
        const std::uint64_t part = std::min<std::uint64_t>(length, kZeros.size());
        hash.update(ByteSpan{kZeros}.first(static_cast<std::size_t>(part)));
        length -= part;
    }
}

class FileCheck {
public:
    FileCheck(BlobSource& source, const Entry& file, TaskPool& pool, const Monitor& monitor)
        : source_(source), file_(file), pool_(pool), monitor_(monitor) {}

    Result<std::uint64_t> run() {
        ContentReader content = content_of(source_, file_);
        while (std::optional<ContentPiece> piece = DR_TRY(content.next())) {
            waiting_.push_back({*piece, std::nullopt});
            if (waiting_.size() >= kPiecesAtOnce) DR_TRY(read_waiting());
        }
        DR_TRY(read_waiting());
        const bool hash_stored =
            file_.content.form != FileContent::Form::Empty && file_.content.form != FileContent::Form::Inline;
        if (hash_stored && hashed_ && hash_.finish() != file_.content.sha256) {
            return Error{ErrorCode::Damaged, "the content is not what its SHA-256 says"};
        }
        return bytes_;
    }

private:
    Result<void> read_waiting() {
        // A file may be a terabyte.
        if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "the verification was interrupted"};
        in_parallel(pool_, waiting_.size(), 1, [this](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                ReadPiece& read = waiting_[i];
                if (read.piece.kind == ContentPiece::Kind::Blob)
                    read.content = source_.read(BlobType::Data, read.piece.blob);
            }
        });
        for (const ReadPiece& read : waiting_) DR_TRY(take(read));
        waiting_.clear();
        return {};
    }

    Result<void> take(const ReadPiece& read) {
        if (read.piece.kind == ContentPiece::Kind::Hole) {
            holes_ += read.piece.length;
            hashed_ = holes_ <= kMaxHashedHole;
            if (hashed_) hash_zeros(hash_, read.piece.length);
            return {};
        }
        if (read.piece.kind == ContentPiece::Kind::Inline) return {};
        if (!read.content->ok()) return read.content->error();
        const Bytes& bytes = read.content->value();
        if (bytes.size() != read.piece.length)
            return Error{ErrorCode::Damaged, "a blob has another length than the file says"};
        if (hashed_) hash_.update(bytes);
        bytes_ += bytes.size();
        return {};
    }

    BlobSource& source_;
    const Entry& file_;
    TaskPool& pool_;
    const Monitor& monitor_;
    std::vector<ReadPiece> waiting_;
    Sha256Stream hash_;
    std::uint64_t bytes_ = 0;
    std::uint64_t holes_ = 0;
    bool hashed_ = true;
};

}  // namespace

Result<std::uint64_t> check_file(BlobSource& source, const Entry& file, TaskPool& pool, const Monitor& monitor) {
    return FileCheck{source, file, pool, monitor}.run();
}

}  // namespace dr
