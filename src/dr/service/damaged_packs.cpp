#include "dr/service/damaged_packs.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>

#include "dr/repository/blob_source.h"
#include "dr/repository/pack_reader.h"
#include "dr/restore/parallel.h"

namespace dr {

// A pack may lie below any session that adopted it: the likeliest first.
Result<std::uint64_t> verify_pack_at_home(const Repository& repository, FrameTools& tools, const PackId& id) {
    const PackState& pack = repository.state().packs()[*repository.state().find_pack(id)];
    for (const std::uint64_t home : repository.state().homes_of(pack)) {
        const Result<PackVerified> verified = verify_pack(repository.store(), repository.keys(), tools, {home, id});
        if (verified.ok()) return verified.value().bytes_read;
        if (verified.error().code() != ErrorCode::NotFound) return verified.error();
    }
    return Error{ErrorCode::Damaged, "pack " + id.short_hex() + " is not there"};
}

Result<std::size_t> record_damaged(Repository& repository, std::vector<PackId> packs, const Clock& clock) {
    constexpr std::size_t kMostPerRecord = 8000;
    DR_TRY(repository.log().refresh());
    const State& state = repository.state();
    std::ranges::sort(packs);
    const auto same = std::ranges::unique(packs);
    packs.erase(same.begin(), same.end());
    std::erase_if(packs, [&](const PackId& id) {
        const std::optional<PackNumber> number = state.find_pack(id);
        return !number || state.packs()[*number].damaged != 0 || state.packs()[*number].reaped != 0;
    });
    for (std::size_t at = 0; at < packs.size(); at += kMostPerRecord) {
        const auto part = std::span{packs}.subspan(at, std::min(kMostPerRecord, packs.size() - at));
        DR_TRY(repository.log().append(repository.actor(), clock, DamagedPacks{{part.begin(), part.end()}}));
    }
    return packs.size();
}

Result<std::size_t> record_damaged_trees(Repository& repository, const Snapshot& snapshot, const Clock& clock,
                                         TaskPool& pool, Monitor& monitor) {
    std::vector<PackId> packs;
    for (const PackNumber number : repository.state().packset_of(snapshot)) {
        const PackState& pack = repository.state().packs()[number];
        if (pack.live() && pack.pack_class == static_cast<std::uint8_t>(PackClass::Metadata)) packs.push_back(pack.id);
    }
    FrameTools tools;
    std::mutex mutex;
    std::vector<PackId> damaged;
    std::atomic<std::size_t> done{0};
    in_parallel(pool, packs.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end && !monitor.cancelled(); ++i) {
            const Result<std::uint64_t> verified = verify_pack_at_home(repository, tools, packs[i]);
            monitor.progress({.phase = "reading packs", .files_done = ++done, .files_total = packs.size()});
            if (verified.ok() || !means_damage(verified.error())) continue;
            const std::scoped_lock lock{mutex};
            monitor.warning("pack " + packs[i].hex(), verified.error());
            damaged.push_back(packs[i]);
        }
    });
    if (monitor.cancelled()) return Error{ErrorCode::Cancelled, "the backup was interrupted"};
    return record_damaged(repository, std::move(damaged), clock);
}

}  // namespace dr
