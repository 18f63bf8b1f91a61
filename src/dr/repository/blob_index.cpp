#include "dr/repository/blob_index.h"

#include <algorithm>

namespace dr {
namespace {

std::uint64_t cache_key(std::uint32_t run, std::uint32_t frame) { return std::uint64_t{run} << 32U | frame; }

}  // namespace

BlobIndex::BlobIndex(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools, BlobIndexOptions options)
    : objects_(objects),
      keys_(keys),
      tools_(tools),
      filter_budget_(options.filter_budget),
      rows_cache_(options.page_budget / 4 * 3),
      packs_cache_(options.page_budget / 4) {}

Result<void> BlobIndex::add_run(const PackId& id) {
    std::unique_ptr<IndexRunReader> run = DR_TRY(IndexRunReader::open(objects_, keys_, tools_, id));
    if (run->filter_bytes() <= filter_budget_) {
        DR_TRY(run->load_filters());
        filter_budget_ -= run->filter_bytes();
    }
    runs_.push_back(std::move(run));
    return {};
}

void BlobIndex::add_runs(std::span<const PackId> runs) {
    for (const PackId& run : runs) {
        if (!add_run(run).ok()) unreadable_.push_back(run);
    }
}

std::uint64_t BlobIndex::rows() const {
    std::uint64_t rows = 0;
    for (const auto& run : runs_) rows += run->rows();
    return rows;
}

template <typename Take>
bool BlobIndex::for_rows(std::uint32_t run, const BlobId& id, const IsLive& counts, Take take) const {
    const Id16 wanted = Id16::of(id);
    const IndexRunReader::Range range = runs_[run]->frames_of(wanted);
    for (std::uint32_t frame = range.begin; frame < range.end; ++frame) {
        const std::shared_ptr<const Rows> rows = rows_of(run, frame);
        if (rows == nullptr) continue;
        const auto [begin, end] = std::ranges::equal_range(*rows, wanted, {}, &IndexRow::id);
        for (auto row = begin; row != end; ++row) {
            const std::optional<PackName> pack = pack_of(run, row->pack);
            if (pack && counts(pack->id) && !take(IndexedBlob{*pack, *row})) return false;
        }
    }
    return true;
}

std::optional<IndexedBlob> BlobIndex::find(const BlobId& id, const IsLive& is_live) const {
    std::optional<IndexedBlob> first;
    const auto take = [&first](const IndexedBlob& found) {
        first = found;
        return false;
    };
    for (std::uint32_t run = 0; run < runs_.size(); ++run) {
        if (!for_rows(run, id, is_live, take)) break;
    }
    return first;
}

std::vector<IndexedBlob> BlobIndex::find_all(const BlobId& id, const IsLive& counts) const {
    std::vector<IndexedBlob> all;
    const auto take = [&all](const IndexedBlob& found) {
        all.push_back(found);
        return true;
    };
    for (std::uint32_t run = 0; run < runs_.size(); ++run) for_rows(run, id, counts, take);
    return all;
}

std::vector<PackId> BlobIndex::packs_of(const BlobId& id, const IsLive& counts) const {
    std::vector<PackId> packs;
    for (const IndexedBlob& found : find_all(id, counts)) {
        if (std::ranges::find(packs, found.pack.id) == packs.end()) packs.push_back(found.pack.id);
    }
    return packs;
}

std::shared_ptr<const BlobIndex::Rows> BlobIndex::rows_of(std::uint32_t run, std::uint32_t frame) const {
    const std::uint64_t key = cache_key(run, frame);
    if (auto held = rows_cache_.find(key)) return held;
    Result<Rows> rows = runs_[run]->read_rows(frame);
    if (!rows.ok()) {
        damaged_ = true;
        return nullptr;
    }
    auto held = std::make_shared<const Rows>(std::move(rows).value());
    rows_cache_.put(key, held, held->size() * sizeof(IndexRow));
    return held;
}

std::optional<PackName> BlobIndex::pack_of(std::uint32_t run, std::uint32_t place) const {
    const std::uint32_t frame = place / static_cast<std::uint32_t>(kPacksPerFrame);
    const std::uint64_t key = cache_key(run, frame);
    auto held = packs_cache_.find(key);
    if (held == nullptr) {
        Result<Packs> packs = runs_[run]->read_packs(frame);
        if (!packs.ok()) {
            damaged_ = true;
            return std::nullopt;
        }
        held = std::make_shared<const Packs>(std::move(packs).value());
        packs_cache_.put(key, held, held->size() * sizeof(PackName));
    }
    return (*held)[place % kPacksPerFrame];
}

Result<std::vector<PackName>> BlobIndex::covered_packs() const {
    std::vector<PackName> packs;
    for (const auto& run : runs_) {
        for (std::uint32_t frame = 0; frame * kPacksPerFrame < run->pack_count(); ++frame) {
            const std::vector<PackName> part = DR_TRY(run->read_packs(frame));
            packs.insert(packs.end(), part.begin(), part.end());
        }
        std::ranges::sort(packs);
        packs.erase(std::ranges::unique(packs).begin(), packs.end());
    }
    return packs;
}

}  // namespace dr
