#include "dr/platform/task_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <string>

namespace dr {
namespace {

TEST(TaskPool, EveryTaskRunsOnce) {
    std::atomic<int> runs{0};
    {
        TaskPool pool{3};
        EXPECT_EQ(pool.workers(), 3U);
        for (int i = 0; i < 1000; ++i) pool.submit(Priority::Ordinary, [&] { ++runs; });
    }
    EXPECT_EQ(runs, 1000);
}

TEST(TaskPool, TasksThatTasksSubmitRunBeforeThePoolEnds) {
    std::atomic<int> runs{0};
    {
        TaskPool pool{1};
        pool.submit(Priority::Ordinary,
                    [&] { pool.submit(Priority::Urgent, [&] { pool.submit(Priority::Ordinary, [&] { ++runs; }); }); });
    }
    EXPECT_EQ(runs, 1);
}

TEST(TaskPool, UrgentTasksRunBeforeOrdinaryOnes) {
    std::string order;
    {
        TaskPool pool{1};
        std::latch started{1};
        std::latch gate{1};
        pool.submit(Priority::Ordinary, [&] {
            started.count_down();
            gate.wait();
        });
        started.wait();
        pool.submit(Priority::Ordinary, [&] { order += 'o'; });
        pool.submit(Priority::Urgent, [&] { order += 'u'; });
        pool.submit(Priority::Ordinary, [&] { order += 'o'; });
        pool.submit(Priority::Urgent, [&] { order += 'u'; });
        gate.count_down();
    }
    EXPECT_EQ(order, "uuoo");
}

TEST(TaskPool, WhoWaitsHelps) {
    TaskPool pool{1};
    std::latch started{1};
    std::latch gate{1};
    pool.submit(Priority::Ordinary, [&] {
        started.count_down();
        gate.wait();
    });
    started.wait();

    // The only worker is stuck: what is queued can only be run by this thread.
    std::atomic<int> done{0};
    const auto here = std::this_thread::get_id();
    for (int i = 0; i < 10; ++i) {
        pool.submit(Priority::Ordinary, [&] {
            EXPECT_EQ(std::this_thread::get_id(), here);
            ++done;
        });
    }
    pool.help_until([&] { return done == 10; });
    EXPECT_EQ(done, 10);
    gate.count_down();
}

TEST(TaskPool, AHelperForUrgentTasksLeavesOrdinaryOnesAlone) {
    TaskPool pool{1};
    std::latch started{1};
    std::latch gate{1};
    pool.submit(Priority::Ordinary, [&] {
        started.count_down();
        gate.wait();
    });
    started.wait();

    bool ordinary = false;
    bool urgent = false;
    pool.submit(Priority::Ordinary, [&] { ordinary = true; });
    pool.submit(Priority::Urgent, [&] { urgent = true; });
    pool.help_until([&] { return urgent; }, Priority::Urgent);
    EXPECT_FALSE(ordinary);
    gate.count_down();
    pool.help_until([&] { return ordinary; });
}

TEST(TaskPool, WakeMakesAWaitingHelperLookAgain) {
    TaskPool pool{1};
    std::atomic<bool> ready{false};
    std::atomic<int> asked{0};
    std::jthread other{[&] {
        while (asked == 0) std::this_thread::yield();
        ready = true;
        pool.wake();
    }};
    pool.help_until([&] {
        ++asked;
        return ready.load();
    });
    EXPECT_TRUE(ready);
}

TEST(TaskPool, WhatATaskHeldIsLetGoBeforeItCountsAsDone) {
    TaskPool pool{2};
    for (int i = 0; i < 200; ++i) {
        auto held = std::make_shared<int>(i);
        const std::weak_ptr<int> watch = held;
        pool.submit(Priority::Ordinary, [held = std::move(held)] { EXPECT_GE(*held, 0); });
        pool.help_until([&] { return watch.expired(); });
    }
}

}  // namespace
}  // namespace dr
