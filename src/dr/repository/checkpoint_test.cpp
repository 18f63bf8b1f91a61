#include "dr/repository/checkpoint.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_disk.h"
#include "dr/platform/sim/sim_random.h"
#include "dr/repository/checkpoint_codec.h"
#include "dr/repository/log.h"
#include "dr/repository/replay_testing.h"
#include "dr/storage/local_store.h"

namespace dr {
namespace {

using namespace replay_testing;

// A state in which everything that a state can hold is there.
State full_state() {
    Script script;
    script.add(KeyGrant{key(2).public_key(), role::kBackup, "host"});
    script.add(KeySlot{true, "k-1", PublicKey::from(Bytes(32, 1)), Sha256::from(Bytes(32, 2))});
    script.add(KeyRing{3, Sha256::from(Bytes(32, 4))});
    const std::uint64_t one = script.backup(1, {1, 2, 3});
    std::uint64_t parent = one;
    for (std::uint64_t i = 2; i < 400; ++i) parent = script.backup(i, {10 * i, 10 * i + 1}, parent, {2});
    const std::uint64_t killed = script.add(2, Open{SessionKind::Write, parent, {}});
    script.add(2, Refresh{killed, lists({5000})});
    const std::uint64_t heir = script.add(2, Open{SessionKind::Write, parent, {killed}});
    RecordLists with = lists({5001}, {20});
    with.runs_added = pack_ids({9000, 9001});
    script.add(2, Refresh{heir, with});
    script.open(parent, SessionKind::Read);
    script.add(Tighten{{one, parent}, pack_ids({1, 2})});
    script.add(Tighten{{one}, pack_ids({3})});
    script.add(Forget{{{one, "old"}}});
    const std::uint64_t lost = script.backup(1000, {7000, 7001, 7002});
    script.add(Forget{{{lost, {}}}});
    script.add(Condemn{lost, pack_ids({7000, 7001, 7002})});
    script.add(2, Refresh{heir, lists({}, {}, {7000})});
    script.add(DamagedPacks{pack_ids({10 * 5})});
    script.add(VerifiedPacks{pack_ids({10 * 6})});
    script.add(Hold{parent, "case"});
    script.add(AdminRollback{4, RecordHash::from(Bytes(32, 5))});
    EXPECT_NE(script.refused(9, Open{}), "");
    script.add(UnknownPayload{99, {}});
    return script.state;
}

struct World {
    SimDisk disk{1};
    SeededRandom random{1};
    SimClock clock{kStart, 1000};
    std::unique_ptr<LocalStore> store = LocalStore::open(disk, random, {"sim", 0});
};

TEST(Checkpoint, TheStateComesBackWhole) {
    World world;
    const State state = full_state();
    ASSERT_TRUE(write_checkpoint(*world.store, state, key(1)).ok());
    const Result<Checkpoint> read =
        read_checkpoint(*world.store, state.head().seq, state.repository(), {key(1).public_key()});
    ASSERT_TRUE(read.ok()) << read.error().one_line();
    EXPECT_EQ(read.value().state, state);
    EXPECT_EQ(read.value().actor, key(1).public_key());
}

TEST(Checkpoint, IsBelievedOnlyFromActorsThatAreTrusted) {
    World world;
    const State state = full_state();
    ASSERT_TRUE(write_checkpoint(*world.store, state, key(2)).ok());
    const auto read = [&](const std::vector<PublicKey>& trusted) {
        return read_checkpoint(*world.store, state.head().seq, state.repository(), trusted);
    };
    EXPECT_EQ(read({key(1).public_key()}).error().code(), ErrorCode::Refused);
    EXPECT_TRUE(read({key(1).public_key(), key(2).public_key()}).ok());
}

TEST(Checkpoint, OfAnotherRepositoryOrPlaceIsDamage) {
    World world;
    const State state = full_state();
    const std::uint64_t seq = state.head().seq;
    ASSERT_TRUE(write_checkpoint(*world.store, state, key(1)).ok());
    EXPECT_EQ(read_checkpoint(*world.store, seq, RepositoryId{}, {key(1).public_key()}).error().code(),
              ErrorCode::Damaged);
    world.store->put_new(checkpoint_name(seq + 64), world.disk.content(checkpoint_name(seq)).value(), Durability::Now)
        .value();
    EXPECT_EQ(read_checkpoint(*world.store, seq + 64, state.repository(), {key(1).public_key()}).error().code(),
              ErrorCode::Damaged);
    EXPECT_EQ(read_checkpoint(*world.store, seq + 1, state.repository(), {}).error().code(), ErrorCode::NotFound);
}

TEST(Checkpoint, NoFlippedByteIsBelieved) {
    World world;
    const State state = full_state();
    ASSERT_TRUE(write_checkpoint(*world.store, state, key(1)).ok());
    for (const ObjectInfo& object : world.store->list("checkpoints").value()) {
        const Bytes whole = world.disk.content(object.name).value();
        const std::size_t step = whole.size() > 2000 ? whole.size() / 7 : 97;
        for (std::size_t at = 0; at < whole.size(); at += step) {
            Bytes damaged = whole;
            damaged[at] ^= 0x10;
            world.disk.overwrite(object.name, damaged).value();
            EXPECT_FALSE(
                read_checkpoint(*world.store, state.head().seq, state.repository(), {key(1).public_key()}).ok())
                << object.name << " byte " << at;
        }
        world.disk.overwrite(object.name, ByteSpan{whole}.first(whole.size() / 2)).value();
        EXPECT_FALSE(read_checkpoint(*world.store, state.head().seq, state.repository(), {key(1).public_key()}).ok());
        world.disk.overwrite(object.name, whole).value();
    }
    EXPECT_TRUE(read_checkpoint(*world.store, state.head().seq, state.repository(), {key(1).public_key()}).ok());
}

// So that every section has several pages. Returns the last snapshot.
std::uint64_t back_up_often(Script& script) {
    std::uint64_t parent = 0;
    for (std::uint64_t i = 0; i < 1500; ++i) parent = script.backup(i, {i}, parent);
    return parent;
}

TEST(Checkpoint, PagesAreSharedWithTheOneBefore) {
    World world;
    Script script;
    std::uint64_t parent = back_up_often(script);
    ASSERT_TRUE(write_checkpoint(*world.store, script.state, key(1)).ok());
    const std::size_t before = world.store->list("checkpoints/pages").value().size();
    EXPECT_GT(before, 10U);
    for (std::uint64_t i = 1500; i < 1532; ++i) parent = script.backup(i, {i}, parent);
    ASSERT_TRUE(write_checkpoint(*world.store, script.state, key(1)).ok());
    EXPECT_LE(world.store->list("checkpoints/pages").value().size(), before + 6);
}

TEST(Checkpoint, APageThatRottedIsWrittenAgain) {
    World world;
    Script script;
    const std::uint64_t parent = back_up_often(script);
    ASSERT_TRUE(write_checkpoint(*world.store, script.state, key(1)).ok());
    for (const ObjectInfo& page : world.store->list("checkpoints/pages").value()) {
        Bytes bytes = world.store->get(page.name, 1U << 20).value();
        bytes[bytes.size() / 2] ^= 1;
        ASSERT_TRUE(world.disk.overwrite(page.name, bytes).ok());
    }
    script.backup(1500, {1500}, parent);
    ASSERT_TRUE(write_checkpoint(*world.store, script.state, key(1)).ok());
    const Result<Checkpoint> read =
        read_checkpoint(*world.store, script.state.head().seq, script.state.repository(), {key(1).public_key()});
    ASSERT_TRUE(read.ok()) << read.error().one_line();
    EXPECT_EQ(read.value().state, script.state);
}

// Items that a signed root brings are still read with care: a bug of another version must end as an error.
TEST(Checkpoint, ItemsThatDoNotFitTogetherAreDamage) {
    const State state = full_state();
    std::array<Bytes, kCheckpointSections> sections;
    for (std::uint8_t section = 1; section <= kCheckpointSections; ++section) {
        CheckpointCodec::encode(state, static_cast<CheckpointSection>(section),
                                [&](ByteSpan item) { append(sections[section - 1U], item); });
    }
    const auto decodes = [&](const std::array<Bytes, kCheckpointSections>& changed) {
        return CheckpointCodec::decode(changed, state.head(), state.repository()).ok();
    };
    ASSERT_TRUE(decodes(sections));
    for (std::size_t section = 0; section < sections.size(); ++section) {
        ASSERT_FALSE(sections[section].empty()) << "full_state() lacks something of section " << section + 1;
        auto cut = sections;
        cut[section].pop_back();
        EXPECT_FALSE(decodes(cut)) << "section " << section + 1;
        // No single changed byte may do worse than fail.
        for (std::size_t at = 0; at < std::min<std::size_t>(sections[section].size(), 300); ++at) {
            auto changed = sections;
            changed[section][at] ^= 0xff;
            (void)decodes(changed);
        }
    }
    for (const auto section : {CheckpointSection::Core, CheckpointSection::Packs, CheckpointSection::Packsets}) {
        auto without = sections;
        without[static_cast<std::size_t>(section) - 1].clear();
        EXPECT_FALSE(decodes(without));
        auto doubled = sections;
        append(doubled[static_cast<std::size_t>(section) - 1], sections[static_cast<std::size_t>(section) - 1]);
        if (section != CheckpointSection::Packsets) {
            EXPECT_FALSE(decodes(doubled));
        }
    }
}

// --- in a log

void fill(Log& log, const SigningKey& with, const Clock& clock, std::uint64_t until) {
    while (log.state().head().seq < until) {
        const std::uint64_t number = log.state().head().seq;
        const std::uint64_t session = log.append(with, clock, Open{}).value().seq;
        log.append(with, clock, commit(session, number, lists({number}))).value();
    }
}

TEST(LogCheckpoint, OpeningStartsFromTheNewestOneThatIsBelieved) {
    World world;
    Log log = Log::create(*world.store, Genesis{}, key(1), world.clock).value();
    log.append(key(1), world.clock, KeyGrant{key(2).public_key(), role::kBackup, "host"}).value();
    fill(log, key(1), world.clock, 150);
    EXPECT_EQ(Log::open(*world.store).value().opened_from(), 127U);
    EXPECT_EQ(Log::open(*world.store).value().state(), log.state());

    fill(log, key(2), world.clock, 200);
    EXPECT_EQ(Log::open(*world.store).value().opened_from(), 127U) << "191 is signed by somebody that nobody named";
    LogOptions options;
    options.trusted_actors = {key(2).public_key()};
    EXPECT_EQ(Log::open(*world.store, options).value().opened_from(), 191U);
    EXPECT_EQ(Log::open(*world.store, options).value().state(), log.state());
    options.use_checkpoints = false;
    EXPECT_FALSE(Log::open(*world.store, options).value().opened_from());
}

TEST(LogCheckpoint, LostAndDamagedOnesCostOnlyTime) {
    World world;
    Log log = Log::create(*world.store, Genesis{}, key(1), world.clock).value();
    fill(log, key(1), world.clock, 260);
    Bytes root = world.disk.content(checkpoint_name(255)).value();
    root[20] ^= 1;
    world.disk.overwrite(checkpoint_name(255), root).value();
    world.store->remove(checkpoint_name(191)).value();
    EXPECT_EQ(Log::open(*world.store).value().opened_from(), 127U);
    EXPECT_EQ(Log::open(*world.store).value().state(), log.state());
    for (const ObjectInfo& object : world.store->list("checkpoints").value()) world.store->remove(object.name).value();
    EXPECT_EQ(Log::open(*world.store).value().state(), log.state());
}

TEST(LogCheckpoint, ThatItCannotBeWrittenIsNoFailureOfTheAppend) {
    World world;
    Log log = Log::create(*world.store, Genesis{}, key(1), world.clock).value();
    fill(log, key(1), world.clock, 62);
    if (log.state().head().seq == 61) log.append(key(1), world.clock, Open{}).value();
    ASSERT_EQ(log.state().head().seq, 62U);
    // The first put of a page comes right after the record was read back.
    World twin;
    Log counted = Log::create(*twin.store, Genesis{}, key(1), twin.clock).value();
    fill(counted, key(1), twin.clock, 62);
    const std::uint64_t start = twin.disk.operations();
    counted.append(key(1), twin.clock, Open{}).value();
    const std::uint64_t whole = twin.disk.operations() - start;
    world.disk.fail_at(world.disk.operations() + whole - 5, ENOSPC);
    EXPECT_TRUE(log.append(key(1), world.clock, Open{}).ok());
    EXPECT_FALSE(world.store->size(checkpoint_name(63)).ok());
    EXPECT_TRUE(log.append(key(1), world.clock, Open{}).ok());
}

// Whoever could write the storage and sign once must not have the last word: what the log says counts.
TEST(LogCheckpoint, OfAnotherHistoryIsNotBelieved) {
    World world;
    Log log = Log::create(*world.store, Genesis{}, key(1), world.clock).value();
    fill(log, key(1), world.clock, 140);
    // The same repository went on otherwise in a copy of it; that copy's checkpoint comes here.
    World copy;
    for (const ObjectInfo& object : world.store->list("log").value()) {
        if (object.name <= record_name(60))
            copy.store->put_new(object.name, world.disk.content(object.name).value(), Durability::Now).value();
    }
    Log fork = Log::open(*copy.store).value();
    fill(fork, key(1), copy.clock, 140);
    for (const ObjectInfo& object : copy.store->list("checkpoints").value()) {
        (void)world.store->remove(object.name);
        world.store->put_new(object.name, copy.disk.content(object.name).value(), Durability::Now).value();
    }
    const Log opened = Log::open(*world.store).value();
    EXPECT_EQ(opened.state(), log.state());
    EXPECT_FALSE(opened.opened_from());
}

TEST(LogCheckpoint, OfWhoHasLostHisRolesIsNotBelieved) {
    World world;
    Log log = Log::create(*world.store, Genesis{}, key(1), world.clock).value();
    log.append(key(1), world.clock, KeyGrant{key(2).public_key(), role::kAll, "another admin"}).value();
    LogOptions options;
    options.trusted_actors = {key(1).public_key(), key(2).public_key()};
    fill(log, key(1), world.clock, 100);
    fill(log, key(2), world.clock, 150);
    EXPECT_EQ(Log::open(*world.store, options).value().opened_from(), 127U);
    log.append(key(1), world.clock, KeyGrant{key(2).public_key(), 0, {}}).value();
    // 127 was signed by one who had roles then and has none now.
    EXPECT_EQ(Log::open(*world.store, options).value().opened_from(), 63U);
    EXPECT_EQ(Log::open(*world.store, options).value().state(), log.state());
    // And 191 by one who has none any more when it is written.
    fill(log, key(1), world.clock, 195);
    ASSERT_TRUE(Log::open(*world.store, options).value().opened_from() == 191U);
    world.store->remove(checkpoint_name(191)).value();
    EXPECT_EQ(Log::open(*world.store, options).value().opened_from(), 63U);
}

// What was pinned while his checkpoint was believed rests on him as well.
TEST(LogCheckpoint, OfWhoHasLostHisRolesVouchesForNoRecordsBeforeIt) {
    World world;
    Log log = Log::create(*world.store, Genesis{}, key(1), world.clock).value();
    log.append(key(1), world.clock, KeyGrant{key(2).public_key(), role::kAll, "another admin"}).value();
    fill(log, key(1), world.clock, 100);
    LogRecord forged;
    forged.seq = log.state().head().seq + 1;
    forged.prev = log.state().head().hash;
    forged.time = world.clock.now();
    forged.payload = Open{};
    Bytes body = encode_record(forged, key(1), log.repository()).value();
    body.back() ^= 1;  // of the signature
    ASSERT_TRUE(world.store->put_new(record_name(forged.seq), record_file(body), Durability::Now).ok());

    LogOptions options;
    options.trusted_actors = {key(1).public_key(), key(2).public_key()};
    options.known = Head{forged.seq, record_hash(body)};
    Log poisoned = Log::open(*world.store, options).value();
    fill(poisoned, key(2), world.clock, 130);
    options.known = poisoned.state().head();
    EXPECT_EQ(Log::open(*world.store, options).value().opened_from(), 127U);
    poisoned.append(key(1), world.clock, KeyGrant{key(2).public_key(), 0, {}}).value();
    options.known = poisoned.state().head();
    EXPECT_EQ(Log::open(*world.store, options).error().code(), ErrorCode::Damaged);
    // Nor does the pin where his checkpoint is gone, and one that is believed is read instead.
    world.store->remove(checkpoint_name(127)).value();
    EXPECT_EQ(Log::open(*world.store, options).error().code(), ErrorCode::Damaged);
}

}  // namespace
}  // namespace dr
