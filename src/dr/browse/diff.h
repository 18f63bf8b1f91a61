#pragma once
// diff: what differs between two snapshots, or between a snapshot and a live directory.

#include <functional>

#include "dr/base/monitor.h"
#include "dr/base/result.h"
#include "dr/models/relative_path.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

enum class Change : std::uint8_t {
    Added,     // only in the second
    Removed,   // only in the first
    Content,   // bytes, kind, link target or device number
    Metadata,  // only owner, mode, mtime, xattrs or inode flags
};
std::string_view label(Change change);  // "added", "removed", "content", "metadata"

struct Difference {
    std::string path;
    Change change = Change::Content;
    EntryKind kind = EntryKind::File;  // of the second, of the first where Removed
    std::uint64_t size_before = 0;
    std::uint64_t size_after = 0;
};
using DifferenceVisitor = std::function<Result<void>(const Difference&)>;

// In path order, a directory before its content. Directories that are equal (equal DirRef) are not read. A removed or
// added directory is followed by everything in it. Fails with Damaged or what `visit` fails with.
Result<void> diff_trees(BlobSource& source, const DirRef& before, const DirRef& after, const DifferenceVisitor& visit);

// Compares a snapshot with the directory `live` as it is now; content by hash, reading files on all cores, but only
// where size or mtime differ or `checksum` is set. No symlink is followed. Entries that cannot be read are warned of.
// Fails with NotFound (no such directory), Damaged, Cancelled.
Result<void> diff_live(BlobSource& source, const DirRef& root, const std::string& live, bool checksum, TaskPool& pool,
                       Monitor& monitor, const DifferenceVisitor& visit);

}  // namespace dr
