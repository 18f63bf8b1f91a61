#pragma once
// BlobIndex: where blobs lie, asked of all index runs that count. It holds the filters of the runs, as far as its
// budget reaches, and the rows that were asked for lately; the rest is read when it is needed.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dr/base/result.h"
#include "dr/repository/frame_cache.h"
#include "dr/repository/index_run_reader.h"

namespace dr {

struct BlobIndexOptions {
    std::size_t filter_budget = 96U << 20;  // bytes; runs beyond it are asked without a filter: slower, not larger
    std::size_t page_budget = 16U << 20;
};

// Where a blob lies, as a row has it.
struct IndexedBlob {
    PackName pack;
    IndexRow row;  // its `pack` counts in the run that it came from
};

// Thread-safe, but for add_run().
class BlobIndex {
public:
    // A row counts only while its pack is live: the log says so. Called from any thread.
    using IsLive = std::function<bool(const PackId&)>;

    // Borrows all. Empty at first.
    BlobIndex(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools, BlobIndexOptions options = {});

    // The index needs no run to be right: what cannot be opened is left out and remembered in unreadable().
    void add_runs(std::span<const PackId> runs);
    Result<void> add_run(const PackId& run);

    // The first row of `id` whose pack is live, if any. A row frame that cannot be read counts as not holding it:
    // whoever needs the blob looks into the packs themselves.
    std::optional<IndexedBlob> find(const BlobId& id, const IsLive& is_live) const;

    // Calls `found(i, place)` with what find(ids[i], is_live) returns, for each of `ids` of which that is something. By
    // their first 16 bytes the ids ascend, and one may come again; so each row frame is read once.
    using Found = std::function<void(std::size_t, const IndexedBlob&)>;
    void find_ascending(std::span<const BlobId> ids, const IsLive& is_live, const Found& found) const;

    // All rows of `id` whose packs count, as far as rows can be read. Two runs may have the same one.
    std::vector<IndexedBlob> find_all(const BlobId& id, const IsLive& counts) const;

    // Every pack that counts and holds `id`, as far as rows can be read; each once.
    std::vector<PackId> packs_of(const BlobId& id, const IsLive& counts) const;

    // All packs that a run names: what the index covers. Reads the pack tables of all runs.
    Result<std::vector<PackName>> covered_packs() const;

    const std::vector<PackId>& unreadable() const { return unreadable_; }
    // Whether a row frame or a table of packs could not be read so far, or a run not be opened.
    bool had_damage() const { return damaged_.load() || !unreadable_.empty(); }
    std::size_t run_count() const { return runs_.size(); }
    std::uint64_t rows() const;

private:
    using Rows = std::vector<IndexRow>;
    using Packs = std::vector<PackName>;

    // Calls `take` for the rows of `id` whose packs count, until it returns false. Returns whether it never did.
    template <typename Take>
    bool for_rows(std::uint32_t run, const BlobId& id, const IsLive& counts, Take take) const;
    class Cursor;

    std::shared_ptr<const Rows> rows_of(std::uint32_t run, std::uint32_t frame) const;
    std::optional<PackName> pack_of(std::uint32_t run, std::uint32_t place) const;

    ObjectStore& objects_;
    const RepositoryKeys& keys_;
    FrameTools& tools_;
    std::size_t filter_budget_;
    std::vector<std::unique_ptr<IndexRunReader>> runs_;
    std::vector<PackId> unreadable_;
    mutable std::atomic<bool> damaged_{false};
    mutable FrameCache<Rows> rows_cache_;
    mutable FrameCache<Packs> packs_cache_;
};

}  // namespace dr
