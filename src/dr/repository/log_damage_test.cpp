// Records that are damaged, missing or foreign.

#include "dr/repository/log.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "dr/repository/checkpoint.h"
#include "dr/repository/log_archive.h"
#include "dr/repository/log_testing.h"
#include "dr/repository/pack_format.h"
#include "dr/repository/testing/store_in_front.h"

namespace dr {
namespace {

using namespace log_testing;

TEST(LogDamage, OneDamagedCopyOfARecordIsReadAllTheSame) {
    World world;
    Log log = world.create();
    for (int i = 0; i < 3; ++i) append_pair(log, key(1), world.clock);
    for (std::uint64_t seq = 0; seq <= 6; ++seq) world.damage(record_name(seq), false);
    EXPECT_EQ(world.open().state(), log.state());
}

TEST(LogDamage, ARecordWithBothCopiesDamagedIsDamageNotAnEnd) {
    for (const std::uint64_t seq : {0U, 3U, 6U}) {
        World world;
        Log log = world.create();
        for (int i = 0; i < 3; ++i) append_pair(log, key(1), world.clock);
        world.damage(record_name(seq), true);
        EXPECT_EQ(Log::open(*world.store).error().code(), ErrorCode::Damaged) << seq;
    }
}

TEST(LogDamage, TheArchiveHealsADamagedRecord) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < kArchiveEvery + 3) append_pair(log, key(1), world.clock);
    ASSERT_TRUE(world.store->size("log-archive/00000000000000000000").ok());
    for (const std::uint64_t seq : {0U, 17U, 255U}) world.damage(record_name(seq), true);
    world.store->remove(record_name(18)).value();
    LogOptions options;
    options.use_checkpoints = false;
    EXPECT_EQ(world.open(options).state(), log.state());
    EXPECT_EQ(world.open(options).read(17).value().seq, 17U);
    EXPECT_EQ(world.open(options).read(18).value().seq, 18U);
}

// Somebody copied one record over another: both are well formed, and only the archive has the one that belongs there.
TEST(LogDamage, TheArchiveHealsARecordThatAnotherWasPutOver) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < kArchiveEvery + 3) append_pair(log, key(1), world.clock);
    const Bytes other = world.store->get(record_name(101), kMaxRecordFile).value();
    ASSERT_TRUE(world.disk.overwrite(record_name(100), other).ok());
    LogOptions options;
    options.use_checkpoints = false;
    EXPECT_EQ(world.open(options).state(), log.state());
    const Head before{99, log.hash_of(99).value()};
    EXPECT_TRUE(world.open().continues(before).value());
}

// What rotted proves no other history: nobody should be told to accept one.
TEST(LogDamage, ARottenRecordBehindACheckpointIsNoFork) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < 70) append_pair(log, key(1), world.clock);
    const Head before{14, log.hash_of(14).value()};
    world.damage(record_name(30), true);
    const Log later = world.open();
    EXPECT_EQ(later.continues(before).error().code(), ErrorCode::Damaged);
    EXPECT_TRUE(later.continues({50, log.hash_of(50).value()}).value());
}

// Wherever it is: the number that finds the end of the log, or that a checkpoint is of, may be the very one.
class LogBehindACheckpoint : public testing::Test, protected World {
protected:
    void SetUp() override {
        log.emplace(create());
        while (log->state().head().seq < 200) append_pair(*log, key(1), clock);
    }
    std::optional<Log> log;
};

TEST_F(LogBehindACheckpoint, AMissingRecordIsDamageOnlyToWhoNeedsIt) {
    for (const std::uint64_t lost : {1U, 30U, 64U, 100U, 127U, 128U, 190U, 191U}) {
        SCOPED_TRACE("record " + std::to_string(lost) + " is lost");
        const Bytes file = store->get(record_name(lost), kMaxRecordFile).value();
        store->remove(record_name(lost)).value();
        const Log later = open();
        EXPECT_EQ(later.state(), log->state());
        const std::uint64_t before = lost - 1;
        EXPECT_EQ(later.continues({before, log->hash_of(before).value()}).error().code(), ErrorCode::Damaged);
        EXPECT_TRUE(later.continues({192, log->hash_of(192).value()}).value());
        store->put_new(record_name(lost), file, Durability::Now).value();
    }
}

TEST_F(LogBehindACheckpoint, ARottenRecordIsDamageOnlyToWhoNeedsIt) {
    for (const std::uint64_t lost : {1U, 64U, 128U, 191U}) {
        damage(record_name(lost), true);
        EXPECT_EQ(open().state(), log->state()) << lost;
    }
}

// A checkpoint of an end of the log that was lost: what was written in its place since must not be hidden.
TEST_F(LogBehindACheckpoint, OneLeftFromALostEndIsNotBelieved) {
    for (std::uint64_t seq = log->state().head().seq; seq >= 100; --seq) store->remove(record_name(seq)).value();
    Log another = open();
    ASSERT_EQ(another.state().head().seq, 99U);
    ASSERT_TRUE(another.append(key(1), clock, Open{}).ok());
    store->remove(record_name(64)).value();
    ASSERT_TRUE(store->size(checkpoint_name(191)).ok());
    EXPECT_EQ(Log::open(*store).error().code(), ErrorCode::Damaged);
}

TEST_F(LogBehindACheckpoint, OneLeftFromALostEndIsReplacedWhenItsNumberComes) {
    for (std::uint64_t seq = log->state().head().seq; seq >= 100; --seq) store->remove(record_name(seq)).value();
    Log another = open();
    while (another.state().head().seq < 130) append_pair(another, key(1), clock);
    EXPECT_EQ(open().state(), another.state());
    EXPECT_EQ(open().opened_from(), 127U);
}

// More is lost than one looks beyond: the tail would come in sight again once something was written in the gap.
TEST_F(LogBehindACheckpoint, NothingIsWrittenBeforeATailThatIsLeft) {
    for (std::uint64_t seq = 100; seq <= 190; ++seq) store->remove(record_name(seq)).value();
    Log another = open();
    EXPECT_EQ(another.state().head().seq, 99U);
    EXPECT_EQ(another.append(key(1), clock, Open{}).error().code(), ErrorCode::Damaged);
    EXPECT_FALSE(store->size(record_name(100)).ok());
}

// Wherever the tail begins, and whether or not a checkpoint tells of it: it would come in everybody's way again.
TEST(LogTail, IsSeenByWhoeverAppends) {
    struct Lost {
        std::uint64_t head, first, last;
    };
    for (const Lost& lost : {Lost{200, 100, 192}, Lost{185, 100, 170}, Lost{185, 100, 184}, Lost{700, 100, 610}}) {
        SCOPED_TRACE(std::to_string(lost.first) + " to " + std::to_string(lost.last) + " are lost");
        World world;
        Log log = world.create();
        while (log.state().head().seq < lost.head) log.append(key(1), world.clock, Open{}).value();
        for (std::uint64_t seq = lost.first; seq <= lost.last; ++seq) world.store->remove(record_name(seq)).value();
        for (const char* archive : {"log-archive/00000000000000000000", "log-archive/00000000000000000256"})
            world.store->remove(archive).value();
        Log another = world.open();
        ASSERT_EQ(another.state().head().seq, 99U);
        const Error error = another.append(key(1), world.clock, Open{}).error();
        EXPECT_EQ(error.code(), ErrorCode::Damaged);
        EXPECT_NE(error.next_step().find(record_name(100)), std::string::npos) << error.next_step();
        EXPECT_TRUE(error.next_step().contains("runbooks/lost-records")) << error.next_step();
        EXPECT_FALSE(world.store->size(record_name(100)).ok());
    }
}

// Where the loss was accepted and the log went on, what the archives say of the lost end is another history.
TEST(LogTail, OfWhichAnArchiveIsLeftIsNoHole) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < 2 * kArchiveEvery) log.append(key(1), world.clock, Open{}).value();
    world.store->remove(archive_name(0)).value();
    ASSERT_TRUE(world.store->size(archive_name(kArchiveEvery)).ok());
    for (std::uint64_t seq = log.state().head().seq; seq >= 250; --seq) world.store->remove(record_name(seq)).value();
    Log another = world.open();
    ASSERT_EQ(another.state().head().seq, 249U);
    while (another.state().head().seq < kArchiveEvery + 5) {
        const Result<Appended> appended = another.append(key(1), world.clock, Open{});
        ASSERT_TRUE(appended.ok()) << another.state().head().seq << ": " << appended.error().one_line();
        ASSERT_EQ(world.open().state(), another.state());
    }
}

// The same where a checkpoint is left as well, and the one that would take its place is never written.
TEST(LogTail, OfWhichAnArchiveAndACheckpointAreLeftIsNotBelieved) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < 2 * kArchiveEvery) log.append(key(1), world.clock, Open{}).value();
    const std::uint64_t last = kArchiveEvery + kCheckpointEvery - 1;  // 319: of the first checkpoint in the archive
    const Bytes stale = world.store->get(checkpoint_name(last), 1U << 20).value();
    world.store->remove(archive_name(0)).value();
    for (std::uint64_t seq = log.state().head().seq; seq >= 250; --seq) world.store->remove(record_name(seq)).value();
    for (const ObjectInfo& object : world.store->list("checkpoints").value()) {
        if (object.name >= checkpoint_name(250) && !object.name.contains("/pages/"))
            world.store->remove(object.name).value();
    }
    Log another = world.open();
    ASSERT_EQ(another.state().head().seq, 249U);
    world.clock.advance(1'000'000'000);
    while (another.state().head().seq < last) another.append(key(1), world.clock, Open{}).value();
    const Bytes good = world.store->get(record_name(last), 1U << 20).value();
    world.store->remove(checkpoint_name(last)).value();
    world.store->put_new(checkpoint_name(last), stale, Durability::Now).value();

    EXPECT_EQ(world.open().state(), another.state());

    // Nor where the record that contradicts it is lost, whether or not another one follows.
    for (int i = 0; i < 3; ++i) {
        world.disk.overwrite(record_name(last), as_bytes("rotten")).value();
        const Result<Log> opened = Log::open(*world.store);
        if (opened.ok())
            EXPECT_NE(opened.value().state().head().seq, 2 * kArchiveEvery - 1) << "the history that was given up";
        else
            EXPECT_EQ(opened.error().code(), ErrorCode::Damaged);
        world.store->remove(record_name(last)).value();
        world.store->put_new(record_name(last), good, Durability::Now).value();
        another.append(key(1), world.clock, Open{}).value();
    }
}

// These and all behind them, as docs/runbooks/lost-records.md has it. The pages of checkpoints stay: older ones need
// them.
void move_aside(ObjectStore& store, const std::vector<std::string>& named) {
    for (const std::string& first : named) {
        for (const ObjectInfo& object : store.list(first.substr(0, first.find('/'))).value()) {
            if (object.name >= first && !object.name.contains("/pages/")) store.remove(object.name).value();
        }
    }
}

// An archive that cannot be read proves that its group was there: left where it is it would stop everybody for good.
TEST(LogTail, IsGivenUpByMovingAsideAllThatTellsOfIt) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < 600) log.append(key(1), world.clock, Open{}).value();
    for (std::uint64_t seq = 500; seq <= 520; ++seq) world.store->remove(record_name(seq)).value();
    world.disk.overwrite(archive_name(500), as_bytes("rotten")).value();
    move_aside(*world.store, {record_name(500), session_directory_name(500), checkpoint_name(500)});
    const Error error = Log::open(*world.store).error();
    EXPECT_EQ(error.code(), ErrorCode::Damaged);
    EXPECT_TRUE(error.what().contains(archive_name(500))) << error.what();

    move_aside(*world.store, {archive_name(500)});
    Log another = world.open();
    EXPECT_EQ(another.state().head().seq, 499U);
    while (another.state().head().seq < 520) another.append(key(1), world.clock, Open{}).value();
    EXPECT_EQ(world.open().state(), another.state());
}

TEST(LogHole, NamesTheArchiveThatDoesNotFillIt) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < kArchiveEvery) log.append(key(1), world.clock, Open{}).value();
    world.disk.overwrite(archive_name(0), as_bytes("rotten")).value();
    for (std::uint64_t seq = 30; seq <= kArchiveEvery; ++seq) world.store->remove(record_name(seq)).value();
    const Error error = Log::open(*world.store).error();
    EXPECT_EQ(error.code(), ErrorCode::Damaged);
    EXPECT_TRUE(error.what().contains(archive_name(0))) << error.what();
}

// Another writer goes on just when somebody asks for that object.
class BusyStore final : public testing_support::StoreInFront {
public:
    using StoreInFront::StoreInFront;
    Result<std::uint64_t> size(std::string_view name) override {
        if (name == asked_for && others) std::exchange(others, nullptr)();
        return StoreInFront::size(name);
    }
    std::string asked_for;
    std::function<void()> others;
};

TEST_F(LogBehindACheckpoint, AnotherWriterWhoFillsTheGroupIsNoHole) {
    for (const std::uint64_t end : {254U, 255U}) {
        while (log->state().head().seq < end) log->append(key(1), clock, Open{}).value();
        BusyStore busy{*store};
        Log slow = Log::open(busy).value();
        // The second number after the next one is asked for by who is about to append, and by nobody else.
        busy.asked_for = record_name(log->state().head().seq + 3);
        busy.others = [&] {
            for (int i = 0; i < 3; ++i) log->append(key(1), clock, Open{}).value();
        };
        EXPECT_TRUE(slow.append(key(1), clock, Open{}).ok()) << end;
        EXPECT_FALSE(busy.others);
        ASSERT_TRUE(log->refresh().ok());
    }
}

TEST_F(LogBehindACheckpoint, NamesThatAreNoCheckpointsChangeNothing) {
    store->remove(record_name(64)).value();
    for (const std::uint64_t number : {255ULL, 64ULL * 100 - 1, 18446744073709551615ULL})
        store->put_new(checkpoint_name(number), as_bytes("x"), Durability::Now).value();
    EXPECT_EQ(open().state(), log->state());
    // Many of them, too.
    for (std::uint64_t number = 200; number < 240; ++number)
        store->put_new(checkpoint_name(number * 64 - 1), as_bytes("x"), Durability::Now).value();
    EXPECT_EQ(open().state(), log->state());
}

TEST(LogDamage, ACommitThatIsGoneBehindACheckpointIsDamage) {
    World world;
    Log log = world.create();
    const std::uint64_t session = log.append(key(1), world.clock, Open{}).value().seq;
    log.append(key(1), world.clock, commit(session, 1, lists({1}))).value();
    while (log.state().head().seq < kCheckpointEvery) append_pair(log, key(1), world.clock);
    world.store->remove(record_name(2)).value();
    const Log later = world.open();
    EXPECT_EQ(later.commit_of(*later.state().find_snapshot("latest").value()).error().code(), ErrorCode::Damaged);
}

// A disk that does not give back a record.
class BadSector final : public testing_support::StoreInFront {
public:
    using StoreInFront::StoreInFront;
    Result<Bytes> get(std::string_view name, std::size_t limit) override {
        if (name == bad) return Error::from_errno(EIO, "cannot read '" + std::string{name} + "'");
        return StoreInFront::get(name, limit);
    }
    std::string bad;
};

TEST_F(LogBehindACheckpoint, AnUnreadableRecordCostsNothing) {
    BadSector bad_disk{*store};
    for (const std::uint64_t number : {30U, 127U, 128U, 191U}) {
        bad_disk.bad = record_name(number);
        EXPECT_EQ(Log::open(bad_disk).value().state(), log->state()) << number;
    }
}

TEST_F(LogBehindACheckpoint, AnUnreadableRecordCostsNothingWhereTheEndIsHardToFindToo) {
    BadSector bad_disk{*store};
    bad_disk.bad = record_name(30);
    store->remove(record_name(64)).value();
    store->remove(checkpoint_name(63)).value();
    EXPECT_EQ(Log::open(bad_disk).value().state(), log->state());
}

// Checkpoints of which nobody can say which there are.
class Unlisted final : public testing_support::StoreInFront {
public:
    using StoreInFront::StoreInFront;
    Result<std::vector<ObjectInfo>> list(std::string_view prefix) override {
        if (prefix == "checkpoints") return Error::from_errno(EIO, "cannot list 'checkpoints'");
        return StoreInFront::list(prefix);
    }
};

// Looking for a checkpoint behind a hole must not lose what the one before it told.
TEST_F(LogBehindACheckpoint, WhereNoneIsFoundBehindAHoleWhatWasReadBeforeItCounts) {
    damage(record_name(30), true);
    store->remove(record_name(195)).value();
    Unlisted unlisted{*store};
    LogOptions salvage;
    salvage.stop_before_junk = true;
    for (ObjectStore* asked : {static_cast<ObjectStore*>(store.get()), static_cast<ObjectStore*>(&unlisted)}) {
        const Log careful = Log::open(*asked, salvage).value();
        EXPECT_EQ(careful.state().head().seq, 194U);
        EXPECT_EQ(careful.opened_from(), 191U);
        EXPECT_TRUE(careful.problem());
    }
}

// Nobody can say what lies there: it is no junk that an admin could name.
TEST(LogDamage, AnUnreadableRecordAtTheEndIsDamageAndNoJunk) {
    World world;
    Log log = world.create();
    append_pair(log, key(1), world.clock);
    BadSector disk{*world.store};
    disk.bad = record_name(2);
    LogOptions salvage;
    salvage.stop_before_junk = true;
    for (const LogOptions& options : {LogOptions{}, salvage}) {
        const Result<Log> opened = Log::open(disk, options);
        ASSERT_FALSE(opened.ok());
        EXPECT_EQ(opened.error().code(), ErrorCode::Damaged);
        EXPECT_NE(opened.error().what().find("Input/output error"), std::string::npos) << opened.error().what();
    }
}

// A session's record is durable before its first pack.
class LogEnd : public testing::Test, protected World {
protected:
    void put_pack(std::uint64_t session) {
        const PackId id = PackId::from(Bytes(32, static_cast<std::uint8_t>(session)));
        store->put_new(pack_object_name(session, id), as_bytes("a pack"), Durability::Now).value();
    }
};

TEST_F(LogEnd, IsMissingWherePacksTellOfLaterSessions) {
    append_pair(*std::make_unique<Log>(create()), key(1), clock);
    put_pack(7);
    put_pack(9);
    Log log = open();
    const Error error = log.check_end().error();
    EXPECT_EQ(error.code(), ErrorCode::Damaged);
    EXPECT_NE(error.what().find("packs/00000000000000000007' and 1 more"), std::string::npos) << error.what();
    EXPECT_EQ(log.append(key(1), clock, Open{}).error().code(), ErrorCode::Damaged);
}

TEST_F(LogEnd, IsNotToldByWhatIsNoPack) {
    Log log = create();
    store->put_new("packs/00000000000000099999/README", as_bytes("x"), Durability::Now).value();
    store->put_new("packs/99999/" + std::string(64, 'a'), as_bytes("x"), Durability::Now).value();
    EXPECT_TRUE(log.append(key(1), clock, Open{}).ok());
}

// The number is taken, whatever lies there: its packs tell of nothing later.
TEST_F(LogEnd, IsThereWhereARecordOfASessionThatStoredPacksRotted) {
    {
        Log log = create();
        log.append(key(1), clock, Open{}).value();
    }
    put_pack(1);
    disk.overwrite(record_name(1), as_bytes("junk")).value();
    LogOptions salvage;
    salvage.stop_before_junk = true;
    Log log = open(salvage);
    EXPECT_TRUE(log.append(key(1), clock, AdminVoid{1, sha256(as_bytes("junk"))}).ok());
}

// A record that is gone while later ones are there is a hole, not the end: who took it for the end would write over
// what was acknowledged.
TEST(LogHole, IsDamageNotAnEnd) {
    for (const std::uint64_t lost : {1U, 64U, 128U, 190U, 192U, 195U, 199U}) {
        SCOPED_TRACE("record " + std::to_string(lost) + " is lost");
        World world;
        Log log = world.create();
        while (log.state().head().seq < 200) append_pair(log, key(1), world.clock);
        world.store->remove(record_name(lost)).value();
        LogOptions options;
        options.use_checkpoints = lost > 191;
        const Result<Log> opened = Log::open(*world.store, options);
        ASSERT_FALSE(opened.ok());
        EXPECT_EQ(opened.error().code(), ErrorCode::Damaged);
        EXPECT_NE(opened.error().what().find("record " + std::to_string(lost)), std::string::npos);
        EXPECT_FALSE(opened.error().meaning().empty());
        EXPECT_NE(opened.error().next_step().find(record_name(lost)), std::string::npos);
        EXPECT_FALSE(world.store->size(record_name(lost)).ok()) << "nothing was written in its place";
    }
}

TEST(LogHole, OfSeveralRecordsIsSeenToo) {
    for (const std::uint64_t first : {185U, 192U, 195U}) {
        SCOPED_TRACE("from record " + std::to_string(first));
        World world;
        Log log = world.create();
        while (log.state().head().seq < 200) append_pair(log, key(1), world.clock);
        for (std::uint64_t lost = first; lost < first + 3; ++lost) world.store->remove(record_name(lost)).value();
        LogOptions options;
        options.use_checkpoints = first > 191;
        EXPECT_EQ(Log::open(*world.store, options).error().code(), ErrorCode::Damaged);
    }
}

TEST(LogHole, IsSeenWhateverItsWidthUpToWhereOneLooks) {
    for (std::uint64_t width = 1; width <= 20; ++width) {
        World world;
        Log log = world.create();
        while (log.state().head().seq < 18 + width) log.append(key(1), world.clock, Open{}).value();
        for (std::uint64_t lost = 18; lost < 18 + width; ++lost) world.store->remove(record_name(lost)).value();
        EXPECT_EQ(Log::open(*world.store).error().code(), ErrorCode::Damaged) << width;
    }
}

// Names that somebody put just where the end is looked for.
TEST(LogHole, BeforeNumbersThatNoLogComesToIsAHoleToo) {
    World world;
    Log log = world.create();
    append_pair(log, key(1), world.clock);
    for (std::uint64_t number = 4; number != 0; number *= 2)
        world.store->put_new(record_name(number), as_bytes("x"), Durability::Now).value();
    EXPECT_EQ(Log::open(*world.store).error().code(), ErrorCode::Damaged);
    LogOptions salvage;
    salvage.stop_before_junk = true;
    EXPECT_EQ(world.open(salvage).state(), log.state());
}

TEST(LogHole, IsSeenByOneWhoHadTheLogOpen) {
    World world;
    Log log = world.create();
    Log other = world.open();
    for (int i = 0; i < 3; ++i) append_pair(log, key(1), world.clock);
    world.store->remove(record_name(3)).value();
    EXPECT_EQ(other.append(key(1), world.clock, Open{}).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(other.refresh().error().code(), ErrorCode::Damaged);
    EXPECT_EQ(other.state().head().seq, 2U);
    EXPECT_FALSE(world.store->size(record_name(3)).ok());
}

TEST(LogHole, WhereTheFirstRecordWasIsNoEmptyPlace) {
    World world;
    Log log = world.create();
    append_pair(log, key(1), world.clock);
    world.store->remove(record_name(0)).value();
    EXPECT_EQ(Log::open(*world.store).error().code(), ErrorCode::Damaged);
}

TEST(LogHole, IsFilledFromTheArchive) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < kArchiveEvery + 2) append_pair(log, key(1), world.clock);
    for (const std::uint64_t lost : {0U, 17U, 18U, 255U}) world.store->remove(record_name(lost)).value();
    LogOptions options;
    options.use_checkpoints = false;
    EXPECT_EQ(world.open(options).state(), log.state());
    EXPECT_EQ(world.open().state(), log.state());
    // At the end of the log as well: there the archive is all that tells.
    while (log.state().head().seq < 2 * kArchiveEvery - 1) log.append(key(1), world.clock, Open{}).value();
    world.store->remove(record_name(log.state().head().seq)).value();
    EXPECT_EQ(world.open().state(), log.state());
}

TEST(LogHole, IsToldToWhoWantsToSalvageAndStopsHisWriting) {
    World world;
    Log log = world.create();
    for (int i = 0; i < 3; ++i) append_pair(log, key(1), world.clock);
    world.store->remove(record_name(4)).value();
    LogOptions salvage;
    salvage.stop_before_junk = true;
    Log careful = world.open(salvage);
    ASSERT_TRUE(careful.problem());
    EXPECT_EQ(careful.problem()->code(), ErrorCode::Damaged);
    EXPECT_EQ(careful.state().head().seq, 3U);
    EXPECT_EQ(careful.append(key(1), world.clock, Open{}).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(careful.append(key(1), world.clock, AdminVoid{4, Sha256{}}).error().code(), ErrorCode::Damaged);
}

TEST(LogDamage, ALostRecordIsDamageNotAnEnd) {
    World world;
    Log log = world.create();
    for (int i = 0; i < 3; ++i) append_pair(log, key(1), world.clock);
    world.store->remove(record_name(4)).value();
    EXPECT_EQ(Log::open(*world.store).error().code(), ErrorCode::Damaged);
    world.store->remove(record_name(5)).value();
    world.store->remove(record_name(6)).value();
    EXPECT_EQ(world.open().state().head().seq, 3U) << "an older log is what pins tell";
}

class LogJunk : public testing::TestWithParam<int>, protected World {
protected:
    // Puts something at the next number that is no record of this log there.
    void put_junk(Log& log) {
        const Head head = log.state().head();
        LogRecord record;
        record.seq = head.seq + 1;
        record.prev = head.hash;
        record.time = kStart;
        record.payload = Open{};
        Bytes body;
        switch (GetParam()) {
            case 0: store->put_new(record_name(head.seq + 1), as_bytes("junk"), Durability::Now).value(); return;
            case 1:
                record.seq = head.seq;
                body = encode_record(record, key(1), log.repository()).value();
                break;
            case 2:
                record.prev = RecordHash{};
                body = encode_record(record, key(1), log.repository()).value();
                break;
            case 3: body = encode_record(record, key(1), RepositoryId{}).value(); break;
            case 4:
                body = encode_record(record, key(1), log.repository()).value();
                body[body.size() - 70] ^= 1;  // after the signature was made
                break;
            case 5:
                store->put_new(record_name(head.seq + 1), Bytes(kMaxRecordFile + 1), Durability::Now).value();
                return;
            default: {
                // A well-made record whose actor is no point of the curve.
                body = encode_record(record, key(1), log.repository()).value();
                std::fill_n(body.begin() + 52, 32, std::uint8_t{0});
            }
        }
        store->put_new(record_name(head.seq + 1), record_file(body), Durability::Now).value();
    }
};

TEST_P(LogJunk, AtTheNextNumberStopsEverybodyUntilAnAdminNamesIt) {
    Log log = create();
    append_pair(log, key(1), clock);
    const Head before = log.state().head();
    put_junk(log);
    EXPECT_EQ(Log::open(*store).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(log.append(key(1), clock, Open{}).error().code(), ErrorCode::Damaged);

    LogOptions salvage;
    salvage.stop_before_junk = true;
    Log careful = open(salvage);
    ASSERT_TRUE(careful.problem());
    EXPECT_EQ(careful.state().head(), before);
    EXPECT_EQ(careful.append(key(1), clock, Open{}).error().code(), ErrorCode::Damaged);
    const Junk junk = careful.state().junk().front();
    EXPECT_EQ(careful.append(key(1), clock, AdminVoid{junk.seq, Sha256::from(Bytes(32, 7))}).error().code(),
              ErrorCode::Refused);
    ASSERT_TRUE(careful.append(key(1), clock, AdminVoid{junk.seq, junk.file}).ok());

    ASSERT_TRUE(careful.refresh().ok());
    EXPECT_FALSE(careful.problem());
    Log again = open();
    EXPECT_EQ(again.state().head().seq, before.seq + 2);
    EXPECT_TRUE(again.append(key(1), clock, Open{}).ok());
}
INSTANTIATE_TEST_SUITE_P(Kinds, LogJunk, testing::Range(0, 7));

// A checkpoint cannot say what is left; the append that would write it must not fail over that.
TEST(LogJunkless, WhileJunkIsLeftThereIsNoCheckpoint) {
    World world;
    Log log = world.create();
    while (log.state().head().seq < kCheckpointEvery - 4) log.append(key(1), world.clock, Open{}).value();
    for (std::uint64_t seq = kCheckpointEvery - 3; seq < kCheckpointEvery - 1; ++seq)
        world.store->put_new(record_name(seq), as_bytes("junk"), Durability::Now).value();
    LogOptions salvage;
    salvage.stop_before_junk = true;
    Log careful = world.open(salvage);
    const Sha256 junk = sha256(as_bytes("junk"));
    EXPECT_EQ(careful.append(key(1), world.clock, AdminVoid{kCheckpointEvery - 3, junk}).value().seq,
              kCheckpointEvery - 1);
    EXPECT_FALSE(world.store->size(checkpoint_name(kCheckpointEvery - 1)).ok());
    ASSERT_TRUE(careful.append(key(1), world.clock, AdminVoid{kCheckpointEvery - 2, junk}).ok());
    EXPECT_EQ(world.open().state(), careful.state());
}

TEST(LogJunkless, GenesisMustBeGenesis) {
    World world;
    LogRecord record;
    record.payload = Open{};
    world.store
        ->put_new(record_name(0), record_file(encode_record(record, key(1), RepositoryId{}).value()), Durability::Now)
        .value();
    EXPECT_EQ(Log::open(*world.store).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(Log::create(*world.store, Genesis{}, key(1), world.clock).error().code(), ErrorCode::AlreadyExists);
}

TEST(LogDamage, ACommitThatWasReplacedIsNotReadAsTheOldOne) {
    World world;
    Log log = world.create();
    log.append(key(1), world.clock, Open{}).value();
    log.append(key(1), world.clock, commit(1, 1, lists({1}))).value();
    const Snapshot snapshot = *log.state().find_snapshot("latest").value();
    Commit other = commit(1, 1, lists({1}));
    other.body = Bytes(10);
    LogRecord record;
    record.seq = 2;
    record.payload = other;
    world.disk.overwrite(record_name(2), record_file(encode_record(record, key(1), log.repository()).value())).value();
    EXPECT_EQ(log.commit_of(snapshot).error().code(), ErrorCode::Damaged);
    world.disk.overwrite(record_name(2), world.disk.content(record_name(1)).value()).value();
    EXPECT_EQ(log.read(2).error().code(), ErrorCode::Damaged);
}

}  // namespace
}  // namespace dr
