#include "dr/repository/log.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "dr/platform/posix/posix_disk.h"
#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_disk.h"
#include "dr/platform/sim/sim_random.h"
#include "dr/repository/checkpoint.h"
#include "dr/repository/log_archive.h"
#include "dr/repository/replay_testing.h"
#include "dr/repository/testing/store_in_front.h"
#include "dr/storage/local_store.h"

namespace dr {
namespace {

using namespace replay_testing;

// A store on a simulated disk, and a clock that goes on by itself.
struct World {
    SimDisk disk{1};
    SeededRandom random{1};
    SimClock clock{kStart, 1000};
    std::unique_ptr<LocalStore> store = LocalStore::open(disk, random, {"sim", 0});

    Log create() { return Log::create(*store, Genesis{}, key(1), clock).value(); }
    Log open(LogOptions options = {}) { return Log::open(*store, std::move(options)).value(); }
    void damage(const std::string& name, bool both_copies) {
        Bytes file = disk.content(name).value();
        file[file.size() / 2 - 1] ^= 0xff;
        if (both_copies) file.back() ^= 0xff;
        disk.overwrite(name, file).value();
    }
};

// Opens and closes a session: two records.
void append_pair(Log& log, const SigningKey& with, const Clock& clock) {
    const std::uint64_t session = log.append(with, clock, Open{}).value().seq;
    log.append(with, clock, Close{session}).value();
}

TEST(Log, WhatWasAppendedIsReplayed) {
    World world;
    Log log = world.create();
    EXPECT_EQ(log.repository().array(), log.state().head().hash.array());
    const Appended opened = log.append(key(1), world.clock, Open{}).value();
    EXPECT_EQ(opened.seq, 1U);
    const Appended done = log.append(key(1), world.clock, commit(1, 1, lists({1, 2}))).value();

    Log again = world.open();
    EXPECT_EQ(again.state(), log.state());
    EXPECT_EQ(again.state().head(), (Head{done.seq, done.hash}));
    const Snapshot& snapshot = *again.state().find_snapshot("latest").value();
    EXPECT_EQ(again.commit_of(snapshot).value().body, Bytes(300, 0x5a));
    EXPECT_EQ(again.read(1).value().payload, RecordPayload{Open{}});
    EXPECT_EQ(again.hash_of(1).value(), opened.hash);
    EXPECT_EQ(again.hash_of(2).value(), done.hash);
    EXPECT_EQ(again.read(3).error().code(), ErrorCode::NotFound);
}

TEST(Log, AnotherWriterIsSeenAfterARefresh) {
    World world;
    Log one = world.create();
    Log two = world.open();
    append_pair(one, key(1), world.clock);
    EXPECT_EQ(two.state().head().seq, 0U);
    ASSERT_TRUE(two.refresh().ok());
    EXPECT_EQ(two.state(), one.state());
    append_pair(two, key(1), world.clock);
    append_pair(one, key(1), world.clock);
    EXPECT_EQ(one.state().head().seq, 6U);
}

TEST(Log, ARepositoryIsMadeOnce) {
    World world;
    world.create();
    EXPECT_EQ(Log::create(*world.store, Genesis{}, key(2), world.clock).error().code(), ErrorCode::AlreadyExists);
    // Not even by one who would write the very same bytes.
    SimClock frozen{kStart};
    World other;
    ASSERT_TRUE(Log::create(*other.store, Genesis{}, key(1), frozen).ok());
    EXPECT_EQ(Log::create(*other.store, Genesis{}, key(1), frozen).error().code(), ErrorCode::AlreadyExists);
}

TEST(Log, WhereThereIsNoneItSaysHowToMakeOne) {
    World world;
    const Error error = Log::open(*world.store).error();
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
    EXPECT_EQ(error.next_step(), "qnwis_dr init --storage-path sim");
}

TEST(Log, AnotherRepositoryThanExpectedIsAFork) {
    World world;
    const RepositoryId id = world.create().repository();
    LogOptions options;
    options.expected = id;
    EXPECT_TRUE(Log::open(*world.store, options).ok());
    options.expected = RepositoryId::from(Bytes(32, 1));
    EXPECT_EQ(Log::open(*world.store, options).error().code(), ErrorCode::Forked);
}

TEST(Log, ARecordThatWouldBeVoidIsNotWritten) {
    World world;
    Log log = world.create();
    const Error error = log.append(key(1), world.clock, Close{77}).error();
    EXPECT_EQ(error.code(), ErrorCode::Refused);
    EXPECT_NE(error.what().find("session 77 is not open"), std::string::npos);
    EXPECT_EQ(log.append(key(2), world.clock, Open{}).error().code(), ErrorCode::Refused);
    EXPECT_EQ(log.append(key(1), world.clock, Reap{std::vector<PackId>(20'000)}).error().code(), ErrorCode::BadRequest);
    EXPECT_EQ(log.append(key(1), world.clock,
                         [](const State&) -> Result<RecordPayload> { return Error{ErrorCode::Cancelled, "no"}; })
                  .error()
                  .code(),
              ErrorCode::Cancelled);
    EXPECT_EQ(world.open().state().head().seq, 0U);
}

// A record that does not decode would be junk that stops everybody.
TEST(Log, ARecordThatNobodyCouldReadIsNotWritten) {
    World world;
    Log log = world.create();
    EXPECT_EQ(log.append(key(1), world.clock, KeyGrant{key(2).public_key(), 32, "host"}).error().code(),
              ErrorCode::BadRequest);
    EXPECT_EQ(log.append(key(1), world.clock, KeySlot{true, "k/1", {}, {}}).error().code(), ErrorCode::BadRequest);
    EXPECT_EQ(log.append(key(1), world.clock, UnknownPayload{5, {7}}).error().code(), ErrorCode::BadRequest);
    EXPECT_EQ(world.open().state().head().seq, 0U);
}

TEST(Log, WhoLosesTheNumberBuildsAgainForTheNewState) {
    World world;
    Log log = world.create();
    Log other = world.open();
    int builds = 0;
    const Appended appended = log.append(key(1), world.clock,
                                         [&](const State& state) -> Result<RecordPayload> {
                                             // Somebody is faster, between our look at the state and our write.
                                             if (++builds == 1) append_pair(other, key(1), world.clock);
                                             EXPECT_EQ(state.head().seq, builds == 1 ? 0U : 2U);
                                             return RecordPayload{Open{}};
                                         })
                                  .value();
    EXPECT_EQ(builds, 2);
    EXPECT_EQ(appended.seq, 3U);
}

// A cloned machine has the same key and the same clock, and so writes the same bytes: one of the two has lost all the
// same.
TEST(Log, TwoWritersOfTheSameBytesDoNotShareARecord) {
    World world;
    SimClock frozen{kStart};
    Log one = Log::create(*world.store, Genesis{}, key(1), frozen).value();
    Log two = world.open();
    int builds = 0;
    const Appended first = one.append(key(1), frozen,
                                      [&](const State&) -> Result<RecordPayload> {
                                          if (++builds == 1) two.append(key(1), frozen, Open{}).value();
                                          return RecordPayload{Open{}};
                                      })
                               .value();
    EXPECT_EQ(first.seq, 2U);
    EXPECT_EQ(one.state().open_sessions().size(), 2U);
}

// --- races

class ScratchStore {
public:
    ScratchStore() {
        // In memory where that can be: who wins a race does not hang on the disk, and writers there race more often.
        const std::filesystem::path memory = "/dev/shm";
        const auto place = std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
        std::string pattern = (place / "dr-log-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~ScratchStore() { std::filesystem::remove_all(path_); }
    std::unique_ptr<LocalStore> open() {
        SeededRandom random{static_cast<std::uint64_t>(getpid()) << 32 | ++opened_};
        return LocalStore::open(std::unique_ptr<Disk>{PosixDisk::open_root(path_).value()}, random, {path_, 1});
    }

private:
    std::string path_;
    std::atomic<std::uint64_t> opened_{0};
};

constexpr std::uint64_t kWriters = 16, kEach = 50;

// Every writer commits kEach snapshots of its own, each of which must be there once, and nothing else.
void expect_all_commits(ObjectStore& store) {
    LogOptions from_the_start;
    from_the_start.use_checkpoints = false;
    const Log log = Log::open(store, from_the_start).value();
    EXPECT_EQ(log.state().head().seq, kWriters * (kEach + 1)) << "a gap or a loss";
    EXPECT_TRUE(log.state().voids().empty());
    EXPECT_EQ(log.state().snapshots().size(), kWriters * kEach);
    for (std::uint64_t i = 0; i < kWriters * kEach; ++i)
        EXPECT_TRUE(log.state().find_snapshot(snapshot_id(i).hex()).ok()) << i;
    EXPECT_EQ(Log::open(store).value().state(), log.state()) << "by way of a checkpoint";
}

void write_commits(ObjectStore& store, std::uint64_t writer) {
    SimClock clock{kStart, 1000};
    Log log = Log::open(store).value();
    const std::uint64_t session = log.append(key(1), clock, Open{}).value().seq;
    for (std::uint64_t i = 0; i < kEach; ++i) {
        const std::uint64_t number = writer * kEach + i;
        ASSERT_TRUE(log.append(key(1), clock, commit(session, number, lists({number}), false)).ok());
    }
}

TEST(LogRace, SixteenThreadsLoseNothing) {
    ScratchStore scratch;
    auto store = scratch.open();
    ASSERT_TRUE(Log::create(*store, Genesis{}, key(1), SimClock{kStart}).ok());
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
            threads.emplace_back([&, writer] { write_commits(*store, writer); });
        }
    }
    expect_all_commits(*store);
}

TEST(LogRace, SixteenProcessesLoseNothing) {
    ScratchStore scratch;
    ASSERT_TRUE(Log::create(*scratch.open(), Genesis{}, key(1), SimClock{kStart}).ok());
    std::vector<pid_t> children;
    for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const auto store = scratch.open();
            write_commits(*store, writer);
            _exit(testing::Test::HasFailure() ? 1 : 0);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    expect_all_commits(*scratch.open());
}

// --- power cuts and failing disks

// Makes a repository and appends to it; returns how many records were acknowledged.
std::uint64_t work(World& world, std::uint64_t records) {
    Result<Log> log = Log::create(*world.store, Genesis{}, key(1), world.clock);
    if (!log.ok()) return 0;
    std::uint64_t acknowledged = 1;
    for (; acknowledged < records; ++acknowledged) {
        if (!log.value().append(key(1), world.clock, Open{}).ok()) break;
    }
    return acknowledged;
}

TEST(LogPowerCut, BeforeAnyDiskOperationLosesNoAcknowledgedRecord) {
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        World world;
        world.disk.cut_power_before(step);
        const std::uint64_t acknowledged = work(world, 8);
        const bool finished = !world.disk.power_was_cut();
        world.disk.restart();
        world.store = LocalStore::open(world.disk, world.random, {"sim", 0});
        Result<Log> log = Log::open(*world.store);
        if (acknowledged > 0) {
            ASSERT_TRUE(log.ok()) << log.error().one_line();
            EXPECT_GE(log.value().state().head().seq + 1, acknowledged);
            EXPECT_LE(log.value().state().head().seq, acknowledged) << "at most the one that was under way";
        }
        // And it goes on from there.
        if (!log.ok()) {
            EXPECT_EQ(log.error().code(), ErrorCode::NotFound);
            log = Log::create(*world.store, Genesis{}, key(1), world.clock);
        }
        EXPECT_TRUE(log.value().append(key(1), world.clock, Open{}).ok());
        if (finished) break;
    }
}

// A second machine reads a record before it is durable and appends after it; then the power goes. The record it built
// on must not have vanished from under its own.
TEST(LogPowerCut, WhatWasBuiltUponIsDurable) {
    int survived = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        SimDisk disk{seed};
        SeededRandom random{seed};
        SimClock clock{kStart, 1000};
        auto one = LocalStore::open(disk, random, {"sim", 0});
        auto two = LocalStore::open(disk, random, {"sim", 0});
        Log first = Log::create(*one, Genesis{}, key(1), clock).value();
        ASSERT_TRUE(first.append(key(1), clock, Open{}).ok());  // the first one looks at the packs too
        // The directory sync of the first writer's append fails: its record is seen by all and durable for nobody.
        const std::uint64_t before = disk.operations();
        for (std::uint64_t step = before + 7; step < before + 11; ++step) disk.fail_at(step, EIO);
        EXPECT_FALSE(first.append(key(1), clock, Open{}).ok());
        Result<Log> second = Log::open(*two);
        if (!second.ok()) continue;
        const Result<Appended> appended = second.value().append(key(1), clock, Open{});
        disk.cut_power();
        disk.restart();
        auto after = LocalStore::open(disk, random, {"sim", 0});
        const Log log = Log::open(*after).value();
        if (appended.ok()) {
            EXPECT_GE(log.state().head().seq, appended.value().seq);
            ++survived;
        }
    }
    EXPECT_GT(survived, 0);
}

TEST(LogFailure, AnOutcomeThatIsNotKnownEndsTheAppending) {
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("EIO at operation " + std::to_string(step) + " of an append");
        World world;
        Log log = world.create();
        const std::uint64_t failing = world.disk.operations() + step;
        world.disk.fail_at(failing, EIO);
        const Result<Appended> first = log.append(key(1), world.clock, Open{});
        if (world.disk.operations() <= failing) break;
        const std::uint64_t seen = world.disk.content(record_name(1)).ok() ? 1 : 0;
        EXPECT_TRUE(!first.ok() || seen == 1);
        // Open again: what is there is there, and the log goes on.
        auto store = LocalStore::open(world.disk, world.random, {"sim", 0});
        Log again = Log::open(*store).value();
        EXPECT_EQ(again.state().head().seq, seen);
        EXPECT_EQ(again.append(key(1), world.clock, Open{}).value().seq, seen + 1);
    }
}

TEST(LogFailure, AFullDiskIsOverWhenThereIsRoomAgain) {
    World world;
    Log log = world.create();
    world.disk.fail_writes(ENOSPC);
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).error().code(), ErrorCode::NoSpace);
    world.disk.fail_writes(0);
    EXPECT_TRUE(log.append(key(1), world.clock, Open{}).ok());
}

// A store that does what it likes: what a put says is only a hint.
class MoodyStore final : public testing_support::StoreInFront {
public:
    using ObjectStore::put_new;
    using StoreInFront::StoreInFront;
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability durability) override {
        ++puts;
        if (lose > 0) {
            --lose;
            return Error{ErrorCode::Unavailable, "the request was lost"};
        }
        Result<void> put = StoreInFront::put_new(name, parts, durability);
        if (asks_twice && put.ok()) put = StoreInFront::put_new(name, parts, durability);
        if (answers_lost == 0) return put;
        --answers_lost;
        return Error{ErrorCode::Unavailable, "the answer was lost"};
    }

    int lose = 0;
    int answers_lost = 0;
    int puts = 0;
    bool asks_twice = false;  // like a client that repeats a request whose answer was lost: "taken", by itself
};

TEST(LogFailure, ALostAnswerIsAnAppendAllTheSame) {
    World world;
    MoodyStore store{*world.store};
    Log log = Log::create(store, Genesis{}, key(1), world.clock).value();
    store.answers_lost = 1;
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).value().seq, 1U);
    EXPECT_EQ(log.state().open_sessions().size(), 1U);
}

TEST(LogFailure, ALostRequestIsMadeAgainWithTheSameBytes) {
    World world;
    MoodyStore store{*world.store};
    Log log = Log::create(store, Genesis{}, key(1), world.clock).value();
    store.lose = 2;
    store.puts = 0;
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).value().seq, 1U);
    EXPECT_EQ(store.puts, 3);
    store.lose = 100;
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).error().code(), ErrorCode::Unavailable);
    store.lose = 0;
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).error().code(), ErrorCode::Unavailable)
        << "not before it was opened again";
    EXPECT_TRUE(world.open().append(key(1), world.clock, Open{}).ok());
}

// "Taken" is a hint like any other answer: what lies there decides. Nobody else writes our bytes, but for an open,
// which a clone of this machine could: a session has one owner, and a stray one is ended by the next prune.
TEST(LogFailure, ANameTakenByOurOwnBytesIsOurs) {
    World world;
    MoodyStore store{*world.store};
    Log log = Log::create(store, Genesis{}, key(1), world.clock).value();
    const std::uint64_t session = log.append(key(1), world.clock, Open{}).value().seq;
    store.asks_twice = true;
    const std::uint64_t seq = log.append(key(1), world.clock, commit(session, 1, lists({1}), false)).value().seq;
    EXPECT_EQ(seq, session + 1);
    EXPECT_EQ(log.append(key(1), world.clock, Close{session}).value().seq, seq + 1);
    EXPECT_EQ(log.state().head().seq, seq + 1);
    EXPECT_TRUE(world.open().state().voids().empty());
    // Each try finds its own bytes and takes them for somebody else's; with an honest store again it gets through.
    int builds = 0;
    const Appended opened = log.append(key(1), world.clock,
                                       [&](const State&) -> Result<RecordPayload> {
                                           store.asks_twice = ++builds == 1;
                                           return RecordPayload{Open{}};
                                       })
                                .value();
    EXPECT_EQ(opened.seq, seq + 3);
    EXPECT_EQ(log.state().open_sessions().size(), 2U);
}

// --- damage and junk

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

TEST(Log, AnotherArbitrationStopsWritersNotReaders) {
    World world;
    Genesis genesis;
    genesis.arbitration = 2;
    Log log = Log::create(*world.store, genesis, key(1), world.clock).value();
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).error().code(), ErrorCode::Unsupported);
    EXPECT_TRUE(Log::open(*world.store).ok());
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

TEST(LogUnknown, ARequiredUnknownRecordStopsWritersNotReaders) {
    World world;
    Log log = world.create();
    ASSERT_TRUE(log.append(key(1), world.clock, UnknownPayload{99, {1}}).ok());
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).error().code(), ErrorCode::Unsupported);
    EXPECT_EQ(world.open().state().head().seq, 1U);
}

TEST(LogVoid, AVoidRecordKeepsItsPlace) {
    World world;
    Log log = world.create();
    LogRecord record;
    record.seq = 1;
    record.prev = log.state().head().hash;
    record.time = kStart;
    record.payload = Open{};
    world.store
        ->put_new(record_name(1), record_file(encode_record(record, key(7), log.repository()).value()), Durability::Now)
        .value();
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).value().seq, 2U);
    ASSERT_EQ(log.state().voids().size(), 1U);
    EXPECT_EQ(log.state().voids()[0].seq, 1U);
}

}  // namespace
}  // namespace dr
