#include "dr/retention/collector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "dr/repository/pack_format.h"
#include "dr/repository/replay_testing.h"
#include "dr/repository/testing/store_in_front.h"
#include "dr/repository/testing/test_repository.h"
#include "dr/repository/tree_reader.h"

namespace dr {
namespace {

using testing_support::content_of_size;
using testing_support::OpenedTestRepository;
using testing_support::TestRepository;

struct CollectorTest : testing::Test {
    TestRepository test;
    SilentMonitor monitor;

    void SetUp() override { ASSERT_TRUE(test.create(*test.store()).ok()); }

    Result<CollectOutcome> collect_in(OpenedTestRepository& open) {
        return collect(open.repository, open.repository.actor(), test.clock, "", "host", monitor);
    }
    void forget(OpenedTestRepository& open, std::uint64_t record) {
        ASSERT_TRUE(open.repository.log().append(open.repository.actor(), test.clock, Forget{{{record, "test"}}}).ok());
    }
    static std::size_t packs_in(OpenedTestRepository& open) { return open.store->list("packs").value().size(); }
    static void expect_whole(OpenedTestRepository& open, std::uint64_t record, const Bytes& content) {
        const Snapshot* snapshot = open.repository.state().snapshot_at(record);
        ASSERT_NE(snapshot, nullptr);
        const auto source = open_content(open.repository);
        const BlobId id = source->namer().name(BlobType::Data, sha256(content));
        const Result<Bytes> read = source->read(BlobType::Data, id);
        ASSERT_TRUE(read.ok()) << read.error().one_line();
        EXPECT_EQ(read.value(), content);
    }
};

TEST_F(CollectorTest, WhatASnapshotNeedsStays) {
    OpenedTestRepository open{test};
    const Bytes content = content_of_size(50'000, 1);
    const std::uint64_t record = open.backup(content).value();
    const std::size_t before = packs_in(open);
    const CollectOutcome outcome = collect_in(open).value();
    EXPECT_TRUE(outcome.marked);
    EXPECT_EQ(outcome.packs_removed, 0U);
    EXPECT_EQ(packs_in(open), before);
    expect_whole(open, record, content);
}

TEST_F(CollectorTest, WhatOnlyForgottenSnapshotsNeededGoes) {
    OpenedTestRepository open{test};
    const Bytes kept = content_of_size(50'000, 2);
    const std::uint64_t old = open.backup(content_of_size(50'000, 1), "a").value();
    const std::uint64_t young = open.backup(kept, "b").value();
    forget(open, old);
    const std::size_t before = packs_in(open);
    const CollectOutcome outcome = collect_in(open).value();
    EXPECT_GT(outcome.packs_removed, 0U);
    EXPECT_GT(outcome.bytes_freed, 50'000U);
    EXPECT_EQ(packs_in(open), before - outcome.packs_removed);
    expect_whole(open, young, kept);
    EXPECT_EQ(collect_in(open).value().packs_removed, 0U);  // nothing is left for a second run
}

// The child's packset holds all of its parent's until somebody who can read the tree says what it really uses.
TEST_F(CollectorTest, AParentsPacksGoAlthoughTheChildInheritedThem) {
    OpenedTestRepository open{test};
    const Bytes kept = content_of_size(50'000, 2);
    const std::uint64_t parent = open.backup(content_of_size(50'000, 1)).value();
    const std::uint64_t child = open.backup(kept).value();
    forget(open, parent);
    EXPECT_GT(collect_in(open).value().packs_removed, 0U);
    expect_whole(open, child, kept);
}

// Two sessions that are open at once store the same tree, each in packs of its own. What one of them stored must not
// stand for what the other did: its packs may go.
struct StoredTwice {
    explicit StoredTwice(TestRepository& test) {
        OpenedTestRepository one{test};
        OpenedTestRepository two{test};
        auto session_one = one.session("one").value();
        auto session_two = two.session("two").value();
        const DirRef root_one = store_tree(one, *session_one);
        const DirRef root_two = store_tree(two, *session_two);
        first = session_one->commit(one.details(root_one, "one", 30, false)).value();
        second = session_two->commit(two.details(root_two, "two", 30, false)).value();
    }

    // A directory that is a blob of its own, of 300 files.
    static DirRef store_tree(OpenedTestRepository& open, WriteSession& session) {
        const TreeOutput output{session.sink(), open.repository.keys().namer,
                                tree_seed(open.repository.ring().k_chunk)};
        DirectoryWriter files{output};
        for (std::uint64_t i = 0; i < 300; ++i) {
            const auto content = std::make_shared<const Bytes>(content_of(i));
            Entry file;
            file.name = std::to_string(1000 + i);
            file.size = content->size();
            file.content.form = FileContent::Form::Single;
            file.content.sha256 = sha256(*content);
            session.sink()
                .add(BlobType::Data, output.namer.name(BlobType::Data, file.content.sha256), {*content, content})
                .value();
            files.add(file).value();
        }
        Entry directory;
        directory.name = "directory";
        directory.kind = EntryKind::Directory;
        directory.directory = files.finish().value();
        EXPECT_EQ(directory.directory.form, DirRef::Form::Node);
        DirectoryWriter root{output};
        root.add(directory).value();
        return root.finish().value();
    }
    static Bytes content_of(std::uint64_t file) { return content_of_size(200, 7000 + file); }

    static void expect_whole(OpenedTestRepository& open, std::uint64_t record) {
        const Snapshot* snapshot = open.repository.state().snapshot_at(record);
        ASSERT_NE(snapshot, nullptr);
        const Commit commit = open.repository.log().commit_of(*snapshot).value();
        const Bytes plain = open_record_body(open.repository.keys(), snapshot->session, commit.body, 1 << 20).value();
        const auto source = open_content(open.repository);
        TreeWalk walk{*source, decode_snapshot_body(plain).value().root};
        std::uint64_t files = 0;
        for (;;) {
            const auto step = walk.next();
            ASSERT_TRUE(step.ok()) << step.error().one_line();
            if (!step.value()) break;
            if (step.value()->kind != TreeStep::Kind::Entry || step.value()->entry->kind != EntryKind::File) continue;
            const Result<Bytes> read =
                source->read(BlobType::Data, source->namer().name(BlobType::Data, step.value()->entry->sha256));
            ASSERT_TRUE(read.ok()) << read.error().one_line();
            EXPECT_EQ(read.value(), content_of(files++));
        }
        EXPECT_EQ(files, 300U);
    }

    std::uint64_t first = 0;
    std::uint64_t second = 0;
};

TEST_F(CollectorTest, ABlobThatLiesInTwoPacksStaysInThoseOfEachSnapshot) {
    for (const bool forget_the_first : {true, false}) {
        SCOPED_TRACE(forget_the_first);
        TestRepository fresh;
        ASSERT_TRUE(fresh.create(*fresh.store()).ok());
        const StoredTwice stored{fresh};
        OpenedTestRepository open{fresh};
        // Once while both are there: each keeps its own packs.
        EXPECT_EQ(
            collect(open.repository, open.repository.actor(), fresh.clock, "", "host", monitor).value().packs_condemned,
            0U);
        const std::uint64_t gone = forget_the_first ? stored.first : stored.second;
        ASSERT_TRUE(open.repository.log().append(open.repository.actor(), fresh.clock, Forget{{{gone, ""}}}).ok());
        const CollectOutcome outcome =
            collect(open.repository, open.repository.actor(), fresh.clock, "", "host", monitor).value();
        EXPECT_GT(outcome.packs_removed, 0U);
        OpenedTestRepository later{fresh};
        StoredTwice::expect_whole(later, forget_the_first ? stored.second : stored.first);
    }
}

// Rows may be missing without any damage: then the packs themselves say what they hold.
TEST_F(CollectorTest, ACopyThatTheIndexDoesNotKnowIsKeptForItsSnapshot) {
    for (const int gone : {0, 1, 2, 3}) {
        SCOPED_TRACE(gone);
        TestRepository fresh;
        ASSERT_TRUE(fresh.create(*fresh.store()).ok());
        const StoredTwice stored{fresh};
        OpenedTestRepository open{fresh};
        Log& log = open.repository.log();
        std::vector<PackId> runs(log.state().runs().begin(), log.state().runs().end());
        std::ranges::sort(runs);
        ASSERT_EQ(runs.size(), 2U);
        ASSERT_TRUE(log.append(open.repository.actor(), fresh.clock, Runs{{}, {runs[gone % 2]}}).ok());
        const auto collect_now = [&] {
            return collect(open.repository, open.repository.actor(), fresh.clock, "", "host", monitor).value();
        };
        EXPECT_TRUE(collect_now().marked);
        const std::uint64_t forgotten = gone < 2 ? stored.first : stored.second;
        ASSERT_TRUE(log.append(open.repository.actor(), fresh.clock, Forget{{{forgotten, ""}}}).ok());
        EXPECT_GT(collect_now().packs_removed, 0U);
        OpenedTestRepository later{fresh};
        StoredTwice::expect_whole(later, gone < 2 ? stored.second : stored.first);
    }
}

// A part of the index that cannot be read may be the part that says so.
TEST_F(CollectorTest, WithADamagedIndexNoSnapshotLosesPacks) {
    const StoredTwice stored{test};
    std::uint64_t parent = 0;
    {
        OpenedTestRepository open{test};
        parent = open.backup(content_of_size(50'000, 1)).value();
        ASSERT_TRUE(open.backup(content_of_size(50'000, 2)).ok());
        forget(open, parent);
        forget(open, stored.second);
        for (const ObjectInfo& run : open.store->list("index").value()) {
            Bytes bytes = test.disk.content(run.name).value();
            for (std::size_t i = kPackHeaderSize + 40; i < kPackHeaderSize + 60; ++i) bytes[i] ^= 1;
            test.disk.overwrite(run.name, bytes).value();
        }
    }
    OpenedTestRepository open{test};
    const std::size_t before = open.repository.state().voids().size();
    const CollectOutcome outcome = collect_in(open).value();
    EXPECT_FALSE(outcome.marked);
    EXPECT_EQ(open.repository.state().voids().size(), before);
    StoredTwice::expect_whole(open, stored.first);
}

TEST_F(CollectorTest, WithoutTheReadKeyOnlyWhatTheLogKnowsIsUnusedGoes) {
    std::uint64_t alone = 0;
    std::uint64_t parent = 0;
    {
        OpenedTestRepository open{test};
        alone = open.backup(content_of_size(50'000, 1), "alone").value();
        parent = open.backup(content_of_size(50'000, 2), "chain").value();
        ASSERT_TRUE(open.backup(content_of_size(50'000, 3), "chain").ok());
        forget(open, alone);
        forget(open, parent);
    }
    const auto store = test.store();
    Repository locked = Repository::open(*store).value();
    const CollectOutcome outcome = collect(locked, test.key->opened.actor, test.clock, "", "host", monitor).value();
    EXPECT_FALSE(outcome.marked);
    EXPECT_GT(outcome.packs_removed, 0U);
    OpenedTestRepository open{test};
    EXPECT_GT(collect_in(open).value().packs_removed, 0U);  // the parent's, now that trees can be read
}

// A file system that has become read-only, say.
class NoNewRecords final : public testing_support::StoreInFront {
public:
    using StoreInFront::StoreInFront;
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability durability) override {
        if (name.starts_with("log/")) return Error{ErrorCode::Refused, "the storage is not writable"};
        return StoreInFront::put_new(name, parts, durability);
    }
};

TEST_F(CollectorTest, WhereTheStoreTakesNoRecordsTheCollectionFails) {
    {
        OpenedTestRepository open{test};
        forget(open, open.backup(content_of_size(50'000, 1)).value());
    }
    const auto store = test.store();
    NoNewRecords full{*store};
    Repository repository = Repository::open(full).value();
    const Result<CollectOutcome> outcome = collect(repository, test.key->opened.actor, test.clock, "", "host", monitor);
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code(), ErrorCode::Refused);
}

TEST_F(CollectorTest, WhoLacksTheRoleCollectsNothing) {
    const SigningKey other = replay_testing::key(9);
    OpenedTestRepository open{test};
    const std::uint32_t roles = role::kAll & ~role::kGc;
    open.repository.log().append(open.repository.actor(), test.clock, KeyGrant{other.public_key(), roles, ""}).value();
    // Also where there is nothing to collect: it should not come out on the day there is.
    EXPECT_EQ(collect(open.repository, other, test.clock, "", "host", monitor).error().code(), ErrorCode::Refused);
    forget(open, open.backup(content_of_size(50'000, 1)).value());
    EXPECT_EQ(collect(open.repository, other, test.clock, "", "host", monitor).error().code(), ErrorCode::Refused);
}

// Something happens in the log just before the next append reads it.
class BusyLog final : public testing_support::StoreInFront {
public:
    using StoreInFront::StoreInFront;
    Result<std::vector<ObjectInfo>> list(std::string_view prefix) override {
        if (prefix == "packs" && others) std::exchange(others, nullptr)();
        return StoreInFront::list(prefix);
    }
    std::function<void()> others;
};

TEST_F(CollectorTest, WhoLosesTheRoleMeanwhileIsTold) {
    const SigningKey other = replay_testing::key(9);
    OpenedTestRepository open{test};
    const auto grant = [&](std::uint32_t roles) {
        open.repository.log()
            .append(open.repository.actor(), test.clock, KeyGrant{other.public_key(), roles, ""})
            .value();
    };
    grant(role::kAll);
    forget(open, open.backup(content_of_size(50'000, 1)).value());
    BusyLog busy{*open.store};
    Repository repository = Repository::open(busy).value();
    busy.others = [&] { grant(role::kBackup); };
    EXPECT_EQ(collect(repository, other, test.clock, "", "host", monitor).error().code(), ErrorCode::Refused);
    EXPECT_FALSE(busy.others);
}

// What somebody else did meanwhile is no failure.
TEST_F(CollectorTest, WhatAnotherCollectorDidMeanwhileIsNoFailure) {
    OpenedTestRepository open{test};
    forget(open, open.backup(content_of_size(50'000, 1)).value());
    BusyLog busy{*open.store};
    Repository repository = Repository::open(busy).value();
    busy.others = [&] { EXPECT_GT(collect_in(open).value().packs_removed, 0U); };
    const Result<CollectOutcome> outcome = collect(repository, test.key->opened.actor, test.clock, "", "host", monitor);
    ASSERT_TRUE(outcome.ok()) << outcome.error().one_line();
    EXPECT_FALSE(busy.others);
    EXPECT_EQ(outcome.value().packs_condemned, 0U);
}

TEST_F(CollectorTest, APackThatAnOpenSessionMayUseWaits) {
    OpenedTestRepository writer{test};
    const Bytes content = content_of_size(50'000, 1);
    const std::uint64_t old = writer.backup(content, "a").value();
    auto session = writer.session("b").value();
    const DirRef root = writer.store_file(*session, content).value();  // found by deduplication

    OpenedTestRepository other{test};
    forget(other, old);
    const CollectOutcome outcome = collect_in(other).value();
    EXPECT_GT(outcome.packs_condemned, 0U);
    EXPECT_GT(outcome.packs_waiting, 0U);
    EXPECT_EQ(outcome.packs_removed, 0U);

    const std::uint64_t record = session->commit(writer.details(root, "b", 30, false)).value();  // rescues
    OpenedTestRepository later{test};
    EXPECT_EQ(collect_in(later).value().packs_removed, 0U);
    expect_whole(later, record, content);
}

// Two writers that did not see each other stored the same content. Each snapshot holds the pack of its own copy only,
// so neither copy may go while its snapshot is there, whichever of them the index finds first.
TEST_F(CollectorTest, OfTwoCopiesEachSnapshotKeepsItsOwn) {
    const Bytes content = content_of_size(50'000, 1);
    for (const bool first_goes : {true, false}) {
        TestRepository both;
        ASSERT_TRUE(both.create(*both.store()).ok());
        std::array<std::uint64_t, 2> records{};
        {
            OpenedTestRepository one{both};
            OpenedTestRepository two{both};
            auto here = one.session("a").value();
            auto there = two.session("b").value();
            const DirRef first = one.store_file(*here, content).value();
            const DirRef second = two.store_file(*there, content).value();
            records = {here->commit(one.details(first, "a", 30, false)).value(),
                       there->commit(two.details(second, "b", 30, false)).value()};
        }
        const auto collect_now = [&] {
            OpenedTestRepository open{both};
            ASSERT_TRUE(collect(open.repository, open.repository.actor(), both.clock, "", "host", monitor).ok());
        };
        collect_now();
        {
            OpenedTestRepository open{both};
            forget(open, records[first_goes ? 0 : 1]);
        }
        collect_now();
        collect_now();
        OpenedTestRepository open{both};
        expect_whole(open, records[first_goes ? 1 : 0], content);
    }
}

TEST_F(CollectorTest, ADamagedPackGoesOnceNothingNeedsIt) {
    OpenedTestRepository open{test};
    const std::uint64_t record = open.backup(content_of_size(50'000, 1)).value();
    std::vector<PackId> packs;
    for (const PackState& pack : open.repository.state().packs()) packs.push_back(pack.id);
    std::ranges::sort(packs);
    ASSERT_TRUE(open.repository.log().append(open.repository.actor(), test.clock, DamagedPacks{packs}).ok());
    const std::size_t before = packs_in(open);
    EXPECT_EQ(collect_in(open).value().packs_removed, 0U) << "what is good in it can be read yet";
    EXPECT_EQ(packs_in(open), before);
    forget(open, record);
    EXPECT_EQ(collect_in(open).value().packs_removed, packs.size());
}

TEST_F(CollectorTest, AWormSnapshotsPacksStay) {
    OpenedTestRepository open{test};
    const std::uint64_t record = open.backup(content_of_size(50'000, 1), "a", 10, true).value();
    const Result<Appended> forgotten =
        open.repository.log().append(open.repository.actor(), test.clock, Forget{{{record, "test"}}});
    EXPECT_EQ(forgotten.error().code(), ErrorCode::Refused);
    EXPECT_EQ(collect_in(open).value().packs_removed, 0U);
}

// A locked snapshot keeps even what it inherited and does not use; it must not keep others from being tightened.
TEST_F(CollectorTest, LockedSnapshotsAreLeftAsTheyAre) {
    OpenedTestRepository open{test};
    const std::uint64_t parent = open.backup(content_of_size(50'000, 1), "locked").value();
    const std::uint64_t locked = open.backup(content_of_size(50'000, 2), "locked", 10, true).value();
    const std::uint64_t held_parent = open.backup(content_of_size(50'000, 3), "held").value();
    const std::uint64_t held = open.backup(content_of_size(50'000, 4), "held").value();
    const std::uint64_t free_parent = open.backup(content_of_size(50'000, 5), "free").value();
    const std::uint64_t free = open.backup(content_of_size(50'000, 6), "free").value();
    Log& log = open.repository.log();
    ASSERT_TRUE(log.append(open.repository.actor(), test.clock, Hold{held, "case 12"}).ok());
    for (const std::uint64_t record : {parent, held_parent, free_parent}) forget(open, record);
    const auto packset = [&](std::uint64_t record) {
        return open.repository.state().packset_of(*open.repository.state().snapshot_at(record));
    };
    const PackNumbers of_locked = packset(locked);
    const PackNumbers of_held = packset(held);
    const PackNumbers of_free = packset(free);
    const std::size_t voids = open.repository.state().voids().size();
    const CollectOutcome outcome = collect_in(open).value();
    EXPECT_GT(outcome.packs_removed, 0U);
    EXPECT_EQ(packset(locked), of_locked);
    EXPECT_EQ(packset(held), of_held);
    EXPECT_LT(packset(free).size(), of_free.size());
    EXPECT_EQ(open.repository.state().voids().size(), voids);
}

TEST_F(CollectorTest, LeftoversOfDeadSessionsAreRemoved) {
    {
        OpenedTestRepository open{test};
        auto session = open.session().value();
        ASSERT_TRUE(open.store_file(*session, content_of_size(200'000, 1)).ok());
        ASSERT_TRUE(session->sink().finish().ok());
    }
    OpenedTestRepository young{test};
    EXPECT_EQ(collect_in(young).value().orphans_removed, 0U);  // it may still live
    test.clock.advance(kStaleSessionNanoseconds * 2);
    ASSERT_TRUE(
        young.repository.log().append(young.repository.actor(), test.clock, Open{SessionKind::Read, 0, {}}).ok());
    OpenedTestRepository open{test};
    const CollectOutcome outcome = collect_in(open).value();
    EXPECT_EQ(outcome.sessions_abandoned, 1U);
    EXPECT_GT(outcome.orphans_removed, 0U);
    EXPECT_EQ(packs_in(open), 0U);
}

// The log may have gone on from a checkpoint of one history while the records before it are of another.
TEST_F(CollectorTest, PacksOfASessionOfAnotherHistoryAreLeftAlone) {
    std::uint64_t number = 0;
    {
        OpenedTestRepository open{test};
        auto session = open.session().value();
        number = open.repository.state().head().seq;
        ASSERT_TRUE(open.store_file(*session, content_of_size(200'000, 1)).ok());
        ASSERT_TRUE(session->sink().finish().ok());
    }
    test.clock.advance(kStaleSessionNanoseconds * 2);
    OpenedTestRepository open{test};
    ASSERT_TRUE(open.repository.log().append(open.repository.actor(), test.clock, Open{SessionKind::Read, 0, {}}).ok());
    LogRecord foreign = open.repository.log().read(number).value();
    foreign.time = Timestamp{foreign.time.nanoseconds() + 1};
    ASSERT_TRUE(open.store->remove(record_name(number)).ok());
    const Bytes body = encode_record(foreign, open.repository.actor(), open.repository.id()).value();
    ASSERT_TRUE(open.store->put_new(record_name(number), record_file(body), Durability::Now).ok());
    const std::size_t before = packs_in(open);
    EXPECT_EQ(collect_in(open).value().orphans_removed, 0U);
    EXPECT_EQ(packs_in(open), before);
}

// A store in which another writer ends its session just before the collector reads the log again, with a record that is
// seen before it is durable; and what is synced and removed after that, in order.
class StoreOfOthers final : public testing_support::StoreInFront {
public:
    using StoreInFront::StoreInFront;

    Result<void> sync_directory(std::string_view directory) override {
        done.push_back("sync " + std::string{directory});
        return StoreInFront::sync_directory(directory);
    }
    Result<std::vector<ObjectInfo>> list(std::string_view prefix) override {
        Result<std::vector<ObjectInfo>> listed = StoreInFront::list(prefix);
        if (prefix == "index" && others) {
            std::exchange(others, nullptr)();
            done.clear();
        }
        return listed;
    }
    Result<void> remove(std::string_view name) override {
        done.push_back("remove " + std::string{name});
        return StoreInFront::remove(name);
    }

    std::function<void()> others;
    std::vector<std::string> done;
};

// An older copy of the log beside the packs of a newer one: the snapshots of its lost end need them. Whoever wrote
// under the lost numbers would make those packs nobody's.
TEST_F(CollectorTest, WhereTheEndOfTheLogIsMissingNothingIsRemovedNorWritten) {
    std::uint64_t head = 0;
    std::uint64_t first = 0;
    {
        OpenedTestRepository open{test};
        first = open.backup(content_of_size(50'000, 1)).value();
        head = open.repository.state().head().seq;
        ASSERT_TRUE(open.backup(content_of_size(50'000, 3)).ok());
        for (std::uint64_t seq = open.repository.state().head().seq; seq > head; --seq)
            ASSERT_TRUE(open.store->remove(record_name(seq)).ok());
    }
    const std::function<ErrorCode(OpenedTestRepository&)> attempts[] = {
        [&](OpenedTestRepository& older) { return collect_in(older).error().code(); },
        [&](OpenedTestRepository& older) {
            return older.repository.log()
                .append(older.repository.actor(), test.clock, Forget{{{first, "test"}}})
                .error()
                .code();
        },
        [&](OpenedTestRepository& older) { return older.backup(content_of_size(50'000, 4)).error().code(); },
    };
    for (const auto& attempt : attempts) {
        OpenedTestRepository older{test};
        ASSERT_EQ(older.repository.state().head().seq, head);
        const std::size_t before = older.store->list("").value().size();
        EXPECT_EQ(attempt(older), ErrorCode::Damaged);
        EXPECT_EQ(older.store->list("").value().size(), before);
        EXPECT_EQ(older.repository.state().head().seq, head);
    }
}

// Where something was written under lost numbers all the same, by an older version say.
TEST_F(CollectorTest, PacksOfANumberThatOpenedNoSessionAreLeftAlone) {
    OpenedTestRepository open{test};
    ASSERT_TRUE(open.backup(content_of_size(50'000, 1)).ok());
    ASSERT_TRUE(open.store
                    ->put_new(pack_object_name(1, PackId{sha256(as_bytes("nobody")).array()}), as_bytes("a pack"),
                              Durability::Now)
                    .ok());
    const std::size_t before = packs_in(open);
    EXPECT_EQ(collect_in(open).value().orphans_removed, 0U);
    EXPECT_EQ(packs_in(open), before);
}

TEST_F(CollectorTest, NothingIsRemovedOnARecordOfOthersBeforeItIsDurable) {
    OpenedTestRepository other{test};
    auto session = other.session().value();
    ASSERT_TRUE(other.store_file(*session, content_of_size(200'000, 1)).ok());
    ASSERT_TRUE(session->sink().finish().ok());
    const auto plain = test.store();
    StoreOfOthers store{*plain};
    Repository repository = Repository::open(store).value();
    store.others = [&] { session->abandon().value(); };
    const CollectOutcome outcome = collect(repository, test.key->opened.actor, test.clock, "", "host", monitor).value();
    EXPECT_GT(outcome.orphans_removed, 0U);
    ASSERT_FALSE(store.done.empty());
    EXPECT_EQ(store.done.front(), "sync log");
}

// Power goes before every disk operation of a collection. The kept snapshot is whole afterwards, and the next run
// finishes the work.
TEST_F(CollectorTest, ACollectionCutAnywhereLosesNothingAndIsFinishedByTheNext) {
    const Bytes kept = content_of_size(20'000, 2);
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        TestRepository cut{step + 1};
        ASSERT_TRUE(cut.create(*cut.store()).ok());
        std::uint64_t young = 0;
        {
            OpenedTestRepository open{cut};
            const std::uint64_t old = open.backup(content_of_size(20'000, 1)).value();
            young = open.backup(kept).value();
            ASSERT_TRUE(open.repository.log().append(open.repository.actor(), cut.clock, Forget{{{old, "test"}}}).ok());
            cut.disk.cut_power_before(cut.disk.operations() + step);
            (void)collect(open.repository, open.repository.actor(), cut.clock, "", "host", monitor).ok();
        }
        const bool finished = !cut.disk.power_was_cut();
        cut.disk.restart();
        OpenedTestRepository open{cut};
        expect_whole(open, young, kept);
        ASSERT_TRUE(collect(open.repository, open.repository.actor(), cut.clock, "", "host", monitor).ok());
        expect_whole(open, young, kept);
        EXPECT_TRUE(open.repository.state().open_sessions().empty());
        if (finished) break;
    }
}

}  // namespace
}  // namespace dr
