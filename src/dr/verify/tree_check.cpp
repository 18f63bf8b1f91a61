#include "dr/verify/tree_check.h"

#include <algorithm>
#include <mutex>

#include "dr/crypto/sha256.h"
#include "dr/models/relative_path.h"
#include "dr/models/verification_report.h"
#include "dr/restore/parallel.h"

namespace dr {
namespace {

// Looked up in the order of the index: the more at once, the fewer times each piece of it is read. About 8 MiB.
constexpr std::size_t kBlobsAtOnce = 128U << 10;
constexpr std::size_t kPathBytesAtOnce = 16U << 20;  // of the paths of those
constexpr std::size_t kLocatedAtOnce = 512;
constexpr std::size_t kAwakeReaders = 64;  // directories whose nodes stay in memory

bool concerns_everything(ErrorCode code) {
    return code == ErrorCode::WrongKey || code == ErrorCode::Unavailable || code == ErrorCode::Cancelled;
}

class Checker {
public:
    explicit Checker(const TreeCheck::Request& request) : request_(request) {}

    Result<TreeCheck> run(const DirRef& root) {
        levels_.push_back({DirectoryReader{request_.source, root}, 0});
        while (!levels_.empty()) {
            if (++steps_ % 64 == 0 && request_.monitor.cancelled())
                return Error{ErrorCode::Cancelled, "the verification was interrupted"};
            DR_TRY(step());
            if (is_enough()) DR_TRY(locate());
        }
        DR_TRY(locate());
        if (fatal_) return *std::move(fatal_);
        std::ranges::sort(check_.sample, {}, &SampledFile::path);
        return std::move(check_);
    }

private:
    struct Level {
        DirectoryReader reader;
        std::size_t path_length;
    };
    struct WantedBlob {
        BlobId id;
        std::uint64_t length;
        BlobType type;
        std::uint32_t path;  // where it begins in paths_
        std::uint32_t path_length;
    };

    Result<void> step() {
        Level& level = levels_.back();
        path_.resize(level.path_length);
        const Result<const EntryView*> next = level.reader.next_view();
        if (!next.ok()) {
            levels_.pop_back();
            if (concerns_everything(next.error().code())) return next.error();
            report(path_.empty() ? "the root directory" : "the directory '" + printable(path_) + "'", next.error());
            return {};
        }
        if (next.value() == nullptr) {
            levels_.pop_back();
            return {};
        }
        const EntryView& entry = *next.value();
        if (!path_.empty()) path_ += '/';
        path_ += entry.name;
        if (entry.xattrs_in_blob) want(entry.xattr_blob.id, entry.xattr_blob.length, BlobType::Attributes);
        if (entry.kind == EntryKind::Directory) {
            if (levels_.size() >= kAwakeReaders) levels_[levels_.size() - kAwakeReaders].reader.suspend();
            levels_.push_back({DirectoryReader{request_.source, entry.directory, level.reader.owner()}, path_.size()});
        } else if (entry.kind == EntryKind::File) {
            return visit_file(entry);
        }
        return {};
    }

    Result<void> visit_file(const EntryView& entry) {
        consider(entry);
        ++check_.files;
        if (entry.form == FileContent::Form::Single) {
            want(request_.source.namer().name(BlobType::Data, entry.sha256), entry.size, BlobType::Data);
            return {};
        }
        if (entry.form != FileContent::Form::List && entry.form != FileContent::Form::ListInBlobs) return {};
        const Entry file = entry.copy();
        ContentReader content = content_of(request_.source, file);
        for (;;) {
            const Result<std::optional<ContentPiece>> piece = content.next();
            if (!piece.ok()) {
                if (concerns_everything(piece.error().code())) return piece.error();
                report("'" + printable(path_) + "'", piece.error());
                return {};
            }
            if (!piece.value()) return {};
            if (piece.value()->kind == ContentPiece::Kind::Blob)
                want(piece.value()->blob, piece.value()->length, BlobType::Data);
            if (is_enough()) DR_TRY(locate());
        }
    }

    // Keeps the files of the least ranks: which those are depends on the snapshot alone, and a second run takes the
    // same.
    void consider(const EntryView& entry) {
        if (request_.sample_count == 0) return;
        Sha256Stream hash;
        hash.update(request_.seed.bytes());
        hash.update(as_bytes(path_));
        std::uint64_t rank = 0;
        const Sha256 hashed = hash.finish();
        std::memcpy(&rank, hashed.bytes().data(), sizeof rank);
        std::vector<SampledFile>& sample = check_.sample;  // a heap with the greatest rank in front
        if (sample.size() >= request_.sample_count) {
            if (rank >= sample.front().rank) return;
            std::pop_heap(sample.begin(), sample.end());
            sample.pop_back();
        }
        sample.push_back({rank, path_, entry.copy()});
        std::push_heap(sample.begin(), sample.end());
    }

    void want(const BlobId& id, std::uint64_t length, BlobType type) {
        const bool same = !blobs_.empty() && path_of(blobs_.back()) == path_;
        const std::size_t path = same ? blobs_.back().path : paths_.size();
        if (!same) paths_ += path_;
        blobs_.push_back(
            {id, length, type, static_cast<std::uint32_t>(path), static_cast<std::uint32_t>(path_.size())});
    }

    bool is_enough() const { return blobs_.size() >= kBlobsAtOnce || paths_.size() >= kPathBytesAtOnce; }
    std::string_view path_of(const WantedBlob& blob) const {
        return std::string_view{paths_}.substr(blob.path, blob.path_length);
    }

    Result<void> locate() {
        std::ranges::sort(blobs_, {}, &WantedBlob::id);  // the order of the index
        in_parallel(request_.pool, blobs_.size(), kLocatedAtOnce, [this](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) locate(blobs_[i]);
        });
        blobs_.clear();
        paths_.clear();
        request_.monitor.progress({.phase = "checking the tree", .files_done = check_.files});
        if (fatal_) return *fatal_;
        return {};
    }

    void locate(const WantedBlob& blob) {
        const Result<BlobPlace> place = request_.source.locate(blob.id);
        if (!place.ok()) return lost(blob, place.error(), false);
        if (request_.damaged_packs.empty()) return;
        const PackId pack = request_.source.pack_id(place.value().pack);
        if (!request_.damaged_packs.contains(pack)) return;
        const Result<Bytes> bytes = request_.source.read(blob.type, blob.id);
        if (!bytes.ok()) lost(blob, Error{bytes.error()}.during("reading pack " + pack.hex()), true);
    }

    void lost(const WantedBlob& blob, const Error& error, bool reading) {
        const std::scoped_lock lock{mutex_};
        if (concerns_everything(error.code())) {
            fatal_ = error;
            return;
        }
        if (reading) check_.readable = false;
        report("'" + printable(path_of(blob)) + "'", error);
    }

    void report(const std::string& what, const Error& error) {
        check_.complete = false;
        if (check_.errors.size() < VerificationReport::kMaxErrors)
            check_.errors.push_back(what + ": " + error.one_line());
    }

    const TreeCheck::Request& request_;
    TreeCheck check_;
    std::deque<Level> levels_;
    std::string path_;
    std::string paths_;  // of the blobs that wait, one after the other
    std::vector<WantedBlob> blobs_;
    std::mutex mutex_;
    std::optional<Error> fatal_;
    std::uint64_t steps_ = 0;
};

}  // namespace

Result<TreeCheck> check_tree(const TreeCheck::Request& request, const DirRef& root) {
    return Checker{request}.run(root);
}

}  // namespace dr
