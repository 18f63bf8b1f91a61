#pragma once
// ls: the entries of a directory of a snapshot, or of everything below it, in the order of the tree.

#include <functional>
#include <span>
#include <string>

#include "dr/base/result.h"
#include "dr/models/relative_path.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

// Gets each entry with its path from the snapshot's root. An error ends the walk and comes back from it.
using EntryVisitor = std::function<Result<void>(const std::string& path, const Entry& entry)>;

// The entry at `path`. Fails with NotFound, or Damaged.
Result<Entry> entry_at(BlobSource& source, const DirRef& root, const RelativePath& path);

// Visits what is in the directory `path`, or the entry itself where it is not a directory. Recursive: everything below,
// a directory before its content. Fails with NotFound, Damaged, or what `visit` fails with.
Result<void> list_entries(BlobSource& source, const DirRef& root, const RelativePath& path, bool recursive,
                          const EntryVisitor& visit);

struct TreeTotals {
    std::uint64_t files = 0;         // regular files, each snapshot's own
    std::uint64_t bytes = 0;         // their sizes
    std::uint64_t unique_blobs = 0;  // data blobs, each counted once
    std::uint64_t unique_bytes = 0;
};

// Counts all of `roots` together: what they share counts once in the unique figures. Skips subtrees met before in
// those. Memory: 8 bytes for each unique blob.
Result<TreeTotals> count_trees(BlobSource& source, std::span<const DirRef> roots);

}  // namespace dr
