#include "dr/repository/liveness.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

namespace dr {
namespace {

struct Liveness : testing::Test {
    std::string directory = (std::filesystem::temp_directory_path() / ("liveness." + std::to_string(getpid()))).string();
    Session session;
    Timestamp now = Timestamp::from_seconds(1'800'000'000);
    void SetUp() override {
        std::filesystem::create_directory(directory);
        session.id = 7;
        session.opened = now;
    }
    void TearDown() override { std::filesystem::remove_all(directory); }
    std::size_t entries() const { return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{directory}, {})); }
};

TEST_F(Liveness, ASessionLivesAsLongAsItsMark) {
    {
        const LivenessMark mark = LivenessMark::make(directory, 7, "here");
        EXPECT_FALSE(is_dead(session, directory, "here", now));
        EXPECT_EQ(entries(), 1U);
    }
    EXPECT_TRUE(is_dead(session, directory, "here", now));  // interrupted: the next one may take over
    LivenessMark again = LivenessMark::make(directory, 7, "here");
    again.end();
    EXPECT_EQ(entries(), 0U);
}

TEST_F(Liveness, AKilledProcessLeavesADeadSession) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        const LivenessMark mark = LivenessMark::make(directory, 7, "here");
        (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    char byte;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_FALSE(is_dead(session, directory, "here", now));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_TRUE(is_dead(session, directory, "here", now));
    EXPECT_FALSE(is_dead(session, directory, "elsewhere", now));  // not ours to judge before its time
    close(ready[0]);
    close(ready[1]);
}

TEST_F(Liveness, WhatNothingIsKnownOfDiesOfAge) {
    EXPECT_FALSE(is_dead(session, directory, "here", now));
    EXPECT_FALSE(is_dead(session, "", "here", now));
    const Timestamp later{now.nanoseconds() + kStaleSessionNanoseconds + 1};
    EXPECT_TRUE(is_dead(session, directory, "here", later));
    EXPECT_TRUE(is_dead(session, "", "here", later));
}

TEST_F(Liveness, AMarkThatCannotBeMadeMarksNothing) {
    const LivenessMark none = LivenessMark::make(directory + "/none", 7, "here");
    const LivenessMark nowhere = LivenessMark::make("", 7, "here");
    const LivenessMark first = LivenessMark::make(directory, 7, "here");
    LivenessMark second = LivenessMark::make(directory, 7, "here");  // somebody holds it
    second = LivenessMark{};
    EXPECT_FALSE(is_dead(session, directory, "here", now));
}

}  // namespace
}  // namespace dr
