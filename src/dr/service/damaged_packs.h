#pragma once
// Damaged packs: telling the log about them. A pack that the log calls damaged is no place for new snapshots to refer
// to, so the next backup stores anew what only such a pack holds; old snapshots still read what is good in it.

#include <cstdint>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/platform/clock.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/frame_tools.h"
#include "dr/repository/repository.h"

namespace dr {

// Reads all of a pack, wherever it lies, and proves every byte. Returns how many there are. Damaged, Io.
Result<std::uint64_t> verify_pack_at_home(const Repository& repository, FrameTools& tools, const PackId& id);

// Tells the log that these packs are damaged, but for those of which it knows or that are gone. Returns how many that
// were; fails as Log::append().
Result<std::size_t> record_damaged(Repository& repository, std::vector<PackId> packs, const Clock& clock);

// Reads the packs of `snapshot` that hold trees, and records those that are damaged. Returns how many that were. What
// else may be wrong with them, a storage that cannot be reached say, is for others to meet.
Result<std::size_t> record_damaged_trees(Repository& repository, const Snapshot& snapshot, const Clock& clock,
                                         TaskPool& pool, Monitor& monitor);

}  // namespace dr
