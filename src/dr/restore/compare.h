#pragma once
// Comparing files that exist with what a snapshot says they hold, by hash, on all cores. Reads no file content from the
// repository.

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/platform/posix/file_descriptor.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree_reader.h"

namespace dr {

struct FileComparison {
    // In:
    Entry entry;                           // a regular file
    std::shared_ptr<FileDescriptor> file;  // open for reading; of a regular file of entry.size bytes
    // Out:
    bool equal = true;
    std::uint64_t differing_bytes = 0;  // of the pieces that differ
    bool unreadable = false;            // an error of the system while reading; then not equal
};

// Fills in the outcome of each. Fails with Damaged where an extent list cannot be read, or Cancelled.
Result<void> compare_files(std::span<FileComparison> files, BlobSource& source, TaskPool& pool, Monitor& monitor);

enum class PieceMatch : std::uint8_t { Equal, Different, Unreadable };

// Whether the file holds this piece of `entry` where it belongs.
PieceMatch match_piece(int fd, const Entry& entry, const ContentPiece& piece, const BlobNamer& namer);

// The SHA-256 of the first `size` bytes of a file. None where it is shorter or cannot be read.
std::optional<Sha256> hash_of(int fd, std::uint64_t size);

// Whether `entry.name` in the directory, which `info` describes, is the symbolic link, FIFO, socket or device of
// `entry`.
bool same_special(int directory, const Entry& entry, const struct stat& info);

}  // namespace dr
