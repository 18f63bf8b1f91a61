#include "dr/platform/task_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
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

TEST(TaskPool, CriticalTasksRunBeforeUrgentOnesAndThoseBeforeOrdinaryOnes) {
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
        pool.submit(Priority::Critical, [&] { order += 'c'; });
        pool.submit(Priority::Urgent, [&] { order += 'u'; });
        gate.count_down();
    }
    EXPECT_EQ(order, "cuuoo");
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

TEST(TaskPool, AHelperForUrgentTasksLeavesTheOthersAlone) {
    TaskPool pool{1};
    std::latch started{1};
    std::latch gate{1};
    pool.submit(Priority::Ordinary, [&] {
        started.count_down();
        gate.wait();
    });
    started.wait();

    std::atomic<bool> ordinary{false};
    std::atomic<bool> critical{false};
    std::atomic<bool> urgent{false};
    pool.submit(Priority::Ordinary, [&] { ordinary = true; });
    pool.submit(Priority::Critical, [&] { critical = true; });
    pool.submit(Priority::Urgent, [&] { urgent = true; });
    pool.help_until([&] { return urgent.load(); }, Priority::Urgent);
    EXPECT_FALSE(ordinary);
    EXPECT_FALSE(critical);
    gate.count_down();
    pool.help_until([&] { return ordinary && critical; });
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

// Ordinary tasks that wait for urgent ones of their own, as stages of a backup do, while pools come and go.
TEST(TaskPool, TasksThatWaitForTheirOwnNeverWaitForEver) {
    for (int round = 0; round < 200; ++round) {
        TaskPool pool{1U + static_cast<unsigned>(round) % 8};
        std::atomic<int> left{20};
        for (int i = 0; i < 20; ++i) {
            pool.submit(Priority::Ordinary, [&pool, &left] {
                std::atomic<int> own{4};
                for (int k = 0; k < 4; ++k) pool.submit(Priority::Urgent, [&own] { --own; });
                pool.help_until([&own] { return own == 0; }, Priority::Urgent);
                --left;
            });
        }
        if (round % 2 == 0) pool.help_until([&left] { return left == 0; });
    }
}

// While it lives, a new thread would need a stack that leaves room for `threads` others in the address space.
class FewThreads {
public:
    explicit FewThreads(unsigned threads) {
        EXPECT_EQ(pthread_getattr_default_np(&before_), 0);
        pthread_attr_t attributes;
        EXPECT_EQ(pthread_getattr_default_np(&attributes), 0);
        constexpr std::size_t kAddressSpace = std::size_t{1} << 47U;
        EXPECT_EQ(pthread_attr_setstacksize(&attributes, kAddressSpace / (threads + 1)), 0);
        EXPECT_EQ(pthread_setattr_default_np(&attributes), 0);
        pthread_attr_destroy(&attributes);
    }
    ~FewThreads() {
        EXPECT_EQ(pthread_setattr_default_np(&before_), 0);
        pthread_attr_destroy(&before_);
    }

private:
    pthread_attr_t before_{};
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::array kThreadsToBeHad{0U};  // sanitizers touch every page of a stack, or of its shadow
#else
constexpr std::array kThreadsToBeHad{0U, 2U};
#endif

TEST(TaskPool, WithFewerThreadsThanAskedForAllTasksStillRun) {
    for (const unsigned threads : kThreadsToBeHad) {
        std::atomic<int> runs{0};
        {
            const FewThreads limit{threads};
            TaskPool pool{8};
            EXPECT_LT(pool.workers(), 8U);
            for (int i = 0; i < 100; ++i) pool.submit(Priority::Ordinary, [&] { ++runs; });
            pool.help_until([&] { return runs == 100; });
            for (int i = 0; i < 100; ++i) pool.submit(Priority::Urgent, [&] { ++runs; });
        }
        EXPECT_EQ(runs, 200) << threads;
    }
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
