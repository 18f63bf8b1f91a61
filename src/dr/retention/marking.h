#pragma once
// Marking: which packs the trees of some snapshots use.

#include <unordered_set>

#include "dr/base/monitor.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

// Adds every pack that `root`, its nodes, extents, attributes or files lie in to packs(), all copies of each.
// Directories that were met before, in this or an earlier call with the same `seen`, are not walked again. Damaged
// where something cannot be found or read; Cancelled.
class Marker {
public:
    // Borrows both.
    Marker(BlobSource& source, Monitor& monitor) : source_(source), monitor_(monitor) {}

    Result<void> mark(const DirRef& root);
    const std::unordered_set<PackId>& packs() const { return packs_; }

private:
    class Watch;
    Result<void> mark_blob(const BlobId& id);

    BlobSource& source_;
    Monitor& monitor_;
    std::unordered_set<BlobId> seen_;  // top nodes of directories
    std::unordered_set<PackId> packs_;
};

}  // namespace dr
