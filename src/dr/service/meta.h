#pragma once
// SnapshotMeta (the document) of a snapshot of the log.

#include "dr/models/snapshot_meta.h"
#include "dr/repository/repository.h"

namespace dr {

SnapshotMeta meta_of(const Snapshot& snapshot, const State& state, const ObjectStore& store);

}  // namespace dr
