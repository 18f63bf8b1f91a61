#include "dr/repository/index_upkeep.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "dr/repository/blob_source.h"

namespace dr {
namespace {

class Upkeep {
public:
    explicit Upkeep(const IndexUpkeep& world) : world_(world) {}

    Result<IndexChange> run() {
        DR_TRY(merge(plan()));
        DR_TRY(make_rotten_again());
        return std::move(change_);
    }

private:
    const RepositoryKeys& repository_keys() const { return world_.keys.repository_keys(); }
    std::vector<PackId> plan();
    Result<void> merge(std::vector<PackId> old);
    bool leave_out_unreadable(std::vector<PackId>& runs);
    void cannot_read(const PackId& run, const Error& error);
    std::vector<PackName> packs_to_read();
    Result<void> make_rotten_again();

    const IndexUpkeep& world_;
    FrameTools tools_;
    std::vector<PackId> rotten_;
    IndexChange change_;
};

// What is damaged stays so. What only cannot be read now is left for the next time.
void Upkeep::cannot_read(const PackId& run, const Error& error) {
    const bool rotten = means_damage(error);
    if (rotten) rotten_.push_back(run);
    if (world_.monitor == nullptr) return;
    Error told = error;
    world_.monitor->warning(run_object_name(run),
                            std::move(told).means(rotten ? "this part of the index is made again out of the packs"
                                                         : "this part of the index is not used for now"));
}

std::vector<PackId> Upkeep::plan() {
    std::vector<RunSummary> summaries;
    for (const PackId& run : world_.state.runs()) {
        const Result<RunSummary> summary = summarize_run(world_.objects, repository_keys(), tools_, run);
        if (summary.ok())
            summaries.push_back(summary.value());
        else
            cannot_read(run, summary.error());
    }
    // The order of a hash table is not the same everywhere; equal input must give equal bytes.
    std::ranges::sort(summaries, {}, &RunSummary::id);
    return plan_merge(summaries);
}

// A run that opens may still have rows that cannot be read. The others are merged without it.
Result<void> Upkeep::merge(std::vector<PackId> old) {
    const auto is_there = [this](const PackId& id) { return world_.state.is_there(id); };
    while (old.size() > 1) {
        const Result<std::vector<WrittenRun>> merged =
            merge_runs(world_.objects, world_.keys, tools_, old, is_there, Durability::Now);
        if (merged.ok()) {
            for (const WrittenRun& run : merged.value()) change_.added.push_back(run.id);
            change_.removed = std::move(old);
            return {};
        }
        if (!leave_out_unreadable(old)) return merged.error();
    }
    return {};
}

bool Upkeep::leave_out_unreadable(std::vector<PackId>& runs) {
    const std::size_t before = runs.size();
    std::erase_if(runs, [this](const PackId& run) {
        const Result<void> checked = check_run(world_.objects, repository_keys(), tools_, run);
        if (!checked.ok()) cannot_read(run, checked.error());
        return !checked.ok();
    });
    return runs.size() < before;
}

// Packs that a rotten run names, as far as it still says so, and those that no other run names.
std::vector<PackName> Upkeep::packs_to_read() {
    std::unordered_set<PackId> named;
    std::unordered_set<PackId> lost;
    for (const PackId& run : world_.state.runs()) {
        const bool is_rotten = std::ranges::find(rotten_, run) != rotten_.end();
        const Result<std::vector<PackName>> packs = packs_of_run(world_.objects, repository_keys(), tools_, run);
        if (!packs.ok()) continue;
        for (const PackName& pack : packs.value()) (is_rotten ? lost : named).insert(pack.id);
    }
    std::vector<PackName> found;
    for (const PackNumber number : world_.state.packs_there()) {
        const PackState& pack = world_.state.packs()[number];
        if (named.contains(pack.id) && !lost.contains(pack.id)) continue;
        for (const std::uint64_t home : world_.state.homes_of(pack)) found.push_back({home, pack.id});
    }
    return found;
}

Result<void> Upkeep::make_rotten_again() {
    if (rotten_.empty()) return {};
    const RebuiltIndex made =
        DR_TRY(rebuild_index(world_.objects, world_.keys, tools_, world_.pool, packs_to_read(), Durability::Now));
    for (const WrittenRun& run : made.runs) change_.added.push_back(run.id);
    std::ranges::sort(rotten_);
    change_.removed.insert(change_.removed.end(), rotten_.begin(), rotten_.end());
    return {};
}

}  // namespace

Result<IndexChange> IndexUpkeep::run() const {
    if (state.runs().size() < kMaxRunDepth) return IndexChange{};
    return Upkeep{*this}.run();
}

}  // namespace dr
