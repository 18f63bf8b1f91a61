#pragma once
// Upkeep of the index: every backup adds a run, and before a lookup has to ask too many of them they become one. Runs
// that rotted are made again out of the packs. Nothing of this is needed for a backup to be right.

#include <vector>

#include "dr/base/monitor.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/index_merge.h"
#include "dr/repository/replay.h"

namespace dr {

// What the next record should say of the index: new runs that are durable, and those that they stand for.
struct IndexChange {
    std::vector<PackId> added;
    std::vector<PackId> removed;
};

struct IndexUpkeep {
    ObjectStore& objects;
    SessionKeys& keys;
    TaskPool& pool;
    const State& state;
    Monitor* monitor = nullptr;  // is told of runs that cannot be read

    // Nothing while the runs are few. A run that cannot be read is no failure; that nothing can be written is one.
    Result<IndexChange> run() const;
};

}  // namespace dr
