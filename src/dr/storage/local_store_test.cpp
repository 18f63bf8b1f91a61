#include "dr/storage/local_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <thread>

#include "dr/platform/posix/posix_disk.h"
#include "dr/platform/sim/sim_disk.h"
#include "dr/platform/sim/sim_random.h"
#include "dr/platform/testing/scratch.h"
#include "dr/storage/object_name.h"

namespace dr {
namespace {

std::string numbered(std::string_view start, std::size_t number) { return std::string{start} + std::to_string(number); }

// --- what every ObjectStore promises

struct StoreOfTest {
    const char* name;
    std::function<std::unique_ptr<ObjectStore>(const std::string& directory, Random& random)> open;
};

class StoreContract : public ::testing::TestWithParam<StoreOfTest> {
protected:
    void SetUp() override { store_ = GetParam().open(scratch_.path(), random_); }
    std::string read(std::string_view name) { return std::string{as_text(store_->get(name, 1 << 20).value())}; }

    testing::Scratch scratch_;
    SeededRandom random_{1};
    std::unique_ptr<ObjectStore> store_;
};

TEST_P(StoreContract, WhatWasPutIsRead) {
    const Bytes one{'a', 'b'};
    const Bytes two{'c'};
    const ByteSpan parts[] = {one, {}, two};
    ASSERT_TRUE(store_->put_new("packs/7/x", parts, Durability::Now).ok());
    EXPECT_EQ(read("packs/7/x"), "abc");
    EXPECT_EQ(store_->size("packs/7/x").value(), 3U);
    Bytes middle(2);
    ASSERT_TRUE(store_->get_range("packs/7/x", 1, middle).ok());
    EXPECT_EQ(as_text(middle), "bc");
    ASSERT_TRUE(store_->put_new("empty", ByteSpan{}, Durability::Now).ok());
    EXPECT_EQ(read("empty"), "");
}

TEST_P(StoreContract, ANameIsWrittenOnce) {
    ASSERT_TRUE(store_->put_new("a", as_bytes("first"), Durability::Now).ok());
    EXPECT_EQ(store_->put_new("a", as_bytes("second"), Durability::Now).error().code(), ErrorCode::AlreadyExists);
    EXPECT_EQ(store_->put_new("a", as_bytes("third"), Durability::Later).error().code(), ErrorCode::AlreadyExists);
    ASSERT_TRUE(store_->sync().ok());
    EXPECT_EQ(read("a"), "first");
}

TEST_P(StoreContract, OneOfTwoLaterPutsOfANameIsRefusedAtOnce) {
    ASSERT_TRUE(store_->put_new("packs/1/a", as_bytes("first"), Durability::Later).ok());
    EXPECT_EQ(store_->put_new("packs/1/a", as_bytes("second"), Durability::Later).error().code(),
              ErrorCode::AlreadyExists);
    EXPECT_EQ(store_->put_new("packs/1/a", as_bytes("third"), Durability::Now).error().code(),
              ErrorCode::AlreadyExists);
    ASSERT_TRUE(store_->sync().ok());
    EXPECT_EQ(read("packs/1/a"), "first");
}

TEST_P(StoreContract, WhatIsMissingIsNotFound) {
    EXPECT_EQ(store_->get("a/b", 10).error().code(), ErrorCode::NotFound);
    EXPECT_EQ(store_->size("a").error().code(), ErrorCode::NotFound);
    Bytes into(1);
    EXPECT_EQ(store_->get_range("a", 0, into).error().code(), ErrorCode::NotFound);
    EXPECT_TRUE(store_->remove("a").ok());
    EXPECT_TRUE(store_->remove("a/b").ok());
    EXPECT_TRUE(store_->list("a").value().empty());
}

TEST_P(StoreContract, LimitsAndEndsAreKept) {
    ASSERT_TRUE(store_->put_new("a", as_bytes("12345"), Durability::Now).ok());
    EXPECT_EQ(store_->get("a", 4).error().code(), ErrorCode::Damaged);
    EXPECT_TRUE(store_->get("a", 5).ok());
    Bytes into(3);
    EXPECT_EQ(store_->get_range("a", 3, into).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(store_->get_range("a", 100, into).error().code(), ErrorCode::Damaged);
}

TEST_P(StoreContract, ListsObjectsBelowAPrefixInByteOrder) {
    for (const char* name : {"p/b", "p/a/1", "p/a.x", "pq", "p/a/0"}) {
        ASSERT_TRUE(store_->put_new(name, as_bytes(name), Durability::Later).ok());
    }
    ASSERT_TRUE(store_->sync().ok());
    std::string names;
    for (const ObjectInfo& info : store_->list("p").value()) {
        names += info.name + " ";
        EXPECT_EQ(info.size, info.name.size());
    }
    EXPECT_EQ(names, "p/a.x p/a/0 p/a/1 p/b ");
    EXPECT_EQ(store_->list("").value().size(), 5U);
}

TEST_P(StoreContract, ARemovedObjectIsGone) {
    ASSERT_TRUE(store_->put_new("d/a", as_bytes("1"), Durability::Now).ok());
    ASSERT_TRUE(store_->remove("d/a").ok());
    ASSERT_TRUE(store_->sync().ok());
    EXPECT_EQ(store_->get("d/a", 10).error().code(), ErrorCode::NotFound);
    EXPECT_TRUE(store_->put_new("d/a", as_bytes("2"), Durability::Now).ok());
}

TEST_P(StoreContract, OtherNamesAreRefused) {
    for (const char* name : {"", "/a", "a/", "a//b", "../a", "a/../b", ".", "a b", "a\n", "tmp/x", "ä"}) {
        EXPECT_EQ(store_->put_new(name, as_bytes("x"), Durability::Now).error().code(), ErrorCode::BadRequest) << name;
        EXPECT_EQ(store_->get(name, 10).error().code(), ErrorCode::BadRequest) << name;
    }
    EXPECT_FALSE(store_->sync_directory("..").ok());
    EXPECT_EQ(store_->sync_directory("missing").error().code(), ErrorCode::NotFound);
    EXPECT_TRUE(store_->put_new("fine", as_bytes("x"), Durability::Now).ok());
}

TEST_P(StoreContract, OfManyWritersOfOneNameExactlyOneWins) {
    for (int round = 0; round < 20; ++round) {
        const std::string name = numbered("race/", static_cast<std::size_t>(round));
        std::atomic<int> winners{0};
        std::string winner;
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 8; ++i) {
                threads.emplace_back([&, i] {
                    const std::string text = numbered("writer ", static_cast<std::size_t>(i));
                    if (store_->put_new(name, as_bytes(text), Durability::Now).ok()) {
                        ++winners;
                        winner = text;
                    }
                });
            }
        }
        EXPECT_EQ(winners, 1);
        EXPECT_EQ(read(name), winner);
    }
}

TEST_P(StoreContract, ManyLaterPutsFromManyThreadsAreAllThereAfterASync) {
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (std::size_t i = 0; i < 50; ++i) {
                    const std::string name = "packs/" + std::to_string(t) + "/" + std::to_string(i);
                    EXPECT_TRUE(store_->put_new(name, as_bytes(name), Durability::Later).ok());
                }
                EXPECT_TRUE(store_->sync().ok());
            });
        }
    }
    EXPECT_EQ(store_->list("packs").value().size(), 200U);
    EXPECT_TRUE(store_->sync_directory("packs").ok());
    EXPECT_EQ(store_->backend(), "local");
}

std::unique_ptr<ObjectStore> on_posix(const std::string& directory, Random& random, unsigned threads) {
    return LocalStore::open(std::unique_ptr<Disk>{PosixDisk::open_root(directory).value()}, random,
                            {directory, threads});
}
std::unique_ptr<ObjectStore> on_sim(const std::string&, Random& random, unsigned threads) {
    return LocalStore::open(std::unique_ptr<Disk>{std::make_unique<SimDisk>(1)}, random, {"sim", threads});
}

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreContract,
    ::testing::Values(
        StoreOfTest{"posix", [](const std::string& d, Random& r) { return on_posix(d, r, 2); }},
        StoreOfTest{"posix_without_threads", [](const std::string& d, Random& r) { return on_posix(d, r, 0); }},
        StoreOfTest{"sim", [](const std::string& d, Random& r) { return on_sim(d, r, 2); }},
        StoreOfTest{"sim_without_threads", [](const std::string& d, Random& r) { return on_sim(d, r, 0); }}),
    [](const auto& store) { return std::string{store.param.name}; });

// --- what LocalStore promises beyond

// Replays the same work once per disk operation, losing power just before it. What put_new(Now) or sync() acknowledged
// must still be there, whole; anything else under its name must be whole too.
TEST(LocalStore, PowerCutsNeverLoseAnAcknowledgedObject) {
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        SimDisk disk{step};
        disk.cut_power_before(step);
        SeededRandom random{3};
        std::vector<std::string> acknowledged;
        {
            auto store = LocalStore::open(disk, random, {"sim", 0});
            if (store->put_new("log/0", as_bytes("log/0"), Durability::Now).ok()) acknowledged.push_back("log/0");
            bool later = store->put_new("packs/1/a", as_bytes("packs/1/a"), Durability::Later).ok();
            later &= store->put_new("packs/1/b", as_bytes("packs/1/b"), Durability::Later).ok();
            if (later && store->sync().ok()) acknowledged.insert(acknowledged.end(), {"packs/1/a", "packs/1/b"});
            if (store->put_new("log/1", as_bytes("log/1"), Durability::Now).ok()) acknowledged.push_back("log/1");
        }
        const bool finished = !disk.power_was_cut();
        disk.restart();
        auto store = LocalStore::open(disk, random, {"sim", 0});
        for (const std::string& name : acknowledged) EXPECT_EQ(as_text(store->get(name, 100).value()), name);
        for (const ObjectInfo& info : store->list("").value())
            EXPECT_EQ(as_text(store->get(info.name, 100).value()), info.name);
        if (finished) {
            EXPECT_EQ(acknowledged.size(), 4U);
            break;
        }
    }
}

// The same with one operation failing instead: no error may turn into an acknowledgement that a power cut then breaks.
TEST(LocalStore, AFailingOperationNeverLeadsToAFalseAcknowledgement) {
    for (const int number : {EIO, ENOSPC}) {
        for (std::uint64_t step = 0; step < 40; ++step) {
            SCOPED_TRACE("errno " + std::to_string(number) + " at disk operation " + std::to_string(step));
            SimDisk disk{step};
            disk.fail_at(step, number);
            SeededRandom random{3};
            std::vector<std::string> acknowledged;
            {
                auto store = LocalStore::open(disk, random, {"sim", 0});
                bool later = true;
                for (const char* name : {"packs/1/a", "packs/1/b"})
                    later &= store->put_new(name, as_bytes(name), Durability::Later).ok();
                if (store->sync().ok() && later) acknowledged.insert(acknowledged.end(), {"packs/1/a", "packs/1/b"});
                if (store->put_new("log/1", as_bytes("log/1"), Durability::Now).ok()) acknowledged.push_back("log/1");
            }
            disk.cut_power();
            disk.restart();
            auto store = LocalStore::open(disk, random, {"sim", 0});
            for (const std::string& name : acknowledged) EXPECT_EQ(as_text(store->get(name, 100).value()), name);
        }
    }
}

// Somebody else put it and did not get to sync it: whoever finds it and goes on has it durable with his next sync.
TEST(LocalStore, WhatWasFoundTakenIsDurableAfterTheNextSync) {
    for (const Durability durability : {Durability::Now, Durability::Later}) {
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            SCOPED_TRACE("seed " + std::to_string(seed));
            SimDisk disk{seed};
            SeededRandom random{seed};
            LocalStore::open(disk, random, {"sim", 0})
                ->put_new("packs/a/b", as_bytes("content"), Durability::Later)
                .value();
            const auto store = LocalStore::open(disk, random, {"sim", 0});
            EXPECT_EQ(store->put_new("packs/a/b", as_bytes("content"), durability).error().code(),
                      ErrorCode::AlreadyExists);
            ASSERT_TRUE(store->sync().ok());
            disk.cut_power();
            disk.restart();
            EXPECT_TRUE(disk.content("packs/a/b").ok());
        }
    }
}

TEST(LocalStore, AFailedSyncIsNeverAskedAgain) {
    SimDisk disk{1};
    SeededRandom random{3};
    auto store = LocalStore::open(disk, random, {"sim", 0});
    ASSERT_TRUE(store->put_new("before", as_bytes("x"), Durability::Now).ok());
    ASSERT_TRUE(store->put_new("a", as_bytes("x"), Durability::Later).ok());
    disk.fail_syncs(EIO);
    EXPECT_EQ(store->sync().error().code(), ErrorCode::Io);
    disk.fail_syncs(0);

    EXPECT_FALSE(store->sync().ok());
    EXPECT_FALSE(store->put_new("b", as_bytes("x"), Durability::Now).ok());
    EXPECT_FALSE(store->put_new("c", as_bytes("x"), Durability::Later).ok());
    EXPECT_FALSE(store->remove("before").ok());
    EXPECT_FALSE(store->sync_directory("packs").ok());
    EXPECT_EQ(as_text(store->get("before", 10).value()), "x") << "reading goes on";
    EXPECT_TRUE(LocalStore::open(disk, random, {"sim", 0})->put_new("b", as_bytes("x"), Durability::Now).ok());
}

TEST(LocalStore, ANameTakenBehindOurBackFailsTheSync) {
    SimDisk disk{1};
    SeededRandom random{3};
    auto store = LocalStore::open(disk, random, {"sim", 0});
    auto other = LocalStore::open(disk, random, {"sim", 0});
    ASSERT_TRUE(store->put_new("a", as_bytes("ours"), Durability::Later).ok());
    ASSERT_TRUE(other->put_new("a", as_bytes("theirs"), Durability::Now).ok());
    EXPECT_EQ(store->sync().error().code(), ErrorCode::AlreadyExists);
    EXPECT_EQ(as_text(store->get("a", 10).value()), "theirs");
}

TEST(LocalStore, AFullDiskSaysHowMuchIsNeededAndLeavesNothingBehind) {
    SimDisk disk{1};
    SeededRandom random{3};
    auto store = LocalStore::open(disk, random, {"/mnt/backups", 0});
    disk.fail_writes(ENOSPC);
    const Error error = store->put_new("packs/1/a", Bytes(1234), Durability::Later).error();
    EXPECT_EQ(error.code(), ErrorCode::NoSpace);
    EXPECT_NE(error.meaning().find("1234 bytes"), std::string::npos);
    EXPECT_EQ(error.next_step(), "df -h '/mnt/backups'");
    EXPECT_TRUE(disk.list("tmp").value().empty());
    disk.fail_writes(0);
    EXPECT_TRUE(store->put_new("packs/1/a", Bytes(1234), Durability::Later).ok()) << "the name is free again";
    EXPECT_TRUE(store->sync().ok());
}

TEST(LocalStore, AStorageThatMayNotBeWrittenRefuses) {
    for (const int number : {EROFS, EACCES}) {
        SimDisk disk{1};
        SeededRandom random{3};
        auto store = LocalStore::open(disk, random, {"sim", 0});
        ASSERT_TRUE(store->put_new("d/a", as_bytes("x"), Durability::Now).ok());
        disk.fail_at(disk.operations(), number);
        EXPECT_EQ(store->put_new("d/b", as_bytes("x"), Durability::Now).error().code(), ErrorCode::Refused);
        disk.fail_at(disk.operations(), number);
        EXPECT_EQ(store->put_new("e/b", as_bytes("x"), Durability::Now).error().code(), ErrorCode::Refused);
        disk.fail_at(disk.operations(), number);
        EXPECT_EQ(store->remove("d/a").error().code(), ErrorCode::Refused);
    }
}

TEST(LocalStore, AListingThatBreaksOffIsAnErrorNotAShorterListing) {
    SimDisk disk{1};
    SeededRandom random{3};
    auto store = LocalStore::open(disk, random, {"sim", 0});
    for (const char* name : {"a/1", "a/2", "b/1"})
        ASSERT_TRUE(store->put_new(name, as_bytes("x"), Durability::Now).ok());
    const std::uint64_t start = disk.operations();
    for (std::uint64_t step = 0; step < 6; ++step) {
        disk.fail_at(disk.operations() + step, EIO);
        EXPECT_FALSE(store->list("").ok()) << step;
    }
    EXPECT_GT(disk.operations(), start);
    EXPECT_EQ(store->list("").value().size(), 3U);
}

TEST(LocalStore, LitterOfKilledWritersCanBeSwept) {
    testing::Scratch scratch;
    SeededRandom random{3};
    auto disk = PosixDisk::open_root(scratch.path()).value();
    auto store = LocalStore::open(*disk, random, {scratch.path(), 2});
    EXPECT_EQ(store->remove_temporary_files(Timestamp{INT64_MAX}).value(), 0U);
    ASSERT_TRUE(store->put_new("a", as_bytes("x"), Durability::Now).ok());
    disk->create("tmp/0123456789abcdef-7").value()->write(Bytes(100)).value();
    disk->create("tmp/session-7").value();
    EXPECT_EQ(store->remove_temporary_files(Timestamp{}).value(), 0U);
    EXPECT_EQ(store->remove_temporary_files(Timestamp{INT64_MAX}).value(), 100U);
    ASSERT_EQ(disk->list("tmp").value().size(), 1U) << "what is not a put in progress stays";
    EXPECT_EQ(disk->list("tmp").value()[0].name, "session-7");
    EXPECT_EQ(store->list("").value().size(), 1U);
}

TEST(LocalStore, TwoWritersWithOneStuckRandomSourceDoNotMeet) {
    SimDisk disk{1};
    StuckRandom random{7};
    auto one = LocalStore::open(disk, random, {"sim", 0});
    auto two = LocalStore::open(disk, random, {"sim", 0});
    for (std::size_t i = 0; i < 5; ++i) {
        ASSERT_TRUE(one->put_new(numbered("one/", i), as_bytes("1"), Durability::Later).ok());
        ASSERT_TRUE(two->put_new(numbered("two/", i), as_bytes("2"), Durability::Later).ok());
    }
    ASSERT_TRUE(one->sync().ok());
    ASSERT_TRUE(two->sync().ok());
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(as_text(two->get(numbered("one/", i), 10).value()), "1");
}

TEST(LocalStore, WhatWasPutLaterIsPublishedWhenTheStoreGoesAway) {
    SimDisk disk{1};
    SeededRandom random{3};
    for (const unsigned threads : {0U, 2U}) {
        const std::string name = numbered("x/", threads);
        ASSERT_TRUE(
            LocalStore::open(disk, random, {"sim", threads})->put_new(name, as_bytes("x"), Durability::Later).ok());
        EXPECT_TRUE(disk.stat(name).ok());
    }
}

TEST(LocalStore, ALargeObjectIsWrittenInPieces) {
    testing::Scratch scratch;
    SeededRandom random{3};
    auto store = on_posix(scratch.path(), random, 2);
    Bytes large(20U << 20);
    for (std::size_t i = 0; i < large.size(); i += 4096) large[i] = static_cast<std::uint8_t>(i >> 12);
    ASSERT_TRUE(store->put_new("packs/1/large", large, Durability::Later).ok());
    ASSERT_TRUE(store->sync().ok());
    EXPECT_EQ(store->get("packs/1/large", large.size()).value(), large);
}

TEST(ObjectName, HasPlainComponents) {
    for (const char* good : {"a", "log/00000000000000000000", "a.b_c-D", "..a"})
        EXPECT_TRUE(is_object_name(good)) << good;
    EXPECT_FALSE(is_object_name(std::string(256, 'a')));
    std::string deep = "a";
    while (deep.size() <= 1024) deep += "/a";
    EXPECT_FALSE(is_object_name(deep));
    EXPECT_EQ(directory_of("packs/7/ab"), "packs/7");
    EXPECT_EQ(directory_of("ab"), "");
}

}  // namespace
}  // namespace dr
