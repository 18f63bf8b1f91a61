#include "dr/repository/repository.h"

#include <gtest/gtest.h>

#include "dr/repository/testing/test_repository.h"

namespace dr {
namespace {

using testing_support::OpenedTestRepository;
using testing_support::TestRepository;

TEST(RepositoryConfig, IsReadAsItWasPrinted) {
    RepositoryConfig config;
    config.created_at = Timestamp::from_seconds(1'800'000'000);
    config.encryption = Encryption::None;
    config.pack_target = 1 << 20;
    EXPECT_EQ(parse_repository_config(print(config)).value(), config);
}

TEST(RepositoryConfig, ANewerFormatIsUnsupportedAndAnythingElseDamaged) {
    const std::string good = print(RepositoryConfig{});
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return parse_repository_config(text.replace(at, from.size(), to));
    };
    EXPECT_EQ(with("\"version\": 1", "\"version\": 2").error().code(), ErrorCode::Unsupported);
    EXPECT_EQ(with("\"required_features\": []", "\"required_features\": [\"x\"]").error().code(),
              ErrorCode::Unsupported);
    EXPECT_EQ(with("qnwis-dr", "other").error().code(), ErrorCode::Damaged);
    EXPECT_EQ(with("\"version\": 1", "\"version\": -1").error().code(), ErrorCode::Damaged);
    EXPECT_EQ(with("aes_256_gcm", "rot13").error().code(), ErrorCode::Damaged);
    EXPECT_EQ(with("262144", "99999999999").error().code(), ErrorCode::Damaged);
    EXPECT_EQ(with("65536", "1000000").error().code(), ErrorCode::Damaged);  // small blobs that fill a frame alone
    EXPECT_EQ(with("fastcdc", "magic").error().code(), ErrorCode::Damaged);
    EXPECT_EQ(with("\"created_at\"", "\"made_at\"").error().code(), ErrorCode::Damaged);
    EXPECT_EQ(parse_repository_config("{").error().code(), ErrorCode::Damaged);
}

TEST(Repository, OpensWithoutAKeyAndUnlocksWithItsOwn) {
    TestRepository test;
    const auto store = test.store();
    EXPECT_EQ(Repository::open(*store).error().code(), ErrorCode::NotFound);
    const Repository made = test.create(*store).value();
    EXPECT_TRUE(made.unlocked());

    Repository opened = Repository::open(*store).value();
    EXPECT_FALSE(opened.unlocked());
    EXPECT_EQ(opened.id(), made.id());
    EXPECT_EQ(opened.config(), test.config());
    const NewSlot stranger = create_slot(KekFileVault{new_kek(test.random)}, test.random).value();
    EXPECT_EQ(opened.unlock(stranger.slot, stranger.opened).error().code(), ErrorCode::WrongKey);
    ASSERT_TRUE(opened.unlock(test.key->slot, test.key->opened).ok());
    EXPECT_TRUE(opened.ring().k_id == made.ring().k_id);
    EXPECT_EQ(opened.slot().id(), test.key->slot.id());
    EXPECT_TRUE(store->get("FORMAT.txt", 1 << 20).ok());
}

TEST(Repository, IsNotMadeTwice) {
    TestRepository test;
    const auto store = test.store();
    ASSERT_TRUE(test.create(*store).ok());
    EXPECT_EQ(test.create(*store).error().code(), ErrorCode::AlreadyExists);
}

// Power goes before every disk operation of a creation; the same key then finishes it, and the result works.
TEST(Repository, ACreationCutAnywhereIsFinishedByTheNextTry) {
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        TestRepository test{step};
        test.disk.cut_power_before(step);
        const bool created = test.create(*test.store()).ok();
        if (!test.disk.power_was_cut()) break;
        test.disk.restart();
        const auto store = test.store();
        const Result<Repository> again = test.create(*store);
        if (created) {
            EXPECT_EQ(again.error().code(), ErrorCode::AlreadyExists);
        } else if (!again.ok()) {
            EXPECT_EQ(again.error().code(), ErrorCode::AlreadyExists) << again.error().one_line();
        }
        Repository opened = Repository::open(*store).value();
        ASSERT_TRUE(opened.unlock(test.key->slot, test.key->opened).ok());
    }
}

TEST(Repository, AnotherKeyCannotFinishACreation) {
    TestRepository test;
    // Find a moment when genesis is there and the ring is not.
    for (std::uint64_t step = 0;; ++step) {
        TestRepository cut{1};
        cut.disk.cut_power_before(step);
        (void)cut.create(*cut.store()).ok();
        ASSERT_TRUE(cut.disk.power_was_cut());
        cut.disk.restart();
        const auto store = cut.store();
        const Result<Repository> opened = Repository::open(*store);
        if (!opened.ok() || !opened.value().state().slots().empty()) continue;
        const NewSlot stranger = create_slot(KekFileVault{new_kek(cut.random)}, cut.random).value();
        EXPECT_EQ(Repository::create(*store, cut.config(), stranger.slot, stranger.opened, cut.clock, cut.random)
                      .error()
                      .code(),
                  ErrorCode::Refused);
        break;
    }
}

TEST(Repository, WithoutEncryptionThereIsNoRing) {
    TestRepository test{1, Encryption::None};
    const auto store = test.store();
    Repository made = test.create(*store).value();
    EXPECT_FALSE(made.encrypted());
    EXPECT_FALSE(made.state().ring());
    EXPECT_EQ(test.create(*store).error().code(), ErrorCode::AlreadyExists);
    Repository opened = Repository::open(*store).value();
    EXPECT_TRUE(opened.unlock(test.key->slot, test.key->opened).ok());
}

TEST(Repository, AnExchangedConfigurationIsDamage) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    RepositoryConfig other = test.config();
    other.pack_target = 1 << 20;
    ASSERT_TRUE(test.disk.overwrite("repository.json", as_bytes(print(other))).ok());
    EXPECT_EQ(Repository::open(*test.store()).error().code(), ErrorCode::Damaged);
}

TEST(Repository, AnExchangedRingIsDamage) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    ASSERT_TRUE(test.disk.overwrite("keys/ring-00000001", as_bytes("QDRRING1 and so on")).ok());
    const auto store = test.store();
    Repository opened = Repository::open(*store).value();
    EXPECT_EQ(opened.unlock(test.key->slot, test.key->opened).error().code(), ErrorCode::Damaged);
}

TEST(Repository, ASecondSlotOpensEverythingAndCanBeTakenAway) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    OpenedTestRepository first{test};
    ASSERT_TRUE(first.backup(as_bytes("payroll")).ok());
    const NewSlot second = create_slot(KekFileVault{new_kek(test.random)}, test.random).value();
    ASSERT_TRUE(first.repository.add_slot(second.slot, role::kAll, "escrow", test.clock, test.random).ok());
    EXPECT_EQ(first.repository.add_slot(second.slot, role::kAll, "escrow", test.clock, test.random).error().code(),
              ErrorCode::AlreadyExists);
    EXPECT_EQ(first.repository.read_slot(second.slot.id()).value().slot_public, second.slot.slot_public);
    EXPECT_EQ(first.repository.read_slot("k-none").error().code(), ErrorCode::NotFound);

    const auto store = test.store();
    Repository opened = Repository::open(*store).value();
    ASSERT_TRUE(opened.unlock(second.slot, second.opened).ok());
    EXPECT_TRUE(opened.ring().epochs.at(1) == first.repository.ring().epochs.at(1));
    EXPECT_EQ(opened.remove_slot(second.slot.id(), test.clock, test.random).error().code(),
              ErrorCode::Refused);  // the one in use

    ASSERT_TRUE(first.repository.remove_slot(second.slot.id(), test.clock, test.random).ok());
    EXPECT_EQ(first.repository.remove_slot(test.key->slot.id(), test.clock, test.random).error().code(),
              ErrorCode::Refused);  // the last
    Repository later = Repository::open(*store).value();
    EXPECT_EQ(later.unlock(second.slot, second.opened).error().code(), ErrorCode::WrongKey);
    EXPECT_FALSE(store->size("keys/" + second.slot.id()).ok());
    EXPECT_FALSE(store->size("keys/ring-00000001").ok());
}

}  // namespace
}  // namespace dr
