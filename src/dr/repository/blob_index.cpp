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

// Goes through the rows of a run with ids that ascend.
class BlobIndex::Cursor {
public:
    Cursor(const BlobIndex& index, std::uint32_t run, const IsLive& is_live)
        : index_(index), run_(run), is_live_(is_live) {}

    std::optional<IndexedBlob> find(const BlobId& id) {
        const Id16 wanted = Id16::of(id);
        if (rows_ == nullptr || !(rows_->front().id() < wanted) || !(wanted < rows_->back().id()))
            return find_frame(id);
        // Rows that lie within a frame are in no other one.
        skip_to(wanted);
        for (auto row = rows_->begin() + static_cast<std::ptrdiff_t>(at_); row->id() == wanted; ++row) {
            const std::optional<PackName> pack = index_.pack_of(run_, row->pack);
            if (pack && is_live_(pack->id)) return IndexedBlob{*pack, *row};
        }
        return std::nullopt;
    }

private:
    std::optional<IndexedBlob> find_frame(const BlobId& id) {
        const IndexRunReader::Range range = index_.runs_[run_]->frames_of(Id16::of(id));
        if (range.begin == range.end) return std::nullopt;
        const std::uint32_t last = range.end - 1;
        if (frame_ != last) {
            frame_ = last;
            rows_ = index_.rows_of(run_, last);
            at_ = 0;
        }
        // One that cannot be read is not asked again.
        if (rows_ == nullptr && range.begin == last) return std::nullopt;
        std::optional<IndexedBlob> first;
        index_.for_rows(run_, id, is_live_, [&first](const IndexedBlob& row) {
            first = row;
            return false;
        });
        return first;
    }

    // The first row that is not before `wanted`: mostly few rows on.
    void skip_to(const Id16& wanted) {
        std::size_t step = 1;
        while (at_ + step < rows_->size() && (*rows_)[at_ + step].id() < wanted) {
            at_ += step;
            step *= 2;
        }
        const auto begin = rows_->begin() + static_cast<std::ptrdiff_t>(at_);
        const auto end = rows_->begin() + static_cast<std::ptrdiff_t>(std::min(at_ + step + 1, rows_->size()));
        at_ =
            static_cast<std::size_t>(std::ranges::lower_bound(begin, end, wanted, {}, &IndexRow::id) - rows_->begin());
    }

    const BlobIndex& index_;
    const std::uint32_t run_;
    const IsLive& is_live_;
    std::optional<std::uint32_t> frame_;  // that the last id was looked for in
    std::shared_ptr<const Rows> rows_;    // of it; null where they cannot be read
    std::size_t at_ = 0;                  // all rows of it before this one are before the last id
};

void BlobIndex::find_ascending(std::span<const BlobId> ids, const IsLive& is_live, const Found& found) const {
    std::vector<bool> done(ids.size());
    for (std::uint32_t run = 0; run < runs_.size(); ++run) {
        Cursor cursor{*this, run, is_live};
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (done[i]) continue;
            const std::optional<IndexedBlob> place = cursor.find(ids[i]);
            if (!place) continue;
            found(i, *place);
            done[i] = true;
        }
    }
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
