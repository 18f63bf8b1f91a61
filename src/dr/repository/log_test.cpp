#include "dr/repository/log.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "dr/platform/posix/posix_disk.h"
#include "dr/repository/log_testing.h"

namespace dr {
namespace {

using namespace log_testing;

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

// What a signature would say, the hash of a record that was verified before says too; and only that.
TEST(Log, RecordsUpToAKnownHeadAreKnownByTheirHashes) {
    World world;
    Log log = world.create();
    append_pair(log, key(1), world.clock);
    LogRecord record;
    record.seq = 3;
    record.prev = log.state().head().hash;
    record.time = kStart;
    record.payload = Open{};
    Bytes body = encode_record(record, key(1), log.repository()).value();
    body.back() ^= 1;  // of the signature
    ASSERT_TRUE(world.store->put_new(record_name(3), record_file(body), Durability::Now).ok());
    EXPECT_EQ(Log::open(*world.store).error().code(), ErrorCode::Damaged);

    LogOptions options;
    options.known = Head{3, record_hash(body)};
    EXPECT_EQ(world.open(options).state().head(), *options.known);
    for (const Head& other :
         {Head{2, log.state().head().hash}, Head{3, log.state().head().hash}, Head{4, record_hash(body)}}) {
        options.known = other;
        EXPECT_EQ(Log::open(*world.store, options).error().code(), ErrorCode::Damaged) << other.seq;
    }
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

TEST(Log, AnotherArbitrationStopsWritersNotReaders) {
    World world;
    Genesis genesis;
    genesis.arbitration = 2;
    Log log = Log::create(*world.store, genesis, key(1), world.clock).value();
    EXPECT_EQ(log.append(key(1), world.clock, Open{}).error().code(), ErrorCode::Unsupported);
    EXPECT_TRUE(Log::open(*world.store).ok());
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

}  // namespace
}  // namespace dr
