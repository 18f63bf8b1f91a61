// The log under power cuts, full disks and lost answers.

#include "dr/repository/log.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "dr/repository/log_testing.h"
#include "dr/repository/testing/store_in_front.h"

namespace dr {
namespace {

using namespace log_testing;

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

}  // namespace
}  // namespace dr
