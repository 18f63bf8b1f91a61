#pragma once
// SnapshotMeta (the document) of a snapshot of the log.

#include "dr/models/snapshot_meta.h"
#include "dr/service/access.h"

namespace dr {

SnapshotMeta meta_of(const Snapshot& snapshot, const OpenRepository& open);

}  // namespace dr
