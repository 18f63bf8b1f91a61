#include "dr/repository/pack_source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "dr/repository/index_merge.h"
#include "dr/repository/pack_testing.h"

namespace dr {
namespace {

using testing::add;
using testing::noise;
using testing::TestBlob;
using testing::TestRepository;
using testing::text_like;

// Two sessions that stored blobs, and a source over both.
struct Stored {
    explicit Stored(bool encrypted = true) : repository(encrypted) {
        PackSinkOptions options;
        options.small_limit = 2048;
        options.solid_target = 8192;
        options.pipeline.pack_target = 32U << 10;
        for (std::uint64_t session = 7; session < 9; ++session) {
            SessionKeys keys{repository.keys, session, repository.host, repository.random, repository.clock};
            PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}, options};
            for (std::size_t i = 0; i < 120; ++i) {
                const std::uint64_t seed = session * 1000 + i;
                blobs.push_back(repository.blob(i % 6 == 0 ? noise(3000 + i, seed) : text_like(200 + i, seed),
                                                i % 4 == 0 ? BlobType::Extents : BlobType::Data));
                add(sink, blobs.back()).value();
            }
            const SinkResult result = sink.finish().value();
            runs.insert(runs.end(), result.runs.begin(), result.runs.end());
        }
    }
    PackSource source(BlobIndex::IsLive is_live = [](const PackId&) { return true; }) {
        return PackSource{{.objects = repository.store,
                           .keys = repository.keys,
                           .is_live = is_live,
                           .live_packs =
                               [this, is_live] {
                                   ++asked_for_packs;
                                   std::vector<PackName> packs = repository.stored_packs();
                                   std::erase_if(packs, [&](const PackName& pack) { return !is_live(pack.id); });
                                   return packs;
                               }},
                          runs};
    }
    void expect_all_there(PackSource& source) {
        for (const TestBlob& blob : blobs) {
            const Result<Bytes> read = source.read(blob.type, blob.id);
            ASSERT_TRUE(read.ok()) << read.error().one_line();
            ASSERT_EQ(read.value(), blob.bytes);
        }
    }

    TestRepository repository;
    std::vector<TestBlob> blobs;
    std::vector<PackId> runs;
    std::atomic<int> asked_for_packs{0};
};

TEST(PackSource, ReadsWhatWasStored) {
    for (const bool encrypted : {true, false}) {
        Stored stored{encrypted};
        PackSource source = stored.source();
        stored.expect_all_there(source);
        EXPECT_EQ(stored.asked_for_packs, 0) << "the index is enough";
    }
}

TEST(PackSource, PlacesOpenToTheFrameThatHoldsTheBlob) {
    Stored stored;
    PackSource source = stored.source();
    for (const TestBlob& blob : stored.blobs) {
        const BlobPlace place = source.locate(blob.id).value();
        const auto frame = source.open_frame(place).value();
        ASSERT_LT(place.ordinal, frame->blobs.size());
        EXPECT_TRUE(equal(frame->blobs[place.ordinal], blob.bytes));
        EXPECT_TRUE(source.check(blob.type, blob.id, frame->blobs[place.ordinal]).ok());
        EXPECT_FALSE(source.pack_id(place.pack).is_zero());
    }
}

// Also where there is no index, and where damage is met before or meanwhile.
TEST(PackSource, SaysOfManyAtOnceWhatItSaysOfEach) {
    enum class Case : std::uint8_t { Sound, NoIndex, HalfAnIndex, DamageBefore, DamageMeanwhile };
    for (const Case now : {Case::Sound, Case::NoIndex, Case::HalfAnIndex, Case::DamageBefore, Case::DamageMeanwhile}) {
        SCOPED_TRACE(static_cast<int>(now));
        Stored stored;
        std::vector<BlobId> ids(3);  // that of no blob, three times
        for (const TestBlob& blob : stored.blobs) ids.push_back(blob.id);
        std::ranges::sort(ids);
        for (std::size_t i = 0; i < stored.runs.size(); ++i) {
            if (now == Case::NoIndex || (now == Case::HalfAnIndex && i == 0))
                stored.repository.store.remove(run_object_name(stored.runs[i])).value();
        }
        if (now == Case::DamageBefore || now == Case::DamageMeanwhile) {
            for (auto& [name, bytes] : stored.repository.store.objects()) {
                if (name.starts_with("packs/")) bytes[kPackHeaderSize + 200] ^= 1;
            }
        }
        PackSource source = stored.source();
        const auto read_all = [&] {
            for (const TestBlob& blob : stored.blobs) static_cast<void>(source.read(blob.type, blob.id).ok());
        };
        if (now == Case::DamageBefore) read_all();
        std::vector<int> said(ids.size());
        source.locate_all(ids, [&](std::size_t i, const Result<BlobPlace>& place) {
            if (now == Case::DamageMeanwhile && i == ids.size() / 2) read_all();
            ++said[i];
            const Result<BlobPlace> alone = source.locate(ids[i]);
            ASSERT_EQ(place.ok(), alone.ok()) << i;
            if (place.ok())
                EXPECT_EQ(place.value(), alone.value()) << i;
            else
                EXPECT_EQ(place.error().code(), ErrorCode::Damaged) << i;
        });
        EXPECT_EQ(std::ranges::count(said, 1), static_cast<std::ptrdiff_t>(ids.size()));
        EXPECT_EQ(source.damage_met().empty(), now != Case::DamageBefore && now != Case::DamageMeanwhile);
    }
}

// Two writers that did not see each other, and one copy of everything damaged afterwards.
TEST(PackSource, WhereOneCopyIsDamagedTheOtherIsRead) {
    for (const std::uint64_t damaged : {7U, 8U}) {
        TestRepository repository;
        std::vector<TestBlob> blobs;
        for (std::uint64_t i = 0; i < 20; ++i)
            blobs.push_back(repository.blob(i % 2 == 0 ? noise(3000 + i, i) : text_like(200 + i, i), BlobType::Data));
        std::vector<PackId> runs;
        for (std::uint64_t session = 7; session < 9; ++session) {
            SessionKeys keys{repository.keys, session, repository.host, repository.random, repository.clock};
            PackSinkOptions options;
            options.small_limit = 2048;
            PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}, options};
            for (const TestBlob& blob : blobs) add(sink, blob).value();
            const SinkResult result = sink.finish().value();
            runs.insert(runs.end(), result.runs.begin(), result.runs.end());
        }
        std::vector<PackId> rotten;
        for (const PackName& pack : repository.stored_packs()) {
            if (pack.session != damaged) continue;
            Bytes& bytes = repository.store.objects()[pack.object()];
            for (std::size_t at = kPackHeaderSize + 30; at < bytes.size(); at += 50) bytes[at] ^= 1;
            rotten.push_back(pack.id);
        }
        ASSERT_FALSE(rotten.empty());
        PackSource source{{.objects = repository.store,
                           .keys = repository.keys,
                           .is_live = [](const PackId&) { return true; },
                           .live_packs = [] { return std::vector<PackName>{}; }},
                          runs};
        for (const TestBlob& blob : blobs) {
            const Result<Bytes> read = source.read(blob.type, blob.id);
            ASSERT_TRUE(read.ok()) << read.error().one_line();
            EXPECT_EQ(read.value(), blob.bytes);
        }
        for (const PackId& met : source.damage_met()) EXPECT_NE(std::ranges::find(rotten, met), rotten.end());
    }
}

TEST(BlobNamer, NamesManyAsItNamesEach) {
    const BlobNamer namer{Bytes(32, 3)};
    const auto type_of = [](std::size_t i) { return i % 3 == 1 ? BlobType::Tree : BlobType::Data; };
    for (std::size_t count = 0; count <= 5; ++count) {
        std::vector<Sha256> contents;
        for (std::size_t i = 0; i < count; ++i) contents.push_back(sha256(noise(20, i)));
        std::vector<BlobId> names(count);
        namer.name_all(contents, names, type_of);
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(names[i], namer.name(type_of(i), contents[i])) << count;
    }
}

TEST(PackSource, ChecksTypeAndContent) {
    Stored stored;
    PackSource source = stored.source();
    const TestBlob& blob = stored.blobs[1];
    EXPECT_FALSE(source.check(BlobType::Tree, blob.id, blob.bytes).ok());
    EXPECT_FALSE(source.check(blob.type, blob.id, ByteSpan{blob.bytes}.first(10)).ok());
    EXPECT_EQ(source.read(BlobType::Tree, blob.id).error().code(), ErrorCode::Damaged);
}

// The index is a convenience: every byte of it may go.
TEST(PackSource, ReadsWithoutAnyIndex) {
    Stored stored;
    for (const PackId& run : stored.runs) stored.repository.store.remove(run_object_name(run)).value();
    PackSource source = stored.source();
    EXPECT_EQ(source.index().unreadable().size(), 2U);
    stored.expect_all_there(source);
    EXPECT_EQ(stored.asked_for_packs, 1) << "the packs are listed once";
}

TEST(PackSource, ReadsWithHalfOfTheIndex) {
    Stored stored;
    stored.repository.store.objects()[run_object_name(stored.runs[1])][400] ^= 1;
    stored.repository.store.remove(run_object_name(stored.runs[0])).value();
    PackSource source = stored.source();
    stored.expect_all_there(source);
}

// The run opens, but rows of it do not: its packs must be asked themselves.
TEST(PackSource, ReadsWithDamagedRows) {
    Stored stored;
    for (const PackId& run : stored.runs)
        stored.repository.store.objects()[run_object_name(run)][kPackHeaderSize + 100] ^= 1;
    PackSource source = stored.source();
    EXPECT_TRUE(source.index().unreadable().empty());
    stored.expect_all_there(source);
}

// A merge drops the rows of a pack that is condemned; a session that began before rescues the pack. Another run may
// still name it, and nothing is damaged: only the pack itself knows what it holds.
TEST(PackSource, ReadsFromAPackThatARunNamesWithoutAllItsRows) {
    Stored stored;
    std::vector<PackName> packs = stored.repository.stored_packs();
    std::vector<IndexRow> rows;
    for (std::uint32_t pack = 0; pack < packs.size(); ++pack) {
        const PackContents contents =
            read_pack_contents(stored.repository.store, stored.repository.keys, stored.repository.tools, packs[pack])
                .value();
        const std::vector<IndexRow> all = rows_of_pack(contents, pack);
        rows.push_back(all.front());
    }
    std::ranges::sort(rows, row_before);
    IndexRunWriter writer{stored.repository.store, stored.repository.session_keys, packs, Durability::Now};
    for (const IndexRow& row : rows) writer.add(row).value();
    stored.runs = {writer.finish().value().at(0).id};
    PackSource source = stored.source();
    stored.expect_all_there(source);
    EXPECT_FALSE(source.index().had_damage());
}

// What cannot be read now may be read in a moment: that is not damage, and not for good.
TEST(PackSource, AReadThatFailsForTheMomentIsNoDamage) {
    Stored stored;
    stored.runs.clear();
    PackSource source = stored.source();
    stored.repository.store.before_read = [](auto...) -> Result<void> {
        return Error{ErrorCode::Io, "the cable is loose"};
    };
    EXPECT_EQ(source.locate(stored.blobs[1].id).error().code(), ErrorCode::Io);
    EXPECT_EQ(source.locate(stored.blobs[1].id).error().code(), ErrorCode::Io);
    stored.repository.store.before_read = nullptr;
    stored.expect_all_there(source);
    EXPECT_EQ(stored.asked_for_packs, 1) << "the packs are listed once";
}

TEST(PackSource, SaysThatABlobIsMissing) {
    Stored stored;
    PackSource source = stored.source();
    const TestBlob stranger = stored.repository.blob(noise(100, 1));
    EXPECT_EQ(source.locate(stranger.id).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(source.read(stranger.type, stranger.id).error().code(), ErrorCode::Damaged);
}

TEST(PackSource, DoesNotReadFromPacksThatAreNotLive) {
    Stored stored;
    PackSource all = stored.source();
    const PackId dead = all.pack_id(all.locate(stored.blobs[1].id).value().pack);
    PackSource source = stored.source([dead](const PackId& pack) { return pack != dead; });
    EXPECT_EQ(source.locate(stored.blobs[1].id).error().code(), ErrorCode::Damaged);
}

TEST(PackSource, SaysWhichPackIsGone) {
    Stored stored;
    PackSource source = stored.source();
    for (const PackName& pack : stored.repository.stored_packs()) stored.repository.store.remove(pack.object()).value();
    // What the log names and is not there is damage.
    const Error gone = source.read(stored.blobs[1].type, stored.blobs[1].id).error();
    EXPECT_EQ(gone.code(), ErrorCode::Damaged);
    EXPECT_NE(gone.one_line().find("reading pack 'packs/"), std::string::npos) << gone.one_line();
}

// A restore goes on after damage, and stops where the target's disk says EIO.
TEST(PackSource, ABadSectorIsDamageAndItsErrnoEndsHere) {
    Stored stored;
    for (const auto& [number, code] :
         {std::pair{EIO, ErrorCode::Damaged}, {EMFILE, ErrorCode::Io}, {EACCES, ErrorCode::Io}}) {
        PackSource source = stored.source();
        const BlobPlace place = source.locate(stored.blobs[0].id).value();
        stored.repository.store.before_read = [number = number](auto...) -> Result<void> {
            return Error::from_errno(number, "cannot read");
        };
        for (const Error& error :
             {source.open_frame(place).error(), source.read(stored.blobs[0].type, stored.blobs[0].id).error()}) {
            EXPECT_EQ(error.code(), code) << error.one_line();
            EXPECT_EQ(error.system_errno(), code == ErrorCode::Damaged ? 0 : number);
        }
        EXPECT_EQ(source.damage_met().size(), code == ErrorCode::Damaged ? 1U : 0U);
        stored.repository.store.before_read = nullptr;
    }
}

// A disk tries for many seconds to read a bad sector, and a frame may hold thousands of blobs.
TEST(PackSource, AFrameThatIsLostIsAskedForOnce) {
    Stored stored;
    PackSource source = stored.source();
    const BlobPlace place = source.locate(stored.blobs[1].id).value();
    int bad_reads = 0;
    stored.repository.store.before_read = [&](std::string_view name, std::uint64_t offset, auto) -> Result<void> {
        if (!name.starts_with("packs/") || offset != place.frame_offset) return {};
        ++bad_reads;
        return Error::from_errno(EIO, "cannot read");
    };
    std::size_t lost = 0;
    for (const TestBlob& blob : stored.blobs) lost += source.read(blob.type, blob.id).ok() ? 0 : 1;
    EXPECT_GT(lost, 1U);
    EXPECT_LE(bad_reads, 2) << "one in each pack that has a frame there";
}

// Nobody knows that a blob is lost while one of its copies cannot be read for the moment.
TEST(PackSource, ACopyThatCannotBeReadForTheMomentIsNotLost) {
    TestRepository repository;
    const TestBlob blob = repository.blob(noise(3000, 1));
    std::vector<PackId> runs;
    for (std::uint64_t session = 7; session < 9; ++session) {
        SessionKeys keys{repository.keys, session, repository.host, repository.random, repository.clock};
        PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}};
        add(sink, blob).value();
        const SinkResult result = sink.finish().value();
        runs.insert(runs.end(), result.runs.begin(), result.runs.end());
    }
    PackSource source{{.objects = repository.store,
                       .keys = repository.keys,
                       .is_live = [](const PackId&) { return true; },
                       .live_packs = [] { return std::vector<PackName>{}; }},
                      runs};
    const PackId first = source.pack_id(source.locate(blob.id).value().pack);
    repository.store.before_read = [&](std::string_view name, auto, auto) -> Result<void> {
        if (!name.starts_with("packs/")) return {};
        return Error::from_errno(pack_id_in_name(name).value() == first ? EIO : EMFILE, "cannot read");
    };
    EXPECT_EQ(source.read(blob.type, blob.id).error().code(), ErrorCode::Io);
    EXPECT_EQ(source.damage_met(), std::vector<PackId>{first});
    repository.store.before_read = nullptr;
    EXPECT_TRUE(source.read(blob.type, blob.id).ok());
}

TEST(PackSource, APlaceThatIsNoFrameIsDamaged) {
    Stored stored;
    PackSource source = stored.source();
    BlobPlace place = source.locate(stored.blobs[1].id).value();
    place.frame_offset += 1;
    EXPECT_EQ(source.open_frame(place).error().code(), ErrorCode::Damaged);
    place.frame_length = 3;
    EXPECT_EQ(source.open_frame(place).error().code(), ErrorCode::Damaged);
    place.frame_length = UINT32_MAX;
    EXPECT_EQ(source.open_frame(place).error().code(), ErrorCode::Damaged);
}

TEST(PackSource, ReadsSmallBlobsOfOneFrameWithOneAccess) {
    Stored stored;
    PackSource source = stored.source();
    source.read(stored.blobs[1].type, stored.blobs[1].id).value();
    source.locate(stored.blobs[2].id).value();
    const int before = stored.repository.store.reads;
    source.read(stored.blobs[2].type, stored.blobs[2].id).value();
    EXPECT_EQ(stored.repository.store.reads, before);
}

TEST(PackSource, FramesOutliveTheSource) {
    Stored stored;
    std::shared_ptr<const OpenFrame> frame;
    BlobPlace place;
    {
        PackSource source = stored.source();
        place = source.locate(stored.blobs[1].id).value();
        frame = source.open_frame(place).value();
    }
    EXPECT_TRUE(equal(frame->blobs[place.ordinal], stored.blobs[1].bytes));
}

TEST(PackSource, ManyThreadsReadAtOnce) {
    Stored stored;
    for (const bool with_index : {true, false}) {
        if (!with_index) stored.runs.clear();
        PackSource source = stored.source();
        std::atomic<int> wrong{0};
        {
            std::vector<std::jthread> threads;
            for (std::size_t t = 0; t < 4; ++t) {
                threads.emplace_back([&, t] {
                    for (std::size_t i = 0; i < stored.blobs.size(); ++i) {
                        const TestBlob& blob = stored.blobs[(i * 7 + t * 31) % stored.blobs.size()];
                        const Result<Bytes> read = source.read(blob.type, blob.id);
                        if (!read.ok() || read.value() != blob.bytes) ++wrong;
                    }
                });
            }
        }
        EXPECT_EQ(wrong, 0);
    }
}

}  // namespace
}  // namespace dr
