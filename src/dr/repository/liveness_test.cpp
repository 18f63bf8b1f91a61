#include "dr/repository/liveness.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

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
