#include "dr/repository/index_merge.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <unordered_map>
#include <utility>

namespace dr {
namespace {

constexpr std::uint32_t kDead = UINT32_MAX;
// Rows that a rebuild gathers before it writes them.
constexpr std::size_t kRebuildRows = 2 * kRowsPerRun;

// Runs that do not overlap: asking all of them is asking one.
struct Layer {
    std::vector<const RunSummary*> runs;
    std::uint64_t rows = 0;
};

std::vector<Layer> layers_of(std::span<const RunSummary> runs) {
    std::vector<const RunSummary*> sorted;
    for (const RunSummary& run : runs) sorted.push_back(&run);
    std::ranges::sort(sorted, {}, [](const RunSummary* run) { return std::pair{run->first, run->id}; });
    std::vector<Layer> layers;
    for (const RunSummary* run : sorted) {
        auto layer = std::ranges::find_if(layers, [&](const Layer& has) { return has.runs.back()->last < run->first; });
        if (layer == layers.end()) layer = layers.insert(layers.end(), Layer{});
        layer->runs.push_back(run);
        layer->rows += run->rows;
    }
    return layers;
}

// How many of these row counts, in rising order, to merge: as few as needed, then on while the next is not much larger
// than all before it.
std::size_t how_many(std::span<const std::uint64_t> rows, std::size_t fewest) {
    std::uint64_t before = std::accumulate(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(fewest), 0ULL);
    std::size_t count = fewest;
    for (; count < rows.size() && rows[count] <= 2 * before; ++count) before += rows[count];
    return count;
}

template <typename Range>
std::vector<std::uint64_t> row_counts(const Range& range) {
    std::vector<std::uint64_t> rows;
    for (const auto& each : range) rows.push_back(each.rows);
    return rows;
}

std::vector<PackId> small_runs_to_merge(std::span<const RunSummary> runs) {
    std::vector<RunSummary> small;
    std::ranges::copy_if(runs, std::back_inserter(small),
                         [](const RunSummary& run) { return run.rows < kRowsPerRun / 2; });
    if (small.size() <= kMaxSmallRuns) return {};
    std::ranges::stable_sort(small, {}, &RunSummary::rows);
    std::vector<PackId> chosen;
    for (const RunSummary& run : std::span{small}.first(how_many(row_counts(small), kMaxSmallRuns / 2)))
        chosen.push_back(run.id);
    return chosen;
}

Result<std::vector<PackName>> all_packs(const IndexRunReader& run) {
    std::vector<PackName> packs;
    for (std::uint32_t frame = 0; frame * kPacksPerFrame < run.pack_count(); ++frame) {
        const std::vector<PackName> part = DR_TRY(run.read_packs(frame));
        packs.insert(packs.end(), part.begin(), part.end());
    }
    return packs;
}

// The packs of all runs, each once; and which of them live.
class PackNumbers {
public:
    explicit PackNumbers(const std::function<bool(const PackId&)>& is_live) : is_live_(is_live) {}

    Result<std::vector<std::uint32_t>> read(const IndexRunReader& run) {
        std::vector<std::uint32_t> numbers;
        for (const PackName& pack : DR_TRY(all_packs(run))) numbers.push_back(number_of(pack));
        return numbers;
    }
    const std::vector<PackName>& names() const { return names_; }

private:
    std::uint32_t number_of(const PackName& pack) {
        const auto [at, is_new] = numbers_.try_emplace(pack.id, kDead);
        if (is_new && is_live_(pack.id)) {
            at->second = static_cast<std::uint32_t>(names_.size());
            names_.push_back(pack);
        }
        return at->second;
    }

    const std::function<bool(const PackId&)>& is_live_;
    std::unordered_map<PackId, std::uint32_t> numbers_;
    std::vector<PackName> names_;
};

// The rows of one run, one after the other, with packs numbered for all runs.
class RowStream {
public:
    static Result<std::unique_ptr<RowStream>> open(std::unique_ptr<IndexRunReader> run, PackNumbers& packs) {
        auto stream = std::make_unique<RowStream>();
        stream->run_ = std::move(run);
        stream->packs_ = DR_TRY(packs.read(*stream->run_));
        DR_TRY(stream->next());
        return stream;
    }

    bool at_end() const { return at_ == rows_.size(); }
    const IndexRow& row() const { return rows_[at_]; }

    // To the next row of a live pack.
    Result<void> next() {
        for (;;) {
            if (!at_end()) ++at_;
            if (at_end()) {
                if (frame_ == run_->row_frame_count()) return {};
                rows_ = DR_TRY(run_->read_rows(frame_++));
                for (IndexRow& row : rows_) row.pack = packs_[row.pack];
                // The numbers are of another table, so rows of one id may have changed their order.
                std::ranges::sort(rows_, row_before);
                at_ = 0;
            }
            if (row().pack != kDead) return {};
        }
    }

private:
    std::unique_ptr<IndexRunReader> run_;
    std::vector<std::uint32_t> packs_;
    std::vector<IndexRow> rows_;
    std::uint32_t frame_ = 0;
    std::size_t at_ = 0;
};

// Rows by id; those of one id are gathered, put in order and written once each.
class RowGroups {
public:
    explicit RowGroups(IndexRunWriter& writer) : writer_(writer) {}

    Result<void> add(const IndexRow& row) {
        if (!group_.empty() && group_.front().id16 != row.id16) DR_TRY(flush());
        group_.push_back(row);
        return {};
    }
    Result<void> flush() {
        std::ranges::sort(group_, row_before);
        const auto same = std::ranges::unique(group_);
        group_.erase(same.begin(), same.end());
        for (const IndexRow& row : group_) DR_TRY(writer_.add(row));
        group_.clear();
        return {};
    }

private:
    IndexRunWriter& writer_;
    std::vector<IndexRow> group_;
};

Result<void> merge_streams(std::vector<std::unique_ptr<RowStream>>& streams, RowGroups& groups) {
    const auto later = [](const RowStream* a, const RowStream* b) { return row_before(b->row(), a->row()); };
    std::priority_queue<RowStream*, std::vector<RowStream*>, decltype(later)> queue{later};
    for (const auto& stream : streams) {
        if (!stream->at_end()) queue.push(stream.get());
    }
    while (!queue.empty()) {
        RowStream* const first = queue.top();
        queue.pop();
        DR_TRY(groups.add(first->row()));
        DR_TRY(first->next());
        if (!first->at_end()) queue.push(first);
    }
    return groups.flush();
}

}  // namespace

Result<RunSummary> summarize_run(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                 const PackId& id) {
    const std::unique_ptr<IndexRunReader> run = DR_TRY(IndexRunReader::open(objects, keys, tools, id));
    return RunSummary{id, run->rows(), run->first(), run->last()};
}

Result<void> check_run(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools, const PackId& id) {
    const std::unique_ptr<IndexRunReader> run = DR_TRY(IndexRunReader::open(objects, keys, tools, id));
    DR_TRY(all_packs(*run));
    for (std::uint32_t frame = 0; frame < run->row_frame_count(); ++frame) DR_TRY(run->read_rows(frame));
    return {};
}

Result<std::vector<PackName>> packs_of_run(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                           const PackId& id) {
    const std::unique_ptr<IndexRunReader> run = DR_TRY(IndexRunReader::open(objects, keys, tools, id));
    return all_packs(*run);
}

std::vector<PackId> plan_merge(std::span<const RunSummary> runs, std::size_t max_depth) {
    DR_CHECK(max_depth >= 1);
    std::vector<Layer> layers = layers_of(runs);
    if (layers.size() <= max_depth) return small_runs_to_merge(runs);
    std::ranges::stable_sort(layers, {}, &Layer::rows);
    std::vector<PackId> chosen;
    const std::size_t count = how_many(row_counts(layers), layers.size() - max_depth + 1);
    for (const Layer& layer : std::span{layers}.first(count)) {
        for (const RunSummary* run : layer.runs) chosen.push_back(run->id);
    }
    return chosen;
}

Result<std::vector<WrittenRun>> merge_runs(ObjectStore& objects, SessionKeys& keys, FrameTools& tools,
                                           std::span<const PackId> runs,
                                           const std::function<bool(const PackId&)>& is_live, Durability durability) {
    PackNumbers packs{is_live};
    std::vector<std::unique_ptr<RowStream>> streams;
    for (const PackId& id : runs) {
        std::unique_ptr<IndexRunReader> run = DR_TRY(IndexRunReader::open(objects, keys.repository_keys(), tools, id));
        streams.push_back(DR_TRY(RowStream::open(std::move(run), packs)));
    }
    IndexRunWriter writer{objects, keys, packs.names(), durability};
    RowGroups groups{writer};
    DR_TRY(merge_streams(streams, groups));
    return writer.finish();
}

std::vector<IndexRow> rows_of_pack(const PackContents& contents, std::uint32_t pack) {
    std::vector<IndexRow> rows;
    for (const DirectoryFrame& frame : contents.frames) {
        std::uint16_t ordinal = 0;
        for (const DirectoryBlob& blob : frame.blobs) {
            rows.push_back({.id16 = Id16::of(blob.id).bytes(),
                            .pack = pack,
                            .frame_offset = frame.offset,
                            .frame_length = frame.length(),
                            .ordinal = ordinal++,
                            .blob_type = static_cast<std::uint8_t>(blob.type)});
        }
    }
    return rows;
}

namespace {

// The rows of some packs, read beside each other; nothing where a pack could not be read.
std::vector<std::optional<std::vector<IndexRow>>> read_rows_of(ObjectStore& objects, const RepositoryKeys& keys,
                                                               FrameTools& tools, TaskPool& pool,
                                                               std::span<const PackName> packs, std::size_t first) {
    std::vector<std::optional<std::vector<IndexRow>>> rows(packs.size());
    std::atomic<std::size_t> left{packs.size()};
    for (std::size_t i = 0; i < packs.size(); ++i) {
        pool.submit(Priority::Urgent, [&, i] {
            const Result<PackContents> contents = read_pack_contents(objects, keys, tools, packs[i]);
            if (contents.ok()) rows[i] = rows_of_pack(contents.value(), static_cast<std::uint32_t>(first + i));
            --left;
        });
    }
    pool.help_until([&left] { return left == 0; }, Priority::Urgent);
    return rows;
}

Result<void> write_sorted(std::vector<IndexRow>& rows, ObjectStore& objects, SessionKeys& keys,
                          const std::vector<PackName>& names, Durability durability, RebuiltIndex& index) {
    std::ranges::sort(rows, row_before);
    IndexRunWriter writer{objects, keys, names, durability};
    for (const IndexRow& row : rows) DR_TRY(writer.add(row));
    for (const WrittenRun& run : DR_TRY(writer.finish())) index.runs.push_back(run);
    index.rows += rows.size();
    rows.clear();
    return {};
}

}  // namespace

Result<RebuiltIndex> rebuild_index(ObjectStore& objects, SessionKeys& keys, FrameTools& tools, TaskPool& pool,
                                   std::span<const PackName> packs, Durability durability) {
    constexpr std::size_t kPacksAtOnce = 64;
    const std::vector<PackName> names{packs.begin(), packs.end()};
    RebuiltIndex index;
    std::vector<IndexRow> gathered;
    for (std::size_t at = 0; at < packs.size(); at += kPacksAtOnce) {
        const auto part = packs.subspan(at, std::min(kPacksAtOnce, packs.size() - at));
        const auto rows = read_rows_of(objects, keys.repository_keys(), tools, pool, part, at);
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (rows[i])
                gathered.insert(gathered.end(), rows[i]->begin(), rows[i]->end());
            else
                index.unreadable.push_back(part[i]);
        }
        if (gathered.size() >= kRebuildRows) DR_TRY(write_sorted(gathered, objects, keys, names, durability, index));
    }
    DR_TRY(write_sorted(gathered, objects, keys, names, durability, index));
    return index;
}

}  // namespace dr
