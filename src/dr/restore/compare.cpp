#include "dr/restore/compare.h"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "dr/crypto/sha256.h"
#include "dr/restore/parallel.h"

namespace dr {
namespace {

constexpr std::size_t kReadSize = 128U << 10;   // stays in the cache of a core between reading and hashing
constexpr std::uint64_t kUnitBytes = 8U << 20;  // what one task compares
constexpr std::size_t kUnitsAtOnce = 1024;

// Calls `take(bytes)` for what lies in the range. False where the file ends before or cannot be read.
template <typename Take>
bool read_range(int fd, std::uint64_t offset, std::uint64_t length, const Take& take) {
    Buffer buffer{kReadSize};
    while (length > 0) {
        const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(length, kReadSize));
        const ssize_t got = ::pread(fd, buffer.data(), want, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        if (!take(ByteSpan{buffer.data(), static_cast<std::size_t>(got)})) return true;
        offset += static_cast<std::uint64_t>(got);
        length -= static_cast<std::uint64_t>(got);
    }
    return true;
}

std::optional<Sha256> hash_range(int fd, std::uint64_t offset, std::uint64_t length) {
    Sha256Stream hash;
    const bool readable = read_range(fd, offset, length, [&](ByteSpan bytes) {
        hash.update(bytes);
        return true;
    });
    if (!readable) return std::nullopt;
    return hash.finish();
}

// Holes of the file are not read: a sparse file of a terabyte must not take an hour to compare.
PieceMatch match_hole(int fd, std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t end = offset + length;
    while (offset < end) {
        const off_t data = ::lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
        if (data < 0 && errno == ENXIO) return PieceMatch::Equal;
        const std::uint64_t from = data < 0 ? offset : static_cast<std::uint64_t>(data);
        if (from >= end) return PieceMatch::Equal;
        const off_t hole = data < 0 ? -1 : ::lseek(fd, data, SEEK_HOLE);
        const std::uint64_t to = hole < 0 ? end : std::min<std::uint64_t>(end, static_cast<std::uint64_t>(hole));
        bool zero = true;
        const bool readable = read_range(fd, from, to - from, [&](ByteSpan bytes) {
            zero = std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
            return zero;
        });
        if (!readable) return PieceMatch::Unreadable;
        if (!zero) return PieceMatch::Different;
        offset = to;
    }
    return PieceMatch::Equal;
}

PieceMatch match_inline(int fd, const ContentPiece& piece) {
    std::size_t at = 0;
    bool equal_so_far = true;
    const bool readable = read_range(fd, piece.offset, piece.length, [&](ByteSpan bytes) {
        equal_so_far = equal(bytes, piece.bytes.subspan(at, bytes.size()));
        at += bytes.size();
        return equal_so_far;
    });
    return !readable ? PieceMatch::Unreadable : equal_so_far ? PieceMatch::Equal : PieceMatch::Different;
}

// A run of pieces of one file.
struct Unit {
    std::size_t file = 0;
    std::vector<ContentPiece> pieces;
    std::uint64_t bytes = 0;
    std::uint64_t differing = 0;
    bool unreadable = false;
};

class Comparer {
public:
    Comparer(std::span<FileComparison> files, BlobSource& source, TaskPool& pool, Monitor& monitor)
        : files_(files), source_(source), pool_(pool), monitor_(monitor) {}

    Result<void> run() {
        for (std::size_t i = 0; i < files_.size(); ++i) DR_TRY(gather(i));
        return flush();
    }

private:
    Result<void> gather(std::size_t index) {
        ContentReader content = content_of(source_, files_[index].entry);
        units_.push_back({.file = index, .pieces = {}});
        while (const std::optional<ContentPiece> piece = DR_TRY(content.next())) {
            if (units_.empty() || units_.back().bytes >= kUnitBytes) {
                if (units_.size() >= kUnitsAtOnce) DR_TRY(flush());
                units_.push_back({.file = index, .pieces = {}});
            }
            units_.back().pieces.push_back(*piece);
            // A hole costs little, but an endless row of them must still be cut.
            units_.back().bytes += piece->kind == ContentPiece::Kind::Hole ? 4096 : piece->length;
        }
        return {};
    }

    Result<void> flush() {
        in_parallel(pool_, units_.size(), 1, [this](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) compare(units_[i]);
        });
        if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "the comparison was interrupted"};
        for (const Unit& unit : units_) {
            FileComparison& file = files_[unit.file];
            file.differing_bytes += unit.differing;
            file.unreadable |= unit.unreadable;
            file.equal &= unit.differing == 0 && !unit.unreadable;
        }
        units_.clear();
        return {};
    }

    void compare(Unit& unit) {
        const FileComparison& file = files_[unit.file];
        for (const ContentPiece& piece : unit.pieces) {
            if (monitor_.cancelled()) return;  // units that wait together may be 8 GiB
            const PieceMatch match = match_piece(file.file->get(), file.entry, piece, source_.namer());
            if (match == PieceMatch::Equal) continue;
            unit.unreadable |= match == PieceMatch::Unreadable;
            unit.differing += piece.length;
        }
    }

    const std::span<FileComparison> files_;
    BlobSource& source_;
    TaskPool& pool_;
    Monitor& monitor_;
    std::vector<Unit> units_;
};

}  // namespace

PieceMatch match_piece(int fd, const Entry& entry, const ContentPiece& piece, const BlobNamer& namer) {
    if (piece.kind == ContentPiece::Kind::Hole) return match_hole(fd, piece.offset, piece.length);
    if (piece.kind == ContentPiece::Kind::Inline) return match_inline(fd, piece);
    const std::optional<Sha256> found = hash_range(fd, piece.offset, piece.length);
    if (!found) return PieceMatch::Unreadable;
    const bool same = entry.content.form == FileContent::Form::Single
                          ? *found == entry.content.sha256
                          : namer.name(BlobType::Data, *found) == piece.blob;
    return same ? PieceMatch::Equal : PieceMatch::Different;
}

std::optional<Sha256> hash_of(int fd, std::uint64_t size) { return hash_range(fd, 0, size); }

bool same_special(int directory, const Entry& entry, const struct stat& info) {
    const dev_t device = makedev(entry.device_major, entry.device_minor);
    switch (entry.kind) {
        case EntryKind::Symlink: {
            if (!S_ISLNK(info.st_mode)) return false;
            std::string target(entry.target.size() + 1, 0);
            const ssize_t got = ::readlinkat(directory, entry.name.c_str(), target.data(), target.size());
            return got == static_cast<ssize_t>(entry.target.size()) && target.starts_with(entry.target);
        }
        case EntryKind::Fifo: return S_ISFIFO(info.st_mode);
        case EntryKind::Socket: return S_ISSOCK(info.st_mode);
        case EntryKind::CharDevice: return S_ISCHR(info.st_mode) && info.st_rdev == device;
        case EntryKind::BlockDevice: return S_ISBLK(info.st_mode) && info.st_rdev == device;
        default: return false;
    }
}

Result<void> compare_files(std::span<FileComparison> files, BlobSource& source, TaskPool& pool, Monitor& monitor) {
    return Comparer{files, source, pool, monitor}.run();
}

}  // namespace dr
