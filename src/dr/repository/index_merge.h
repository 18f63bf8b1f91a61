#pragma once
// Merging index runs: fewer runs to ask, and no rows of packs that are gone.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "dr/platform/task_pool.h"
#include "dr/repository/index_run_reader.h"
#include "dr/repository/index_run_writer.h"

namespace dr {

// What a plan needs to know of a run.
struct RunSummary {
    PackId id;
    std::uint64_t rows = 0;
    Id16 first;
    Id16 last;
};
Result<RunSummary> summarize_run(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools, const PackId& id);

// Reads all that a merge would read of a run. Errors as IndexRunReader's.
Result<void> check_run(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools, const PackId& id);
// The packs that a run names.
Result<std::vector<PackName>> packs_of_run(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                           const PackId& id);

// The most runs that one id may have to be looked for in before runs are merged.
inline constexpr std::size_t kMaxRunDepth = 8;

// Runs that are less than half full, more than this many, cost time at every opening, however few rows they have.
inline constexpr std::size_t kMaxSmallRuns = 16;

// Which runs to merge so that no id lies in the range of more than `max_depth` runs and few runs are small; none when
// that holds already. Runs of like size go together, so that a row is written again only as often as the logarithm of
// their number; full runs beside each other are left alone, however many they are.
std::vector<PackId> plan_merge(std::span<const RunSummary> runs, std::size_t max_depth = kMaxRunDepth);

// Writes what `runs` say of packs that are live as new runs, durable as asked for. Rows stream; what is held is one new
// run (IndexRunWriter), 256 KiB for each old one, and the table of packs. The old runs stay.
Result<std::vector<WrittenRun>> merge_runs(ObjectStore& objects, SessionKeys& keys, FrameTools& tools,
                                           std::span<const PackId> runs,
                                           const std::function<bool(const PackId&)>& is_live, Durability durability);

// Makes an index out of nothing but the directories of `packs`. Packs that cannot be read are left out and reported.
struct RebuiltIndex {
    std::vector<WrittenRun> runs;
    std::vector<PackName> unreadable;
    std::uint64_t rows = 0;
};
Result<RebuiltIndex> rebuild_index(ObjectStore& objects, SessionKeys& keys, FrameTools& tools, TaskPool& pool,
                                   std::span<const PackName> packs, Durability durability);

// The rows of a pack's blobs, with `pack` for their pack.
std::vector<IndexRow> rows_of_pack(const PackContents& contents, std::uint32_t pack);

}  // namespace dr
