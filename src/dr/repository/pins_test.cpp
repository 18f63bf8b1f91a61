#include "dr/repository/pins.h"

#include <gtest/gtest.h>

#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_disk.h"
#include "dr/platform/sim/sim_random.h"
#include "dr/repository/replay_testing.h"
#include "dr/storage/local_store.h"

namespace dr {
namespace {

using namespace replay_testing;

struct Storage {
    explicit Storage(Timestamp start = kStart) : clock(start, 1000) {}
    SimDisk disk{1};
    SeededRandom random{1};
    SimClock clock;
    std::unique_ptr<LocalStore> store = LocalStore::open(disk, random, {"/mnt/backups", 0});

    Log create() { return Log::create(*store, Genesis{}, key(1), clock).value(); }
    void append(Log& log, int records) {
        for (int i = 0; i < records; ++i) log.append(key(1), clock, Open{}).value();
    }
    // As it would look if everything after `seq` had never been.
    void cut_after(std::uint64_t seq) {
        for (std::uint64_t n = seq + 1; store->size(record_name(n)).ok(); ++n) store->remove(record_name(n)).value();
    }
};

struct Client {
    SimDisk state{2};
    Pins pins{state};
    Result<PinCheck> look(const Log& log) {
        Result<PinCheck> checked = pins.check(log);
        if (checked.ok()) pins.remember(checked.value()).value();
        return checked;
    }
};

TEST(Pins, TheFirstSightIsShownAndTheNextOnesMustContinue) {
    Storage storage;
    Client client;
    Log log = storage.create();
    storage.append(log, 3);
    const PinCheck first = client.look(log).value();
    EXPECT_TRUE(first.first_sight);
    EXPECT_EQ(first.now.head, log.state().head());
    EXPECT_EQ(first.now.location, "/mnt/backups");
    EXPECT_EQ(first.now.time, log.state().trusted_time());

    storage.append(log, 2);
    const PinCheck second = client.look(log).value();
    EXPECT_FALSE(second.first_sight);
    EXPECT_EQ(second.before->head, first.now.head);
    EXPECT_EQ(client.pins.find("/mnt/backups").value()->head, log.state().head());
    EXPECT_TRUE(client.look(log).ok());
    EXPECT_FALSE(client.pins.find("/mnt/other").value());
}

TEST(Pins, AnOlderHistoryIsRefused) {
    Storage storage;
    Client client;
    Log log = storage.create();
    storage.append(log, 5);
    ASSERT_TRUE(client.look(log).ok());
    storage.cut_after(3);
    const Log older = Log::open(*storage.store).value();
    const Error error = client.look(older).error();
    EXPECT_EQ(error.code(), ErrorCode::Forked);
    EXPECT_NE(error.meaning().find("record 5"), std::string::npos) << error.meaning();
    EXPECT_NE(error.meaning().find("record 3"), std::string::npos);
    EXPECT_NE(error.meaning().find("UTC"), std::string::npos);
    EXPECT_EQ(client.pins.find("/mnt/backups").value()->head.seq, 5U) << "the pin stays";
}

TEST(Pins, AnotherHistoryIsRefusedHoweverLong) {
    Storage storage;
    Client client;
    Log log = storage.create();
    storage.append(log, 5);
    ASSERT_TRUE(client.look(log).ok());
    storage.cut_after(3);
    Log fork = Log::open(*storage.store).value();
    storage.append(fork, 10);
    EXPECT_EQ(client.look(fork).error().code(), ErrorCode::Forked);
}

TEST(Pins, JunkThatAnAdminPassedIsNoFork) {
    Storage storage;
    Client client;
    Log log = storage.create();
    storage.append(log, 2);
    ASSERT_TRUE(client.look(log).ok());
    for (std::uint64_t seq = 3; seq <= 4; ++seq)
        storage.store->put_new(record_name(seq), as_bytes("junk"), Durability::Now).value();
    LogOptions salvage;
    salvage.stop_before_junk = true;
    Log careful = Log::open(*storage.store, salvage).value();
    for (int i = 0; i < 2; ++i) {
        const Junk junk = careful.state().junk().front();
        careful.append(key(1), storage.clock, AdminVoid{junk.seq, junk.file}).value();
    }
    storage.append(careful, 1);
    EXPECT_TRUE(client.look(careful).ok());
}

TEST(Pins, AnotherRepositoryInItsPlaceIsRefused) {
    Storage storage;
    Storage impostor{Timestamp{kStart.nanoseconds() + 5}};
    Client client;
    ASSERT_TRUE(client.look(storage.create()).ok());
    const Error error = client.look(impostor.create()).error();
    EXPECT_EQ(error.code(), ErrorCode::Forked);
    EXPECT_NE(error.what().find("another one"), std::string::npos);
}

TEST(Pins, AnEmptyStorageWhereARepositoryWasIsNoPlaceForANewOne) {
    Storage storage;
    Client client;
    EXPECT_TRUE(client.pins.check_empty("sim").ok());
    const Log log = storage.create();
    const std::string place = log.store().location();
    ASSERT_TRUE(client.look(log).ok());
    const Error error = client.pins.check_empty(place).error();
    EXPECT_EQ(error.code(), ErrorCode::Forked);
    EXPECT_NE(error.what().find("is empty"), std::string::npos);
    EXPECT_NE(error.what().find(log.state().repository().short_hex()), std::string::npos);
    EXPECT_TRUE(client.pins.check_empty(place + "2").ok());
}

TEST(Pins, AnAdminCanSignThatAnOlderHistoryIsMeant) {
    Storage storage;
    Client client;
    Log log = storage.create();
    storage.append(log, 5);
    ASSERT_TRUE(client.look(log).ok());
    storage.cut_after(3);
    Log restored = Log::open(*storage.store).value();
    const Head head = restored.state().head();
    // One that names something else changes nothing.
    restored.append(key(1), storage.clock, AdminRollback{2, RecordHash{}}).value();
    EXPECT_FALSE(client.look(restored).ok());
    restored.append(key(1), storage.clock, AdminRollback{head.seq, head.hash}).value();
    EXPECT_TRUE(client.look(restored).ok());
    EXPECT_EQ(client.pins.find("/mnt/backups").value()->head, restored.state().head());
    storage.append(restored, 3);
    EXPECT_TRUE(client.look(restored).ok());

    // That rollback is spent: cutting the log off right behind it is an older history like any other.
    const std::uint64_t behind = head.seq + 2;
    storage.cut_after(behind);
    Log cut = Log::open(*storage.store).value();
    EXPECT_EQ(cut.state().rollbacks().size(), 2U);
    EXPECT_EQ(client.look(cut).error().code(), ErrorCode::Forked);
    // A new one, though it names the same record, is another decision.
    storage.clock.advance(1'000'000'000);
    cut.append(key(1), storage.clock, AdminRollback{head.seq, head.hash}).value();
    EXPECT_TRUE(client.look(cut).ok());
}

TEST(Pins, ActorsCanBePinnedAndStayPinned) {
    Storage storage;
    Client client;
    Log log = storage.create();
    EXPECT_EQ(client.pins.trust("/mnt/backups", key(2).public_key()).error().code(), ErrorCode::NotFound);
    ASSERT_TRUE(client.look(log).ok());
    ASSERT_TRUE(client.pins.trust("/mnt/backups", key(2).public_key()).ok());
    ASSERT_TRUE(client.pins.trust("/mnt/backups", key(2).public_key()).ok());
    storage.append(log, 1);
    ASSERT_TRUE(client.look(log).ok());
    EXPECT_EQ(client.pins.find("/mnt/backups").value()->actors, std::vector{key(2).public_key()});
}

// Two processes looked at once, and the slow one saw less.
TEST(Pins, WhatSomebodyElseChangedMeanwhileIsNotMovedBack) {
    Storage storage;
    Client client;
    Log log = storage.create();
    ASSERT_TRUE(client.look(log).ok());
    storage.append(log, 1);
    const PinCheck slow = client.pins.check(log).value();
    storage.append(log, 1);
    ASSERT_TRUE(client.look(log).ok());
    const Result<void> remembered = client.pins.remember(slow);
    ASSERT_FALSE(remembered.ok());
    EXPECT_EQ(remembered.error().code(), ErrorCode::Conflict);
    EXPECT_EQ(client.pins.find("/mnt/backups").value()->head, log.state().head());
    ASSERT_TRUE(client.pins.trust("/mnt/backups", key(2).public_key()).ok());
    EXPECT_FALSE(client.pins.remember(slow).ok());
    EXPECT_EQ(client.pins.find("/mnt/backups").value()->actors, std::vector{key(2).public_key()});
}

TEST(Pins, APinIsReadAsItWasPrintedAndNothingElseIs) {
    Pin pin;
    pin.location = "/mnt/with\nnewline";
    pin.repository = RepositoryId::from(Bytes(32, 1));
    pin.head = {77, RecordHash::from(Bytes(32, 2))};
    pin.time = kStart;
    pin.actors = {key(1).public_key(), key(2).public_key()};
    pin.rollbacks = {RecordHash::from(Bytes(32, 3))};
    const std::string text = print_pin(pin);
    EXPECT_EQ(parse_pin(text).value(), pin);
    for (std::size_t size = 0; size < text.size(); ++size) {
        const Result<Pin> cut = parse_pin(std::string_view{text}.substr(0, size));
        EXPECT_TRUE(!cut.ok() || cut.value().actors.size() < 2) << size;
    }
    for (const char* word : {"qnwis", "location", "repository", "head 77", "hash", "time", "actor"}) {
        std::string other = text;
        other[other.find(word)] = '?';
        EXPECT_EQ(parse_pin(other).error().code(), ErrorCode::Damaged) << word;
    }
    std::string other = text;
    other.replace(other.find("head 77"), 7, "head 7x");
    EXPECT_FALSE(parse_pin(other).ok());
    other = text;
    other.replace(other.find("location ") + 9, 1, "*");
    EXPECT_FALSE(parse_pin(other).ok());
}

TEST(Pins, ADamagedPinIsSaidToBeOne) {
    Storage storage;
    Client client;
    const Log log = storage.create();
    ASSERT_TRUE(client.look(log).ok());
    const std::string name = client.state.list("").value()[0].name;
    Pin moved = client.pins.find("/mnt/backups").value().value();
    moved.location = "/mnt/elsewhere";
    const std::string moved_text = print_pin(moved);
    client.state.overwrite(name, as_bytes(moved_text)).value();
    EXPECT_EQ(client.look(log).error().code(), ErrorCode::Damaged);
    client.state.overwrite(name, as_bytes("x")).value();
    EXPECT_EQ(client.look(log).error().code(), ErrorCode::Damaged);
}

// Power cuts while the pin is moved: the old one or the new one is there, never none and never half of one.
TEST(Pins, APowerCutLeavesAWholePin) {
    Storage storage;
    Log log = storage.create();
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        SimDisk state{step};
        Pins pins{state};
        const PinCheck first = pins.check(log).value();
        pins.remember(first).value();
        const Head before = log.state().head();
        storage.append(log, 1);
        state.cut_power_before(state.operations() + step);
        Result<PinCheck> second = pins.check(log);
        const bool moved = second.ok() && pins.remember(second.value()).ok();
        const bool finished = !state.power_was_cut();
        state.restart();
        const std::optional<Pin> left = pins.find("/mnt/backups").value();
        ASSERT_TRUE(left);
        EXPECT_TRUE(left->head == log.state().head() || (!moved && left->head == before));
        if (finished) break;
    }
}

}  // namespace
}  // namespace dr
