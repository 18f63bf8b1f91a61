#include "dr/repository/repository.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <set>

#include "dr/repository/testing/store_in_front.h"
#include "dr/repository/testing/test_repository.h"

namespace dr {
namespace {

using testing_support::OpenedTestRepository;
using testing_support::StoreInFront;
using testing_support::TestRepository;

// Something happens just before one of the puts.
class InterruptedStore final : public StoreInFront {
public:
    InterruptedStore(ObjectStore& inner, std::uint64_t put, std::function<void()> interruption)
        : StoreInFront(inner), left_(put), interruption_(std::move(interruption)) {}
    using ObjectStore::put_new;
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability durability) override {
        if (left_-- == 0) std::exchange(interruption_, nullptr)();
        return StoreInFront::put_new(name, parts, durability);
    }
    bool interrupted() const { return interruption_ == nullptr; }

private:
    std::uint64_t left_;
    std::function<void()> interruption_;
};

// Of a process that is killed between the link of one of its puts and the sync of the directory.
class UnsyncedStore final : public StoreInFront {
public:
    UnsyncedStore(ObjectStore& inner, std::uint64_t puts) : StoreInFront(inner), left_(puts) {}
    using ObjectStore::put_new;
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability durability) override {
        if (killed_) return Error{ErrorCode::Io, "killed"};
        killed_ = left_-- == 0;
        if (!killed_) return StoreInFront::put_new(name, parts, durability);
        DR_TRY(StoreInFront::put_new(name, parts, Durability::Later));
        return Error{ErrorCode::Io, "killed"};
    }
    Result<void> sync() override { return Error{ErrorCode::Io, "killed"}; }
    Result<void> sync_directory(std::string_view directory) override {
        if (killed_) return Error{ErrorCode::Io, "killed"};
        return StoreInFront::sync_directory(directory);
    }

private:
    std::uint64_t left_;
    bool killed_ = false;
};

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

// Whether core dumps leave out the memory at this place; that it is locked depends on RLIMIT_MEMLOCK.
bool is_kept_private(const void* place) {
    std::ifstream maps{"/proc/self/smaps"};
    bool here = false;
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t from = 0;
        std::uintptr_t to = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) {
            const std::uintptr_t wanted = reinterpret_cast<std::uintptr_t>(place);
            here = from <= wanted && wanted < to;
        }
        if (here && line.starts_with("VmFlags:")) return line.find(" dd") != std::string::npos;
    }
    return false;
}

TEST(Repository, KeysThatLiveLongAreKeptFromCoreDumpsAndSwap) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    const OpenedTestRepository open{test};
    EXPECT_TRUE(is_kept_private(open.repository.ring().k_id.bytes().data()));
    EXPECT_TRUE(is_kept_private(open.repository.ring().k_chunk.bytes().data()));
    EXPECT_TRUE(is_kept_private(open.repository.ring().epochs.at(1).bytes().data()));
    EXPECT_TRUE(is_kept_private(&open.repository.keys().namer));
    EXPECT_TRUE(is_kept_private(open.repository.keys().epochs.at(1).bytes().data()));
    const auto session = std::make_unique<SessionKeys>(open.repository.keys(), 1, test.host, test.random, test.clock);
    EXPECT_TRUE(is_kept_private(session->dek(PackClass::Data).bytes().data()));
    const int ordinary = 0;
    EXPECT_FALSE(is_kept_private(&ordinary));
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

// A process that is killed leaves names that are seen and not durable; who finishes its work must make them so.
TEST(Repository, ACreationFinishedByAnotherProcessOutlivesAPowerCut) {
    for (std::uint64_t puts = 0; puts < 6; ++puts) {
        for (std::uint64_t seed = 0; seed < 12; ++seed) {
            SCOPED_TRACE("killed before put " + std::to_string(puts) + ", seed " + std::to_string(seed));
            TestRepository test{seed, seed % 2 == 0 ? Encryption::None : Encryption::Aes256Gcm};
            {
                const auto store = test.store();
                UnsyncedStore killed{*store, puts};
                (void)test.create(killed).ok();
            }
            const auto store = test.store();
            const Result<Repository> again = test.create(*store);
            if (!again.ok()) {
                EXPECT_EQ(again.error().code(), ErrorCode::AlreadyExists);
                break;
            }
            test.disk.cut_power();
            test.disk.restart();
            const auto after = test.store();
            Result<Repository> opened = Repository::open(*after);
            ASSERT_TRUE(opened.ok()) << opened.error().one_line();
            EXPECT_TRUE(opened.value().unlock(test.key->slot, test.key->opened).ok());
            EXPECT_TRUE(opened.value().read_slot(test.key->slot.id()).ok());
        }
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
    const NewSlot stranger = create_slot(KekFileVault{new_kek(test.random)}, test.random).value();
    EXPECT_EQ(opened.unlock(stranger.slot, stranger.opened).error().code(), ErrorCode::WrongKey);
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

// Whoever can write to the storage can take the file away; the holder of the slot must not stay for that.
TEST(Repository, ASlotWhoseFileIsLostCanBeRemoved) {
    for (const bool damaged : {false, true}) {
        TestRepository test;
        ASSERT_TRUE(test.create(*test.store()).ok());
        OpenedTestRepository first{test};
        const NewSlot second = create_slot(KekFileVault{new_kek(test.random)}, test.random).value();
        ASSERT_TRUE(first.repository.add_slot(second.slot, role::kAll, "gone", test.clock, test.random).ok());
        const std::string file = "keys/" + second.slot.id();
        ASSERT_TRUE((damaged ? test.disk.overwrite(file, as_bytes("nonsense")) : first.store->remove(file)).ok());
        EXPECT_TRUE(first.repository.remove_slot(second.slot.id(), test.clock, test.random).value());
        EXPECT_EQ(first.repository.state().slots().size(), 1U);
        EXPECT_EQ(first.repository.state().roles_of(second.slot.actor_public), 0U);
        const auto store = test.store();
        EXPECT_EQ(Repository::open(*store).value().unlock(second.slot, second.opened).error().code(),
                  ErrorCode::WrongKey);
    }
}

TEST(Repository, OfTwoLostSlotFilesNobodyIsTakenForTheOther) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    OpenedTestRepository first{test};
    std::vector<NewSlot> others;
    for (int i = 0; i < 2; ++i) {
        others.push_back(create_slot(KekFileVault{new_kek(test.random)}, test.random).value());
        ASSERT_TRUE(first.repository.add_slot(others.back().slot, role::kAll, "x", test.clock, test.random).ok());
        ASSERT_TRUE(first.store->remove("keys/" + others.back().slot.id()).ok());
    }
    EXPECT_FALSE(first.repository.remove_slot(others[0].slot.id(), test.clock, test.random).value());
    EXPECT_EQ(first.repository.state().slots().size(), 2U);
    for (const NewSlot& other : others) EXPECT_NE(first.repository.state().roles_of(other.slot.actor_public), 0U);
}

// A new log beside the packs of a lost one would make all of them garbage.
TEST(Repository, WhereTheLogIsLostNoNewOneIsMade) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    {
        OpenedTestRepository open{test};
        ASSERT_TRUE(open.backup(as_bytes("payroll")).ok());
    }
    const auto store = test.store();
    for (const ObjectInfo& record : store->list("log").value()) ASSERT_TRUE(store->remove(record.name).ok());
    for (const bool with_config : {true, false}) {
        if (!with_config) {
            ASSERT_TRUE(store->remove("repository.json").ok());
        }
        const std::size_t before = store->list("").value().size();
        const Result<Repository> made = test.create(*store);
        ASSERT_FALSE(made.ok());
        EXPECT_EQ(made.error().code(), ErrorCode::Damaged);
        EXPECT_NE(made.error().what().find("log"), std::string::npos);
        EXPECT_EQ(store->list("").value().size(), before) << "nothing was written";
    }
}

// --- slots, changed by two at once or cut in the middle

NewSlot make_slot(TestRepository& test) { return create_slot(KekFileVault{new_kek(test.random)}, test.random).value(); }

ErrorCode how_it_opens(TestRepository& test, const NewSlot& slot) {
    const auto store = test.store();
    Repository opened = Repository::open(*store).value();
    const Result<void> unlocked = opened.unlock(slot.slot, slot.opened);
    return unlocked.ok() ? ErrorCode::Cancelled : unlocked.error().code();
}
constexpr ErrorCode kOpens = ErrorCode::Cancelled;  // no error that unlock() gives

// Two admins, one of whom does something just before the n-th put of the other.
class SlotRace : public testing::Test {
protected:
    using Change = std::function<Result<void>(Repository&)>;
    Result<void> add(Repository& repository, const NewSlot& slot) {
        return repository.add_slot(slot.slot, role::kAll, "somebody", test->clock, test->random);
    }
    Result<void> remove(Repository& repository, const NewSlot& slot) {
        DR_TRY(repository.remove_slot(slot.slot.id(), test->clock, test->random));
        return {};
    }
    Repository opened(ObjectStore& store, const NewSlot& slot) {
        Repository repository = Repository::open(store).value();
        repository.unlock(slot.slot, slot.opened).value();
        return repository;
    }

    // Runs `check` after each way in which `faster` can come between the puts of `slower`.
    void at_every_put(const Change& faster, const Change& slower, const std::function<void()>& check) {
        for (std::uint64_t put = 0;; ++put) {
            SCOPED_TRACE("before put " + std::to_string(put));
            test = std::make_unique<TestRepository>(put);
            const auto plain = test->store();
            ASSERT_TRUE(test->create(*plain).ok());
            second = std::make_unique<NewSlot>(make_slot(*test));
            third = std::make_unique<NewSlot>(make_slot(*test));
            fourth = std::make_unique<NewSlot>(make_slot(*test));
            Repository one = opened(*plain, *test->key);
            ASSERT_TRUE(add(one, *second).ok());
            const auto behind = test->store();
            InterruptedStore store{*behind, put, [&] { (void)faster(one).ok(); }};
            Repository other = opened(store, *second);
            (void)slower(other).ok();
            if (!store.interrupted()) return;
            check();
            if (HasFailure()) return;
        }
    }

    std::unique_ptr<TestRepository> test;
    std::unique_ptr<NewSlot> second, third, fourth;
};

TEST_F(SlotRace, BothWhoAreAddedAtOnceOpenTheRepository) {
    at_every_put([&](Repository& one) { return add(one, *third); },
                 [&](Repository& other) { return add(other, *fourth); },
                 [&] {
                     for (const NewSlot* slot : {test->key.get(), second.get(), third.get(), fourth.get()})
                         EXPECT_EQ(how_it_opens(*test, *slot), kOpens);
                 });
}

TEST_F(SlotRace, ARemovalHoldsWhoeverIsAddedMeanwhile) {
    at_every_put(
        [&](Repository& one) -> Result<void> {
            DR_TRY(add(one, *third));
            return remove(one, *third);
        },
        [&](Repository& other) { return add(other, *fourth); },
        [&] {
            for (const NewSlot* slot : {test->key.get(), second.get(), fourth.get()})
                EXPECT_EQ(how_it_opens(*test, *slot), kOpens);
            EXPECT_EQ(how_it_opens(*test, *third), ErrorCode::WrongKey);
        });
}

TEST_F(SlotRace, WhoIsAddedDuringARemovalStays) {
    at_every_put([&](Repository& one) { return add(one, *third); },
                 [&](Repository& other) { return remove(other, *test->key); },
                 [&] {
                     EXPECT_EQ(how_it_opens(*test, *second), kOpens);
                     EXPECT_EQ(how_it_opens(*test, *test->key), ErrorCode::WrongKey);
                     // Once his roles are withdrawn, who is being removed adds nobody any more.
                     const auto store = test->store();
                     const Repository left = Repository::open(*store).value();
                     const bool added = left.state().slots().contains(third->slot.id());
                     EXPECT_EQ(how_it_opens(*test, *third), added ? kOpens : ErrorCode::WrongKey);
                 });
}

TEST_F(SlotRace, TwoWhoRemoveEachOtherDoNotBothSucceed) {
    at_every_put([&](Repository& one) { return remove(one, *second); },
                 [&](Repository& other) { return remove(other, *test->key); },
                 [&] {
                     const auto store = test->store();
                     const Repository left = Repository::open(*store).value();
                     ASSERT_EQ(left.state().slots().size(), 1U);
                     const bool first_left = left.state().slots().contains(test->key->slot.id());
                     const NewSlot& stays = first_left ? *test->key : *second;
                     EXPECT_EQ(how_it_opens(*test, stays), kOpens);
                     EXPECT_NE(left.state().roles_of(stays.slot.actor_public) & role::kAdmin, 0U);
                 });
}

// Power goes before every disk operation of an addition; whoever types it again comes to the same end.
TEST(RepositorySlots, AnAdditionCutAnywhereIsFinishedByTheNextTry) {
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        TestRepository test{step};
        ASSERT_TRUE(test.create(*test.store()).ok());
        const NewSlot second = make_slot(test);
        const auto add = [&](Repository& to) {
            return to.add_slot(second.slot, role::kAll, "escrow", test.clock, test.random);
        };
        {
            OpenedTestRepository first{test};
            test.disk.cut_power_before(test.disk.operations() + step);
            (void)add(first.repository).ok();
        }
        const bool finished = !test.disk.power_was_cut();
        test.disk.restart();
        ASSERT_EQ(how_it_opens(test, *test.key), kOpens);
        {
            OpenedTestRepository first{test};
            const Result<void> again = add(first.repository);
            EXPECT_TRUE(again.ok() || again.error().code() == ErrorCode::AlreadyExists) << again.error().one_line();
        }
        EXPECT_EQ(how_it_opens(test, *test.key), kOpens);
        EXPECT_EQ(how_it_opens(test, second), kOpens);
        if (HasFailure() || finished) break;
    }
}

TEST(RepositorySlots, ARemovalCutAnywhereIsFinishedByTheNextTry) {
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        TestRepository test{step};
        ASSERT_TRUE(test.create(*test.store()).ok());
        const NewSlot second = make_slot(test);
        const auto remove = [&](Repository& from) {
            return from.remove_slot(second.slot.id(), test.clock, test.random);
        };
        {
            OpenedTestRepository first{test};
            ASSERT_TRUE(first.repository.add_slot(second.slot, role::kAll, "escrow", test.clock, test.random).ok());
            test.disk.cut_power_before(test.disk.operations() + step);
            (void)remove(first.repository).ok();
        }
        const bool finished = !test.disk.power_was_cut();
        test.disk.restart();
        ASSERT_EQ(how_it_opens(test, *test.key), kOpens);

        OpenedTestRepository first{test};
        const State& state = first.repository.state();
        if (!state.slots().contains(second.slot.id())) {
            EXPECT_EQ(state.roles_of(second.slot.actor_public), 0U) << "a removed slot whose holder is still admin";
        }
        const Result<bool> again = remove(first.repository);
        EXPECT_TRUE(again.ok() || again.error().code() == ErrorCode::NotFound) << again.error().one_line();
        EXPECT_FALSE(state.slots().contains(second.slot.id()));
        EXPECT_EQ(state.roles_of(second.slot.actor_public), 0U);
        EXPECT_EQ(how_it_opens(test, *test.key), kOpens);
        EXPECT_EQ(how_it_opens(test, second), ErrorCode::WrongKey);
        // What the removed slot opened is gone, and nothing else.
        std::set<std::string> left;
        for (const ObjectInfo& object : first.store->list("keys").value()) left.insert(object.name);
        EXPECT_EQ(left.size(), 2U) << "the slot that is left and the newest ring";
        EXPECT_TRUE(left.contains("keys/" + test.key->slot.id()));
        EXPECT_EQ(remove(first.repository).error().code(), ErrorCode::NotFound);
        if (HasFailure() || finished) break;
    }
}

// Whoever read the log before a removal finds the ring that it names gone: there is a newer one.
TEST(RepositorySlots, ARingThatWentMeanwhileIsNoDamage) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    const auto store = test.store();
    Repository early = Repository::open(*store).value();
    OpenedTestRepository first{test};
    const NewSlot second = make_slot(test);
    ASSERT_TRUE(first.repository.add_slot(second.slot, role::kAll, "escrow", test.clock, test.random).ok());
    ASSERT_TRUE(first.repository.remove_slot(second.slot.id(), test.clock, test.random).ok());
    EXPECT_TRUE(early.unlock(test.key->slot, test.key->opened).ok());
}

}  // namespace
}  // namespace dr
