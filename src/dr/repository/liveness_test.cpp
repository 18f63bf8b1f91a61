#include "dr/repository/liveness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>

#include "dr/repository/replay_testing.h"

namespace dr {
namespace {

struct Liveness : testing::Test {
    std::string directory =
        (std::filesystem::temp_directory_path() / ("liveness." + std::to_string(getpid()))).string();
    Session session;
    Timestamp now = Timestamp::from_seconds(1'800'000'000);
    void SetUp() override {
        std::filesystem::create_directory(directory);
        session.id = 7;
        session.opened = now;
    }
    void TearDown() override { std::filesystem::remove_all(directory); }
    std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{directory}, {}));
    }
    bool dead() const { return is_dead(session, directory, "here", now); }
    LivenessMark aimed() const {
        LivenessMark mark = LivenessMark::prepare(directory, "here");
        mark.aim(7);
        return mark;
    }
};

TEST_F(Liveness, ASessionLivesAsLongAsItsMark) {
    {
        LivenessMark mark = aimed();
        EXPECT_FALSE(dead());
        mark.settle();
        EXPECT_FALSE(dead());
        EXPECT_EQ(entries(), 1U);
    }
    EXPECT_TRUE(dead());  // interrupted: the next one may take over
    LivenessMark again = aimed();
    again.settle();
    again.end();
    EXPECT_EQ(entries(), 0U);
}

TEST_F(Liveness, AWriterKilledBeforeItSettledIsDead) {
    {
        const LivenessMark mark = aimed();
    }
    EXPECT_TRUE(dead());
}

TEST_F(Liveness, WhatIsOlderThanAllLivingWritersIsNobodysAnyMore) {
    constexpr std::int64_t kHour = kNanosecondsPerDay / 24;
    const auto before = [this] { return no_writer_before(directory, "here").value().nanoseconds(); };
    // Ages every mark there is.
    const auto age = [this](std::int64_t by) {
        for (const auto& entry : std::filesystem::directory_iterator{directory})
            std::filesystem::last_write_time(entry, entry.last_write_time() - std::chrono::nanoseconds{by});
    };
    const std::int64_t nobody = before();
    const std::int64_t real_now = nobody + kHour;  // the margin for writers without a mark
    EXPECT_EQ(entries(), 0U);
    {
        LivenessMark alive = aimed();
        alive.settle();
        age(72 * kHour);
        EXPECT_LT(before(), real_now - 71 * kHour) << "a backup may take days";
        EXPECT_GT(before(), real_now - 73 * kHour);
    }
    EXPECT_GE(before(), nobody) << "killed: its files are litter";
    {
        LivenessMark elsewhere = LivenessMark::prepare(directory, "another host");
        elsewhere.aim(8);
    }
    age(24 * kHour);
    EXPECT_LT(before(), real_now - 23 * kHour) << "its lock need not be seen from here";
    age(8 * 24 * kHour);
    EXPECT_GE(before(), nobody);
    EXPECT_FALSE(no_writer_before(directory + "/gone", "here"));
}

// No number of nanoseconds holds that time.
TEST_F(Liveness, AMarkOfTheYear2400IsNotStale) {
    const Timestamp nobody = no_writer_before(directory, "here").value();
    {
        LivenessMark elsewhere = LivenessMark::prepare(directory, "another host");
        elsewhere.aim(7);
    }
    const std::string path = std::filesystem::directory_iterator { directory } -> path();
    for (const std::time_t second : {std::time_t{13'569'465'600}, std::time_t{-13'569'465'600}}) {
        const std::array<timespec, 2> times{{{second, 0}, {second, 0}}};
        ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
        EXPECT_GE(no_writer_before(directory, "here").value(), nobody);
        remove_dead_marks(directory, "here", State{});
        EXPECT_EQ(entries(), second > 0 ? 1U : 0U);
    }
}

TEST_F(Liveness, MarksOfEndedSessionsGoAndThoseThatSayMoreStay) {
    {
        LivenessMark killed = aimed();
        killed.settle();
        LivenessMark never_won = LivenessMark::prepare(directory, "here");
        never_won.aim(8);
    }
    ASSERT_EQ(entries(), 2U);
    remove_dead_marks(directory, "here", State{});
    EXPECT_EQ(entries(), 2U) << "of a log that is not there nothing is known";
    replay_testing::Script log;
    while (log.state.head().seq < 9) log.record(1, Runs{});
    {
        LivenessMark alive = LivenessMark::prepare(directory, "here");
        alive.aim(5);
        alive.settle();
        remove_dead_marks(directory, "here", log.state);
        EXPECT_EQ(entries(), 2U) << "session 7 has ended and its process is gone";
        EXPECT_FALSE(std::filesystem::exists(directory + "/session-7"));
    }
    remove_dead_marks(directory, "here", log.state);
    EXPECT_EQ(entries(), 1U) << "the one that never won a number is kept until it is stale";
}

// Two try one number. The one that loses is killed; the winner lives.
TEST_F(Liveness, ALoserThatDiesSaysNothingAboutTheWinner) {
    LivenessMark winner = aimed();
    {
        const LivenessMark loser = aimed();
    }
    EXPECT_FALSE(dead());
    winner.settle();
    EXPECT_FALSE(dead());
}

TEST_F(Liveness, AMarkThatAimsAtTheNextNumberLetsGoOfTheLast) {
    LivenessMark loser = aimed();
    loser.aim(8);
    EXPECT_FALSE(dead());  // nothing is known of 7
    session.opened = Timestamp{now.nanoseconds() - kStaleSessionNanoseconds - 1};
    EXPECT_TRUE(dead());
}

TEST_F(Liveness, AKilledProcessLeavesADeadSession) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        LivenessMark mark = aimed();
        mark.settle();
        (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    char byte;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_FALSE(dead());
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_TRUE(dead());
    EXPECT_FALSE(is_dead(session, directory, "elsewhere", now));  // not ours to judge before its time
    close(ready[0]);
    close(ready[1]);
}

TEST_F(Liveness, WhatNothingIsKnownOfDiesOfAge) {
    EXPECT_FALSE(dead());
    EXPECT_FALSE(is_dead(session, "", "here", now));
    now = Timestamp{now.nanoseconds() + kStaleSessionNanoseconds + 1};
    EXPECT_TRUE(dead());
    EXPECT_TRUE(is_dead(session, "", "here", now));
}

// The trusted time of a foreign repository may be any.
TEST_F(Liveness, WhatBeganBeforeAllTimeIsOldAndWhatBeginsAfterItIsNot) {
    session.opened = Timestamp{INT64_MIN};
    EXPECT_TRUE(is_dead(session, "", "here", now));
    session.opened = Timestamp{INT64_MAX};
    EXPECT_FALSE(is_dead(session, "", "here", now));
}

TEST_F(Liveness, AMarkThatCannotBeMadeMarksNothing) {
    for (const std::string& nowhere : {directory + "/none", std::string{}}) {
        LivenessMark mark = LivenessMark::prepare(nowhere, "here");
        mark.aim(7);
        mark.settle();
        mark.end();
        EXPECT_FALSE(is_dead(session, nowhere, "here", now));
    }
}

}  // namespace
}  // namespace dr
