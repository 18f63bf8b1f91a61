#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "dr/codec/wire.h"
#include "dr/repository/blob_index.h"
#include "dr/repository/index_filter.h"
#include "dr/repository/index_merge.h"
#include "dr/repository/index_run_reader.h"
#include "dr/repository/index_run_writer.h"
#include "dr/repository/pack_testing.h"
#include "dr/repository/pack_writer.h"

namespace dr {
namespace {

using testing::TestRepository;

const BlobIndex::IsLive kAllLive = [](const PackId&) { return true; };

BlobId blob_id(std::uint64_t number) {
    SeededRandom random{number};
    return BlobId{random.array<32>()};
}
PackName pack_name(std::uint64_t number) {
    SeededRandom random{number + 1'000'000'007};
    return {number % 5, PackId{random.array<32>()}};
}

struct Rows {
    std::vector<IndexRow> rows;
    std::vector<PackName> packs;
};

// Blobs first … first + count - 1, twenty to a pack.
Rows make_rows(std::uint64_t first, std::uint64_t count) {
    Rows made;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i % 20 == 0) made.packs.push_back(pack_name(first + i));
        made.rows.push_back({.id16 = Id16::of(blob_id(first + i)).bytes(),
                             .pack = static_cast<std::uint32_t>(made.packs.size() - 1),
                             .frame_offset = static_cast<std::uint32_t>(256 + 1000 * (i % 20)),
                             .frame_length = 500,
                             .ordinal = static_cast<std::uint16_t>(i % 3),
                             .blob_type = 1});
    }
    std::ranges::sort(made.rows, row_before);
    return made;
}

std::vector<PackId> write_runs(TestRepository& repository, const Rows& rows, std::size_t rows_per_run = kRowsPerRun) {
    IndexRunWriter writer{repository.store, repository.session_keys, rows.packs, Durability::Now, rows_per_run};
    for (const IndexRow& row : rows.rows) writer.add(row).value();
    std::vector<PackId> ids;
    for (const WrittenRun& run : writer.finish().value()) ids.push_back(run.id);
    return ids;
}

struct OpenedIndex : BlobIndex {
    OpenedIndex(TestRepository& repository, std::span<const PackId> runs, BlobIndexOptions options = {})
        : BlobIndex(repository.store, repository.keys, repository.tools, options) {
        add_runs(runs);
    }
};
OpenedIndex open_index(TestRepository& repository, std::span<const PackId> runs, BlobIndexOptions options = {}) {
    return OpenedIndex{repository, runs, options};
}

// How many of the blobs the index finds in the right place.
std::size_t found(const BlobIndex& index, std::uint64_t first, std::uint64_t count) {
    std::size_t right = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto place = index.find(blob_id(first + i), kAllLive);
        if (place && place->pack == pack_name(first + i / 20 * 20) && place->row.frame_offset == 256 + 1000 * (i % 20))
            ++right;
    }
    return right;
}

TEST(Id16, SortsAsItsBytesDo) {
    for (std::uint64_t i = 0; i < 200; ++i) {
        const BlobId a = blob_id(i);
        const BlobId b = blob_id(i + 1);
        EXPECT_EQ(Id16::of(a) < Id16::of(b), a < b);
        EXPECT_TRUE(equal(Id16::of(a).bytes(), a.bytes().first(16)));
    }
}

TEST(IndexRun, FindsEveryRowAndNoOthers) {
    for (const bool encrypted : {true, false}) {
        TestRepository repository{encrypted};
        const std::vector<PackId> runs = write_runs(repository, make_rows(0, 3000));
        ASSERT_EQ(runs.size(), 1U);
        const OpenedIndex index = open_index(repository, runs);
        EXPECT_EQ(index.rows(), 3000U);
        EXPECT_EQ(found(index, 0, 3000), 3000U);
        for (std::uint64_t i = 3000; i < 6000; ++i) EXPECT_FALSE(index.find(blob_id(i), kAllLive).has_value());
    }
}

TEST(IndexRun, FindsEveryRowWithoutFiltersAndCacheToo) {
    TestRepository repository;
    const std::vector<PackId> runs = write_runs(repository, make_rows(0, 1000));
    const OpenedIndex index = open_index(repository, runs, {.filter_budget = 0, .page_budget = 0});
    EXPECT_EQ(found(index, 0, 1000), 1000U);
    EXPECT_FALSE(index.find(blob_id(1000), kAllLive).has_value());
}

TEST(IndexRun, TooManyRowsBecomeSeveralThatDoNotOverlap) {
    TestRepository repository;
    const std::vector<PackId> runs = write_runs(repository, make_rows(0, 1000), 300);
    ASSERT_EQ(runs.size(), 4U);
    EXPECT_EQ(found(open_index(repository, runs), 0, 1000), 1000U);
    Id16 before;
    for (const PackId& id : runs) {
        const RunSummary run = summarize_run(repository.store, repository.keys, repository.tools, id).value();
        EXPECT_GT(run.first, before);
        before = run.last;
    }
}

TEST(IndexRun, HoldsManyPacks) {
    TestRepository repository;
    Rows rows = make_rows(0, 2500);
    rows.packs.clear();
    for (std::uint32_t i = 0; i < rows.rows.size(); ++i) {
        rows.rows[i].pack = i;
        rows.packs.push_back(pack_name(i));
    }
    const std::vector<PackId> runs = write_runs(repository, rows);
    const OpenedIndex index = open_index(repository, runs);
    for (std::uint32_t i = 0; i < rows.rows.size(); ++i) {
        std::array<std::uint8_t, 32> id{};
        std::ranges::copy(rows.rows[i].id16, id.begin());
        EXPECT_EQ(index.find(BlobId{id}, kAllLive)->pack, pack_name(i));
    }
    EXPECT_EQ(index.covered_packs().value().size(), 2500U);
}

// Thirty rows of one blob lie in thirty packs, across frames of rows: any that lives will do, and only that.
TEST(IndexRun, FindsTheOneLivePackOfMany) {
    TestRepository repository;
    Rows rows;
    for (std::uint32_t i = 0; i < 900; ++i) {
        rows.packs.push_back(pack_name(i));
        rows.rows.push_back({.id16 = Id16::of(blob_id(5)).bytes(),
                             .pack = i,
                             .frame_offset = 256,
                             .frame_length = 100,
                             .blob_type = 1});
    }
    const Rows others = make_rows(100, 400);
    for (IndexRow row : others.rows) rows.rows.push_back(row);
    std::ranges::sort(rows.rows, row_before);
    const std::vector<PackId> runs = write_runs(repository, rows);
    const OpenedIndex index = open_index(repository, runs);
    for (const std::uint32_t live : {0U, 450U, 899U}) {
        const auto place = index.find(blob_id(5), [&](const PackId& pack) { return pack == pack_name(live).id; });
        ASSERT_TRUE(place.has_value()) << live;
        EXPECT_EQ(place->pack, pack_name(live));
    }
    EXPECT_FALSE(index.find(blob_id(5), [](const PackId&) { return false; }).has_value());
}

// Of each id what find() says of it, however many frames and runs lie between one and the next.
void expect_the_same_ascending(const BlobIndex& index, std::vector<BlobId> ids, const BlobIndex::IsLive& is_live) {
    std::ranges::sort(ids);
    std::map<std::size_t, IndexedBlob> all;
    index.find_ascending(ids, is_live, [&](std::size_t i, const IndexedBlob& row) {
        EXPECT_TRUE(all.emplace(i, row).second) << "said twice";
    });
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto one = index.find(ids[i], is_live);
        ASSERT_EQ(all.contains(i), one.has_value()) << i;
        if (!one) continue;
        EXPECT_EQ(all.at(i).pack, one->pack) << i;
        EXPECT_EQ(all.at(i).row, one->row) << i;
    }
}

TEST(IndexRun, FindsManyInTheirOrder) {
    TestRepository repository;
    std::vector<PackId> runs = write_runs(repository, make_rows(0, 5000), 2000);
    for (const PackId& run : write_runs(repository, make_rows(4000, 3000))) runs.push_back(run);
    // Thirty rows of each of two blobs, so that one frame ends and another begins with them.
    Rows often;
    for (std::uint32_t i = 0; i < 900; ++i) {
        often.packs.push_back(pack_name(i));
        often.rows.push_back({.id16 = Id16::of(blob_id(8000 + i % 2)).bytes(),
                              .pack = i,
                              .frame_offset = 256,
                              .frame_length = 100,
                              .blob_type = 1});
    }
    std::ranges::sort(often.rows, row_before);
    for (const PackId& run : write_runs(repository, often)) runs.push_back(run);

    for (const std::size_t filters : {std::size_t{0}, std::size_t{96} << 20U}) {
        const OpenedIndex index = open_index(repository, runs, {.filter_budget = filters});
        for (const std::uint64_t step : {1U, 7U, 400U}) {
            SCOPED_TRACE("every " + std::to_string(step) + ". of the ids");
            std::vector<BlobId> ids;
            for (std::uint64_t i = 0; i < 9000; i += step) ids.push_back(blob_id(i));
            for (std::uint64_t i = 0; i < 5; ++i) ids.push_back(blob_id(8001));
            expect_the_same_ascending(index, ids, kAllLive);
            expect_the_same_ascending(index, ids, [](const PackId& pack) { return pack.bytes()[0] % 4 == 0; });
            expect_the_same_ascending(index, ids, [](const PackId& pack) { return pack == pack_name(899).id; });
            expect_the_same_ascending(index, ids, [](const PackId&) { return false; });
        }
        expect_the_same_ascending(index, {}, kAllLive);
    }
}

TEST(IndexRun, WithAnyByteChangedIsLeftOutOrFindsTheTruth) {
    for (const bool encrypted : {true, false}) {
        TestRepository repository{encrypted};
        const std::vector<PackId> runs = write_runs(repository, make_rows(0, 40));
        const Bytes good = repository.store.objects()[run_object_name(runs[0])];
        for (std::size_t i = 0; i < good.size(); i += 3) {
            Bytes& bytes = repository.store.objects()[run_object_name(runs[0])];
            bytes = good;
            bytes[i] ^= 0x10;
            const OpenedIndex index = open_index(repository, runs);
            for (std::uint64_t blob = 0; blob < 40; blob += 13) {
                const auto place = index.find(blob_id(blob), kAllLive);
                EXPECT_TRUE(!place || place->pack == pack_name(blob / 20 * 20)) << i;
            }
        }
    }
}

TEST(IndexRun, CutShortAnywhereIsLeftOut) {
    TestRepository repository;
    const std::vector<PackId> runs = write_runs(repository, make_rows(0, 40));
    Bytes& bytes = repository.store.objects()[run_object_name(runs[0])];
    while (!bytes.empty()) {
        bytes.pop_back();
        EXPECT_EQ(open_index(repository, runs).unreadable(), runs);
    }
}

TEST(IndexRun, ThatIsAPackOfBlobsIsLeftOut) {
    TestRepository repository;
    const PackName pack = testing::put_small_pack(repository);
    repository.store.objects()[run_object_name(pack.id)] = repository.store.objects()[pack.object()];
    EXPECT_EQ(open_index(repository, {&pack.id, 1}).run_count(), 0U);
}

// --- the tail, which a writer with the keys may have made as it liked

struct TailSample {
    IndexTail tail;
    std::vector<DirectoryFrame> frames;
};

TailSample sample_tail() {
    TailSample sample;
    sample.tail.rows = 300;
    sample.tail.packs = 1025;
    sample.tail.filter_frames = 2;
    sample.tail.filter_keys_per_frame = 200;
    sample.tail.last = {9, 9};
    sample.tail.row_frames = {{{1, 0}, 256}, {{5, 0}, 44}};
    const auto frame = [&](FrameType type, std::uint32_t plain) {
        sample.frames.push_back({.type = type, .plain_length = plain, .blobs = {}});
    };
    frame(FrameType::IndexRows, 256 * 32);
    frame(FrameType::IndexRows, 44 * 32);
    frame(FrameType::IndexPacks, 1024 * 40);
    frame(FrameType::IndexPacks, 40);
    frame(FrameType::IndexFilter, 64);
    frame(FrameType::IndexFilter, 32);
    frame(FrameType::IndexTail, 100);
    return sample;
}

TEST(IndexTail, ComesBackAsItWasWritten) {
    const TailSample sample = sample_tail();
    const IndexTail tail = IndexTail::decode(sample.tail.encode(), sample.frames).value();
    EXPECT_EQ(tail.encode(), sample.tail.encode());
}

TEST(IndexTail, ThatDisagreesWithItselfOrTheDirectoryIsDamaged) {
    const auto damaged = [](auto change) {
        TailSample sample = sample_tail();
        change(sample);
        const Result<IndexTail> tail = IndexTail::decode(sample.tail.encode(), sample.frames);
        return !tail.ok() && tail.error().code() == ErrorCode::Damaged;
    };
    EXPECT_TRUE(damaged([](TailSample& s) { ++s.tail.rows; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.tail.packs = 1024; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.tail.packs = 0; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.tail.filter_frames = 1; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.tail.filter_keys_per_frame = 0; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.tail.filter_keys_per_frame = 100; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.tail.last = {4, 0}; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.tail.row_frames[1].first = {0, 0}; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.tail.row_frames[0].rows = 0; }));
    EXPECT_TRUE(damaged([](TailSample& s) {
        s.tail.row_frames[0].rows = 2049;
        s.tail.rows = 2049 + 44;
    }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.frames[0].type = FrameType::IndexFilter; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.frames[1].plain_length = 43 * 32; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.frames[4].plain_length = 33; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.frames[4].plain_length = 0; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.frames.back().type = FrameType::IndexFilter; }));
    EXPECT_TRUE(damaged([](TailSample& s) { s.frames.pop_back(); }));
    const TailSample good = sample_tail();
    const Bytes bytes = good.tail.encode();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(IndexTail::decode(ByteSpan{bytes}.first(size), good.frames).ok());
    }
}

// A run whose rows are not what its tail says, sealed with the right keys.
PackId write_odd_run(TestRepository& repository, const std::vector<IndexRow>& rows, std::uint64_t packs = 1) {
    IndexTail tail;
    tail.rows = rows.size();
    tail.packs = packs;
    tail.last = rows.back().id();
    tail.row_frames = {{rows.front().id(), static_cast<std::uint32_t>(rows.size())}};
    PackWriter pack{repository.session_keys, PackClass::IndexRun, Buffer{1U << 20}, 1U << 20};
    AesGcm gcm;
    const auto frame = [&](FrameType type, ByteSpan plain) {
        Bytes entry;
        encode_directory_frame(type, static_cast<std::uint32_t>(plain.size()), static_cast<std::uint32_t>(plain.size()),
                               {}, entry);
        pack.seal(gcm, pack.reserve(plain.size(), entry),
                  {.type = type, .plain_length = static_cast<std::uint32_t>(plain.size())}, plain);
    };
    frame(FrameType::IndexRows, {reinterpret_cast<const std::uint8_t*>(rows.data()), rows.size() * sizeof(IndexRow)});
    frame(FrameType::IndexPacks, Bytes(packs * kPackEntrySize, 1));
    frame(FrameType::IndexTail, tail.encode());
    const FinishedPack finished = pack.finish(gcm);
    put_pack(repository.store, run_object_name(finished.id), finished, Durability::Now).value();
    return finished.id;
}

TEST(IndexRun, RowsThatCannotBeAreNotBelieved) {
    TestRepository repository;
    const IndexRow good{.id16 = {1}, .pack = 0, .frame_offset = 256, .frame_length = 100, .blob_type = 1};
    const auto believed = [&](auto change) {
        IndexRow row = good;
        change(row);
        const PackId run = write_odd_run(repository, {row});
        const auto reader = IndexRunReader::open(repository.store, repository.keys, repository.tools, run).value();
        return reader->read_rows(0).ok();
    };
    EXPECT_TRUE(believed([](IndexRow&) {}));
    EXPECT_FALSE(believed([](IndexRow& row) { row.pack = 1; }));
    EXPECT_FALSE(believed([](IndexRow& row) { row.frame_offset = 255; }));
    EXPECT_FALSE(believed([](IndexRow& row) { row.frame_offset = kMaxPackSize; }));
    EXPECT_FALSE(believed([](IndexRow& row) { row.frame_length = kFrameOverhead; }));
    EXPECT_FALSE(believed([](IndexRow& row) { row.frame_length = UINT32_MAX; }));
    EXPECT_FALSE(believed([](IndexRow& row) { row.blob_type = 0; }));
    EXPECT_FALSE(believed([](IndexRow& row) { row.blob_type = 5; }));
    EXPECT_FALSE(believed([](IndexRow& row) { row.zero = 1; }));

    IndexRow later = good;
    later.id16 = {2};
    IndexRow last = good;
    last.id16 = {3};
    const PackId unsorted = write_odd_run(repository, {good, last, later, last});
    const auto reader = IndexRunReader::open(repository.store, repository.keys, repository.tools, unsorted).value();
    EXPECT_EQ(reader->read_rows(0).error().code(), ErrorCode::Damaged);
}

// --- filters

TEST(IndexFilter, NeverDeniesAKeyAndSeldomLetsAnotherPass) {
    Bytes filter(filter_size_for(10'000));
    for (std::uint64_t i = 0; i < 10'000; ++i) filter_add(filter, Id16::of(blob_id(i)));
    std::size_t passed = 0;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        EXPECT_TRUE(filter_may_hold(filter, Id16::of(blob_id(i))));
        passed += filter_may_hold(filter, Id16::of(blob_id(50'000 + i))) ? 1 : 0;
    }
    EXPECT_LT(passed, 250U);
}

// The words of FORMAT 8, worked out by hand for one key.
TEST(IndexFilter, SetsTheBitsOfTheFormat) {
    Bytes filter(2 * kFilterBlock);
    std::array<std::uint8_t, 32> id{};
    id[0] = 1;     // u32 hash = 1
    id[7] = 0x80;  // upper half = 0x80000000: the second of two blocks
    filter_add(filter, Id16::of(BlobId{id}));
    const std::uint32_t salt[8] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                   0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
    for (std::size_t i = 0; i < 8; ++i) {
        std::uint32_t word;
        std::memcpy(&word, filter.data() + kFilterBlock + 4 * i, 4);
        EXPECT_EQ(word, 1U << (salt[i] >> 27U));
    }
    EXPECT_TRUE(std::ranges::all_of(ByteSpan{filter}.first(kFilterBlock), [](std::uint8_t byte) { return byte == 0; }));
}

// --- merging

TEST(IndexMerge, KeepsEveryRowOfALivePackAndDropsTheRest) {
    TestRepository repository;
    std::vector<PackId> runs;
    for (std::uint64_t i = 0; i < 5; ++i) {
        for (const PackId& run : write_runs(repository, make_rows(i * 1000, 700))) runs.push_back(run);
    }
    const std::set<PackId> dead = {pack_name(0).id, pack_name(2040).id};
    const auto is_live = [&](const PackId& pack) { return !dead.contains(pack); };
    const auto merged =
        merge_runs(repository.store, repository.session_keys, repository.tools, runs, is_live, Durability::Now).value();
    ASSERT_EQ(merged.size(), 1U);
    const OpenedIndex index = open_index(repository, {&merged[0].id, 1});
    EXPECT_EQ(index.rows(), 5 * 700 - 2 * 20U);
    EXPECT_EQ(found(index, 3000, 700), 700U);
    EXPECT_EQ(found(index, 0, 700), 680U);
    EXPECT_EQ(found(index, 2000, 700), 680U);
}

TEST(IndexMerge, WritesARowThatSeveralRunsHaveOnce) {
    TestRepository repository;
    std::vector<PackId> runs = write_runs(repository, make_rows(0, 500));
    for (const PackId& run : write_runs(repository, make_rows(0, 300))) runs.push_back(run);
    const auto merged =
        merge_runs(repository.store, repository.session_keys, repository.tools, runs, kAllLive, Durability::Now)
            .value();
    const OpenedIndex index = open_index(repository, {&merged[0].id, 1});
    EXPECT_EQ(index.rows(), 500U);
    EXPECT_EQ(found(index, 0, 500), 500U);
}

TEST(IndexMerge, OfNothingThatLivesWritesNothing) {
    TestRepository repository;
    const std::vector<PackId> runs = write_runs(repository, make_rows(0, 500));
    const auto none = merge_runs(
        repository.store, repository.session_keys, repository.tools, runs, [](const PackId&) { return false; },
        Durability::Now);
    EXPECT_TRUE(none.value().empty());
}

TEST(IndexMerge, OfADamagedRunFails) {
    TestRepository repository;
    const std::vector<PackId> runs = write_runs(repository, make_rows(0, 500));
    repository.store.objects()[run_object_name(runs[0])][kPackHeaderSize + 60] ^= 1;
    const auto merged =
        merge_runs(repository.store, repository.session_keys, repository.tools, runs, kAllLive, Durability::Now);
    EXPECT_EQ(merged.error().code(), ErrorCode::Damaged);
}

RunSummary summary(std::uint64_t number, std::uint64_t rows, std::uint64_t first, std::uint64_t last) {
    return {pack_name(number).id, rows, {first, 0}, {last, 0}};
}

TEST(IndexMergePlan, LeavesAFewRunsAlone) {
    std::vector<RunSummary> runs;
    for (std::uint64_t i = 0; i < 8; ++i) runs.push_back(summary(i, 100, 0, 1000));
    EXPECT_TRUE(plan_merge(runs).empty());
    EXPECT_TRUE(plan_merge({}).empty());
}

TEST(IndexMergePlan, CountsRunsThatDoNotOverlapAsOne) {
    std::vector<RunSummary> runs;
    for (std::uint64_t i = 0; i < 100; ++i) runs.push_back(summary(i, 500'000, i * 10, i * 10 + 9));
    EXPECT_TRUE(plan_merge(runs).empty());
}

TEST(IndexMergePlan, MergesTheSmallOnesAndLeavesTheLargeOne) {
    std::vector<RunSummary> runs = {summary(99, 10'000'000, 0, 1000)};
    for (std::uint64_t i = 0; i < 8; ++i) runs.push_back(summary(i, 100, 0, 1000));
    const std::vector<PackId> chosen = plan_merge(runs);
    EXPECT_EQ(chosen.size(), 8U);
    EXPECT_EQ(std::ranges::count(chosen, pack_name(99).id), 0);
}

TEST(IndexMergePlan, EndsWithinTheDepthHoweverManyThereAre) {
    std::vector<RunSummary> runs;
    for (std::uint64_t i = 0; i < 50; ++i) runs.push_back(summary(i, std::uint64_t{1} << (i % 40), 0, 1000));
    const std::vector<PackId> chosen = plan_merge(runs);
    EXPECT_LE(runs.size() - chosen.size() + 1, kMaxRunDepth);
}

// Every backup adds a run, and what a merge writes is cut into runs of kRowsPerRun.
struct History {
    std::vector<RunSummary> runs;
    std::uint64_t written = 0;
    std::uint64_t number = 0;

    void add(std::uint64_t rows, std::uint64_t first, std::uint64_t last) {
        const std::uint64_t pieces = (rows + kRowsPerRun - 1) / kRowsPerRun;
        const std::uint64_t width = (last - first) / pieces;
        for (std::uint64_t i = 0; i < pieces; ++i) {
            const std::uint64_t share = rows * (i + 1) / pieces - rows * i / pieces;
            runs.push_back(summary(number++, share, first + i * width, first + (i + 1) * width - 1));
        }
        written += rows;
        const std::vector<PackId> merged = plan_merge(runs);
        if (merged.empty()) return;
        const auto goes = [&](const RunSummary& run) { return std::ranges::find(merged, run.id) != merged.end(); };
        std::uint64_t sum = 0, low = ~std::uint64_t{0}, high = 0;
        for (const RunSummary& run : runs) {
            if (!goes(run)) continue;
            sum += run.rows;
            low = std::min(low, run.first.high);
            high = std::max(high, run.last.high);
        }
        std::erase_if(runs, goes);
        add(sum, low, high + 1);
    }
};

TEST(IndexMergePlan, WritesARowAgainSeldomHoweverManyRunsAreFull) {
    History history;
    constexpr std::uint64_t kBackups = 2000, kRows = 10'000, kEverywhere = std::uint64_t{1} << 40;
    for (std::uint64_t i = 0; i < kBackups; ++i) history.add(kRows, 0, kEverywhere);
    EXPECT_LE(history.written, kBackups * kRows * 8);
    EXPECT_LE(history.runs.size(), kBackups * kRows / kRowsPerRun * 2 + kMaxSmallRuns);
}

TEST(IndexMergePlan, KeepsRunsOfFewRowsFewAlthoughTheyDoNotOverlap) {
    History history;
    constexpr std::uint64_t kBackups = 2000;
    for (std::uint64_t i = 0; i < kBackups; ++i) history.add(2, i * 7919 % kBackups * 10, i * 7919 % kBackups * 10 + 9);
    EXPECT_LE(history.runs.size(), kMaxSmallRuns);
    EXPECT_LE(history.written, kBackups * 2 * 8);
}

// --- rebuilding

TEST(IndexRebuild, SaysTheSameAsTheIndexThatWasLost) {
    TestRepository repository;
    std::vector<testing::TestBlob> blobs;
    const PackName one = testing::put_small_pack(repository, &blobs, 1);
    const PackName two = testing::put_small_pack(repository, nullptr, 2);
    const PackName broken = testing::put_small_pack(repository, nullptr, 3);
    repository.store.objects()[broken.object()].pop_back();
    const std::vector<PackName> packs = {one, two, broken};
    const RebuiltIndex rebuilt = rebuild_index(repository.store, repository.session_keys, repository.tools,
                                               repository.pool, packs, Durability::Now)
                                     .value();
    EXPECT_EQ(rebuilt.rows, 8U);
    EXPECT_EQ(rebuilt.unreadable, std::vector{broken});
    ASSERT_EQ(rebuilt.runs.size(), 1U);
    const OpenedIndex index = open_index(repository, {&rebuilt.runs[0].id, 1});
    for (const testing::TestBlob& blob : blobs) EXPECT_EQ(index.find(blob.id, kAllLive)->pack, one);
}

}  // namespace
}  // namespace dr
