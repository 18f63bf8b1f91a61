#include "dr/repository/pack_sink.h"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "dr/repository/pack_source.h"
#include "dr/repository/pack_testing.h"

namespace dr {
namespace {

using testing::add;
using testing::noise;
using testing::TestBlob;
using testing::TestRepository;
using testing::text_like;

// Small, so that a test has many frames and packs.
PackSinkOptions small_options() {
    PackSinkOptions options;
    options.small_limit = 2048;
    options.solid_target = 8192;
    options.pipeline.pack_target = 64U << 10;
    options.pipeline.memory_budget = 1U << 20;
    return options;
}

// Small and large, data and metadata, compressible and not, in no order.
std::vector<TestBlob> mixed_blobs(const TestRepository& repository, std::size_t count, std::uint64_t seed = 1) {
    std::vector<TestBlob> blobs;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t one = seed * 1'000'003 + i;
        const std::size_t size = i % 7 == 0 ? 3000 + i % 5000 : 1 + one % 900;
        const BlobType type = i % 5 == 0 ? BlobType::Tree : BlobType::Data;
        Bytes bytes = i % 3 == 0 ? noise(size, one) : text_like(size, one);
        // So that no two are equal, however short.
        for (std::size_t b = 0; b < 8 && b < size; ++b) bytes[b] = static_cast<std::uint8_t>(one >> (8 * b));
        blobs.push_back(repository.blob(std::move(bytes), type));
    }
    return blobs;
}

PackSource source_of(TestRepository& repository, std::span<const PackId> runs) {
    return PackSource{{.objects = repository.store,
                       .keys = repository.keys,
                       .is_live = [](const PackId&) { return true; },
                       .live_packs = [&repository] { return repository.stored_packs(); }},
                      runs};
}

void expect_all_there(TestRepository& repository, std::span<const PackId> runs, std::span<const TestBlob> blobs) {
    PackSource source = source_of(repository, runs);
    for (const TestBlob& blob : blobs) {
        const Result<Bytes> read = source.read(blob.type, blob.id);
        ASSERT_TRUE(read.ok()) << read.error().one_line();
        ASSERT_EQ(read.value(), blob.bytes);
    }
}

TEST(PackSink, WhatIsAddedCanBeRead) {
    for (const bool encrypted : {true, false}) {
        TestRepository repository{encrypted};
        const auto blobs = mixed_blobs(repository, 600);
        PackSink sink{repository.sink_world(), small_options()};
        for (const TestBlob& blob : blobs) EXPECT_TRUE(add(sink, blob).value());
        const SinkResult result = sink.finish().value();
        EXPECT_GT(result.packs.size(), 3U);
        EXPECT_EQ(result.runs.size(), 1U);
        EXPECT_EQ(result.totals.blobs_stored, 600U);
        EXPECT_GE(repository.store.syncs, 1);
        expect_all_there(repository, result.runs, blobs);
    }
}

TEST(PackSink, ItsTotalsAreWhatLiesInTheStore) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    std::uint64_t plain = 0;
    for (const TestBlob& blob : mixed_blobs(repository, 300)) {
        add(sink, blob).value();
        plain += blob.bytes.size();
    }
    const SinkResult result = sink.finish().value();
    std::uint64_t stored = 0;
    for (const auto& [name, bytes] : repository.store.objects()) stored += bytes.size();
    EXPECT_EQ(result.totals.bytes_stored, stored);
    EXPECT_EQ(result.totals.bytes_plain, plain);
    for (const StoredPack& pack : result.packs) {
        EXPECT_EQ(repository.store.size(pack_object_name(7, pack.id)).value(), pack.size);
    }
}

TEST(PackSink, KeepsDataAndMetadataInPacksOfTheirOwn) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    for (const TestBlob& blob : mixed_blobs(repository, 200)) add(sink, blob).value();
    const SinkResult result = sink.finish().value();
    for (const StoredPack& pack : result.packs) {
        const PackContents contents =
            read_pack_contents(repository.store, repository.keys, repository.tools, PackName{7, pack.id}).value();
        EXPECT_EQ(static_cast<std::uint8_t>(contents.footer.header.pack_class), pack.pack_class);
        for (const DirectoryFrame& frame : contents.frames) {
            for (const DirectoryBlob& blob : frame.blobs) EXPECT_EQ(blob.type == BlobType::Data, pack.pack_class == 1);
        }
    }
}

std::size_t size_at_level(const Bytes& bytes, int level) {
    Bytes out(bytes.size());
    return Compressor{level}.compress(bytes, out).value();
}

// What is binary gets level 3, but for metadata; a level that was asked for is for both.
TEST(PackSink, CompressesByContentAndClass) {
    Bytes binary;
    for (std::uint64_t i = 0; i < 2000; ++i) {
        const Bytes part = noise(12, i % 97);
        append(binary, part);
        append(binary, Bytes(4, static_cast<std::uint8_t>(i % 5)));
        append(binary, noise(8, i));
    }
    ASSERT_EQ(level_for(binary, kLevelByContent), 3);
    ASSERT_NE(size_at_level(binary, 1), size_at_level(binary, 3));
    ASSERT_NE(size_at_level(binary, 9), size_at_level(binary, 3));
    for (const int setting : {kLevelByContent, 9}) {
        for (const BlobType type : {BlobType::Data, BlobType::Tree, BlobType::Extents, BlobType::Attributes}) {
            TestRepository repository;
            PackSinkOptions options = small_options();
            options.pipeline.compression = setting;
            PackSink sink{repository.sink_world(), options};
            add(sink, repository.blob(binary, type)).value();
            const PackName pack{7, sink.finish().value().packs.at(0).id};
            const PackContents contents =
                read_pack_contents(repository.store, repository.keys, repository.tools, pack).value();
            const int level = setting != kLevelByContent ? setting : type == BlobType::Data ? 3 : 1;
            EXPECT_EQ(contents.frames.at(0).payload_length, size_at_level(binary, level));
        }
    }
}

TEST(PackSink, PutsSmallBlobsIntoSolidFramesAndLargeOnesIntoTheirOwn) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    for (const TestBlob& blob : mixed_blobs(repository, 300)) add(sink, blob).value();
    for (const StoredPack& pack : sink.finish().value().packs) {
        const PackContents contents =
            read_pack_contents(repository.store, repository.keys, repository.tools, PackName{7, pack.id}).value();
        EXPECT_LE(contents.footer.frames_end, 64U << 10);
        for (const DirectoryFrame& frame : contents.frames) {
            EXPECT_LE(frame.plain_length, 8192U);
            for (const DirectoryBlob& blob : frame.blobs) EXPECT_EQ(blob.length < 2048, frame.type == FrameType::Solid);
        }
    }
}

TEST(PackSink, EqualBlobsAreStoredOnce) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    const auto blobs = mixed_blobs(repository, 50);
    for (const TestBlob& blob : blobs) EXPECT_TRUE(add(sink, blob).value());
    for (const TestBlob& blob : blobs) {
        EXPECT_FALSE(add(sink, blob).value());
        EXPECT_TRUE(sink.reuse(blob.id).value());
    }
    EXPECT_FALSE(sink.reuse(repository.blob(noise(10, 99)).id).value());
    const SinkResult result = sink.finish().value();
    EXPECT_EQ(result.totals.blobs_added, 100U);
    EXPECT_EQ(result.totals.blobs_stored, 50U);
    EXPECT_EQ(result.totals.bytes_deduplicated, result.totals.bytes_plain);
    EXPECT_TRUE(result.newrefs.empty());
}

// The same bytes as data and as a tree are two blobs: they have different names.
TEST(PackSink, TheTypeIsPartOfABlobsName) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    const Bytes bytes = text_like(100, 1);
    EXPECT_TRUE(add(sink, repository.blob(bytes, BlobType::Data)).value());
    EXPECT_TRUE(add(sink, repository.blob(bytes, BlobType::Tree)).value());
}

TEST(PackSink, FindsBlobsOfLivePacksAndNamesThosePacks) {
    TestRepository repository;
    const auto blobs = mixed_blobs(repository, 100);
    SinkResult first;
    {
        PackSink sink{repository.sink_world(), small_options()};
        for (const TestBlob& blob : blobs) add(sink, blob).value();
        first = sink.finish().value();
    }
    BlobIndex index{repository.store, repository.keys, repository.tools};
    index.add_runs(first.runs);
    SessionKeys next_keys{repository.keys, 8, repository.host, repository.random, repository.clock};
    PackId dead;
    PackSink sink{{.objects = repository.store,
                   .pool = repository.pool,
                   .keys = next_keys,
                   .index = &index,
                   .is_live = [&dead](const PackId& pack) { return pack != dead; }},
                  small_options()};
    EXPECT_FALSE(add(sink, blobs[1]).value());
    const SinkResult result = sink.finish().value();
    EXPECT_TRUE(result.packs.empty());
    EXPECT_TRUE(result.runs.empty());
    ASSERT_EQ(result.newrefs.size(), 1U);

    dead = result.newrefs[0];
    PackSink after{{.objects = repository.store,
                    .pool = repository.pool,
                    .keys = next_keys,
                    .index = &index,
                    .is_live = [&dead](const PackId& pack) { return pack != dead; }},
                   small_options()};
    EXPECT_TRUE(add(after, blobs[1]).value()) << "a pack that is not live is no place to find blobs";
}

std::map<std::string, Bytes, std::less<>> repository_bytes(unsigned workers, std::size_t spill_rows) {
    TestRepository repository{true, workers};
    PackSinkOptions options = small_options();
    options.spill_rows = spill_rows;
    PackSink sink{repository.sink_world(), options};
    for (const TestBlob& blob : mixed_blobs(repository, 900)) add(sink, blob).value();
    sink.finish().value();
    return repository.store.objects();
}

TEST(PackSink, TheBytesDoNotDependOnTheNumberOfThreads) {
    for (const std::size_t spill_rows : {1'000'000UL, 250UL}) {
        const auto one = repository_bytes(1, spill_rows);
        EXPECT_EQ(one, repository_bytes(2, spill_rows));
        EXPECT_EQ(one, repository_bytes(8, spill_rows));
        EXPECT_EQ(one, repository_bytes(8, spill_rows));
    }
}

TEST(PackSink, RemembersBlobsThatItSpilledIntoRuns) {
    TestRepository repository;
    PackSinkOptions options = small_options();
    options.spill_rows = 100;
    const auto blobs = mixed_blobs(repository, 450);
    PackSink sink{repository.sink_world(), options};
    for (const TestBlob& blob : blobs) EXPECT_TRUE(add(sink, blob).value());
    for (const TestBlob& blob : blobs) EXPECT_FALSE(add(sink, blob).value());
    const SinkResult result = sink.finish().value();
    EXPECT_EQ(result.runs.size(), 5U);
    EXPECT_EQ(result.totals.blobs_stored, 450U);
    expect_all_there(repository, result.runs, blobs);
}

TEST(PackSink, ACheckpointNamesWhatIsNewAndTheSessionGoesOn) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    const auto blobs = mixed_blobs(repository, 300);
    for (std::size_t i = 0; i < 150; ++i) add(sink, blobs[i]).value();
    const SinkResult first = sink.checkpoint().value();
    expect_all_there(repository, first.runs, std::span{blobs}.first(150));
    for (const TestBlob& blob : blobs) add(sink, blob).value();
    const SinkResult second = sink.finish().value();
    EXPECT_EQ(second.totals.blobs_stored, 300U);
    for (const StoredPack& pack : second.packs) {
        for (const StoredPack& before : first.packs) EXPECT_NE(pack.id, before.id);
    }
    EXPECT_EQ(first.packs.size() + second.packs.size(), repository.stored_packs().size());
    std::vector<PackId> runs = first.runs;
    runs.insert(runs.end(), second.runs.begin(), second.runs.end());
    expect_all_there(repository, runs, blobs);
}

// --- adoption

struct DeadSession {
    explicit DeadSession(TestRepository& in, std::size_t count) : repository(in), blobs(mixed_blobs(in, count)) {
        PackSink sink{repository.sink_world(), small_options()};
        for (const TestBlob& blob : blobs) add(sink, blob).value();
        sink.finish().value();  // and then it was killed: nothing was committed
        packs = repository.stored_packs();
    }
    TestRepository& repository;
    std::vector<TestBlob> blobs;
    std::vector<PackName> packs;
};

TEST(PackSinkAdoption, BlobsOfADeadSessionAreNotStoredAgain) {
    TestRepository repository;
    DeadSession dead{repository, 300};
    SessionKeys keys{repository.keys, 9, repository.host, repository.random, repository.clock};
    PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}, small_options()};
    EXPECT_EQ(sink.adopt(dead.packs).value(), dead.packs.size());
    EXPECT_EQ(repository.store.synced_directories, std::vector<std::string>{session_directory_name(7)});
    for (const TestBlob& blob : dead.blobs) EXPECT_FALSE(add(sink, blob).value());
    const TestBlob fresh = repository.blob(text_like(500, 77));
    EXPECT_TRUE(add(sink, fresh).value());
    const SinkResult result = sink.finish().value();
    EXPECT_EQ(result.packs.size(), dead.packs.size() + 1) << "they are the session's own now";
    EXPECT_TRUE(result.newrefs.empty());
    expect_all_there(repository, result.runs, dead.blobs);
    expect_all_there(repository, result.runs, {&fresh, 1});
}

TEST(PackSinkAdoption, PacksThatNobodyNeedsAreNotTakenOver) {
    TestRepository repository;
    DeadSession dead{repository, 300};
    SessionKeys keys{repository.keys, 9, repository.host, repository.random, repository.clock};
    PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}, small_options()};
    sink.adopt(dead.packs).value();
    add(sink, dead.blobs[1]).value();
    const SinkResult result = sink.finish().value();
    ASSERT_EQ(result.packs.size(), 1U);
    BlobIndex index{repository.store, repository.keys, repository.tools};
    index.add_runs(result.runs);
    const std::vector<PackName> covered = index.covered_packs().value();
    ASSERT_EQ(covered.size(), 1U);
    EXPECT_EQ(covered[0].id, result.packs[0].id);
    EXPECT_EQ(covered[0].session, 7U) << "the row says where the pack lies";
}

TEST(PackSinkAdoption, SurvivesASpillAndACheckpoint) {
    TestRepository repository;
    DeadSession dead{repository, 200};
    SessionKeys keys{repository.keys, 9, repository.host, repository.random, repository.clock};
    PackSinkOptions options = small_options();
    options.spill_rows = 100;
    PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}, options};
    sink.adopt(dead.packs).value();
    add(sink, repository.blob(text_like(500, 77))).value();  // spills what was adopted
    EXPECT_FALSE(add(sink, dead.blobs[3]).value());
    const SinkResult first = sink.checkpoint().value();
    for (const TestBlob& blob : dead.blobs) EXPECT_FALSE(add(sink, blob).value());
    const SinkResult second = sink.finish().value();
    EXPECT_EQ(first.packs.size() + second.packs.size(), dead.packs.size() + 1);
}

TEST(PackSinkAdoption, DamagedPacksAreLeftAlone) {
    TestRepository repository;
    DeadSession dead{repository, 300};
    repository.store.objects()[dead.packs[0].object()][300] ^= 1;
    repository.store.objects()[dead.packs[1].object()].resize(900);
    SessionKeys keys{repository.keys, 9, repository.host, repository.random, repository.clock};
    PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}, small_options()};
    EXPECT_EQ(sink.adopt(dead.packs).value(), dead.packs.size() - 2);
    for (const TestBlob& blob : dead.blobs) add(sink, blob).value();
    const SinkResult result = sink.finish().value();
    EXPECT_GT(result.totals.blobs_stored, 0U);
    expect_all_there(repository, result.runs, dead.blobs);
}

TEST(PackSinkAdoption, AStoreThatCannotBeReadStopsIt) {
    TestRepository repository;
    DeadSession dead{repository, 30};
    repository.store.before_read = [](auto...) -> Result<void> { return Error{ErrorCode::Io, "the disk is gone"}; };
    SessionKeys keys{repository.keys, 9, repository.host, repository.random, repository.clock};
    PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}, small_options()};
    EXPECT_EQ(sink.adopt(dead.packs).error().code(), ErrorCode::Io);
}

// --- failing

TEST(PackSinkFailure, OfTheStoreReachesAddOrFinishAndEveryCallAfterIt) {
    for (int allowed = 0; allowed < 6; ++allowed) {
        TestRepository repository;
        std::atomic<int> puts{0};
        repository.store.before_put = [&](std::string_view) -> Result<void> {
            if (puts++ < allowed) return {};
            return Error{ErrorCode::NoSpace, "the disk is full"};
        };
        PackSink sink{repository.sink_world(), small_options()};
        bool failed = false;
        for (const TestBlob& blob : mixed_blobs(repository, 700)) {
            const Result<bool> added = add(sink, blob);
            if (!added.ok()) {
                EXPECT_EQ(added.error().code(), ErrorCode::NoSpace);
                failed = true;
                break;
            }
        }
        const Result<SinkResult> finished = sink.finish();
        EXPECT_EQ(finished.error().code(), ErrorCode::NoSpace) << failed;
    }
}

TEST(PackSinkFailure, OfTheLastSyncMeansThatNothingIsStored) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    add(sink, repository.blob(text_like(100, 1))).value();
    repository.store.sync_error = Error{ErrorCode::Io, "the disk went away"};
    EXPECT_EQ(sink.finish().error().code(), ErrorCode::Io);
}

TEST(PackSink, DroppedInTheMiddleItWaitsForItsTasksAndGoes) {
    for (int round = 0; round < 5; ++round) {
        TestRepository repository;
        PackSink sink{repository.sink_world(), small_options()};
        for (const TestBlob& blob : mixed_blobs(repository, 200)) add(sink, blob).value();
    }
}

// A pack is named by the hash of its bytes: one that is there already is the same, or it is broken.
TEST(PackSink, TakesAPackThatIsThereAlreadyOnlyIfItIsWhole) {
    const auto store_with = [](std::function<void(Bytes&)> change) {
        TestRepository first;
        PackSink sink{first.sink_world(), small_options()};
        add(sink, first.blob(text_like(100, 1))).value();
        sink.finish().value();
        TestRepository second;
        for (auto& [name, bytes] : first.store.objects()) {
            if (!name.starts_with("packs")) continue;
            Bytes changed = bytes;
            change(changed);
            second.store.put_new(name, ByteSpan{changed}, Durability::Now).value();
        }
        PackSink again{second.sink_world(), small_options()};
        add(again, second.blob(text_like(100, 1))).value();
        return again.finish();
    };
    EXPECT_TRUE(store_with([](Bytes&) {}).ok());
    EXPECT_EQ(store_with([](Bytes& bytes) { bytes[400] ^= 1; }).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(store_with([](Bytes& bytes) { bytes.pop_back(); }).error().code(), ErrorCode::Damaged);
}

// --- memory

TEST(PackSinkMemory, StaysNearItsBudgetHoweverSlowTheStoreIs) {
    TestRepository repository{true, 1};
    repository.store.before_put = [](std::string_view) -> Result<void> {
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
        return {};
    };
    PackSinkOptions options = small_options();
    options.pipeline.memory_budget = 512U << 10;
    PackSink sink{repository.sink_world(), options};
    for (std::size_t i = 0; i < 1000; ++i) add(sink, repository.blob(noise(5000, i))).value();
    sink.finish().value();
    EXPECT_LE(sink.peak_memory(), (512U << 10) + (300U << 10)) << "a blob and a pack more than the budget at most";
}

// Open packs count, and nothing makes them go away but more blobs: then the budget must give way.
TEST(PackSinkMemory, ABudgetSmallerThanAPackDoesNotStopTheSink) {
    TestRepository repository;
    PackSinkOptions options = small_options();
    options.pipeline.memory_budget = 1000;
    PackSink sink{repository.sink_world(), options};
    const auto blobs = mixed_blobs(repository, 300);
    for (const TestBlob& blob : blobs) add(sink, blob).value();
    expect_all_there(repository, sink.finish().value().runs, blobs);
}

TEST(PackSink, HoldsALargeBlobOnlyUntilItIsSealed) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    const TestBlob blob = repository.blob(noise(5000, 1));
    auto owner = std::make_shared<const Bytes>(blob.bytes);
    const std::weak_ptr<const Bytes> watched = owner;
    const ByteSpan bytes = *owner;
    sink.add(blob.type, blob.id, {bytes, std::move(owner)}).value();
    sink.finish().value();
    EXPECT_TRUE(watched.expired());
}

TEST(PackSink, ABlobLargerThanAPackGetsAPackOfItsOwn) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    const TestBlob blob = repository.blob(noise(200'000, 1));
    add(sink, blob).value();
    const SinkResult result = sink.finish().value();
    EXPECT_EQ(result.packs.size(), 1U);
    expect_all_there(repository, result.runs, {&blob, 1});
}

TEST(PackSink, WithNothingAddedWritesNothing) {
    TestRepository repository;
    PackSink sink{repository.sink_world(), small_options()};
    const SinkResult result = sink.finish().value();
    EXPECT_TRUE(result.packs.empty());
    EXPECT_TRUE(result.runs.empty());
    EXPECT_TRUE(repository.store.objects().empty());
}

}  // namespace
}  // namespace dr
