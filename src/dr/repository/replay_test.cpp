#include "dr/repository/replay.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dr/repository/replay_testing.h"

namespace dr {
namespace {

using namespace replay_testing;

constexpr std::uint8_t kAdmin = 1, kHost = 2, kCollector = 3, kForgetter = 4, kStranger = 9;

class Replay : public testing::Test, protected Script {
protected:
    Replay() {
        add(KeyGrant{key(kHost).public_key(), role::kBackup, "host"});
        add(KeyGrant{key(kCollector).public_key(), role::kGc, "collector"});
        add(KeyGrant{key(kForgetter).public_key(), role::kForget, "forgetter"});
    }
    bool condemned(std::uint64_t pack) const { return state.packs()[*state.find_pack(pack_id(pack))].condemned != 0; }
};

// --- beginnings, actors, keys

TEST(ReplayGenesis, StartsEverythingAndOnlyOnce) {
    State state;
    EXPECT_TRUE(state.empty());
    EXPECT_EQ(state.next_seq(), 0U);
    LogRecord record;
    record.payload = Close{1};
    EXPECT_EQ(void_reason(state, record), "the first record is not genesis");

    Script script;
    EXPECT_FALSE(script.state.empty());
    EXPECT_EQ(script.state.first_admin(), key(kAdmin).public_key());
    EXPECT_EQ(script.state.roles_of(key(kAdmin).public_key()), role::kAll);
    EXPECT_EQ(script.refused(Genesis{}), "there is a genesis already");
    EXPECT_EQ(script.state.head().seq, 1U) << "a void record keeps its place";
}

TEST_F(Replay, AnActorMayDoWhatItsRolesSay) {
    struct Try {
        std::uint8_t actor;
        RecordPayload payload;
    };
    const std::uint64_t snapshot = backup(1, {1});
    const std::vector<Try> wrong{{kHost, KeyGrant{key(5).public_key(), role::kBackup, {}}},
                                 {kHost, KeySlot{true, "k-1", {}, {}}},
                                 {kHost, KeyRing{1, {}}},
                                 {kHost, Forget{{{snapshot, {}}}}},
                                 {kHost, Tighten{{snapshot}, {}}},
                                 {kHost, Condemn{0, {}}},
                                 {kHost, Reap{}},
                                 {kHost, Swept{}},
                                 {kForgetter, Runs{}},
                                 {kHost, Hold{snapshot, {}}},
                                 {kHost, Release{snapshot, {}}},
                                 {kCollector, LockExtend{snapshot, kStart}},
                                 {kHost, AdminVoid{}},
                                 {kHost, AdminRollback{}},
                                 {kStranger, UnknownPayload{99, {}}},
                                 {kStranger, Open{}},
                                 {kStranger, DamagedPacks{}},
                                 {kStranger, VerifiedPacks{}},
                                 {kStranger, Refresh{}},
                                 {kStranger, Close{}},
                                 {kStranger, Abandon{}},
                                 {kForgetter, commit(1, 2, {})}};
    for (const Try& one : wrong) {
        const std::string reason = refused(one.actor, one.payload);
        EXPECT_NE(reason.find("role"), std::string::npos) << one.payload.index() << ": " << reason;
    }
    add(KeyGrant{key(kHost).public_key(), 0, "host"});
    EXPECT_EQ(refused(kHost, Open{}), "its actor has no role here");
}

TEST_F(Replay, KeysAndRingsAreRemembered) {
    add(KeySlot{true, "k-1", PublicKey::from(Bytes(32, 1)), Sha256::from(Bytes(32, 2))});
    add(KeySlot{true, "k-2", {}, {}});
    add(KeySlot{false, "k-2", {}, {}});
    ASSERT_EQ(state.slots().size(), 1U);
    EXPECT_EQ(state.slots().at("k-1").file, Sha256::from(Bytes(32, 2)));
    EXPECT_FALSE(state.ring());
    EXPECT_EQ(refused(KeyRing{0, {}}), "rings are numbered from 1");
    add(KeyRing{1, {}});
    add(KeyRing{2, Sha256::from(Bytes(32, 3))});
    EXPECT_NE(refused(KeyRing{2, {}}), "");
    EXPECT_EQ(state.ring()->number, 2U);
    EXPECT_EQ(state.ring()->file, Sha256::from(Bytes(32, 3)));
    EXPECT_EQ(state.actors().at(key(kHost).public_key()).name, "host");
}

TEST_F(Replay, TheLastSlotStays) {
    add(KeySlot{true, "k-1", {}, {}});
    add(KeySlot{true, "k-2", {}, {}});
    add(KeySlot{false, "k-1", {}, {}});
    EXPECT_NE(refused(KeySlot{false, "k-2", {}, {}}).find("last slot"), std::string::npos);
    EXPECT_TRUE(state.slots().contains("k-2"));
    add(KeySlot{false, "k-1", {}, {}});
}

// --- R1: sessions

TEST_F(Replay, ASessionEndsOnceByItsActorOrACollector) {
    const std::uint64_t one = add(kHost, Open{});
    EXPECT_NE(refused(kForgetter, Close{one}), "");
    EXPECT_NE(refused(kForgetter, Abandon{one}), "");
    add(kHost, Close{one});
    EXPECT_EQ(refused(kHost, Close{one}), "session " + std::to_string(one) + " is not open");
    EXPECT_NE(refused(kHost, Refresh{one, {}}), "");
    EXPECT_NE(refused(kHost, commit(one, 1, {})), "");

    const std::uint64_t two = add(kHost, Open{});
    add(kCollector, Abandon{two});
    EXPECT_NE(refused(kHost, commit(two, 1, {})), "");
    EXPECT_TRUE(state.open_sessions().empty());
}

TEST_F(Replay, ASessionBelongsToItsActor) {
    const std::uint64_t session = add(kHost, Open{});
    EXPECT_NE(refused(kAdmin, Refresh{session, {}}), "");
    EXPECT_NE(refused(kAdmin, commit(session, 1, {})), "");
    add(kHost, commit(session, 1, lists({1})));
}

TEST_F(Replay, AParentMustBeASnapshotThatIsThere) {
    const std::uint64_t snapshot = backup(1, {1});
    EXPECT_NE(refused(Open{SessionKind::Write, 999, {}}), "");
    add(kForgetter, Forget{{{snapshot, "old"}}});
    EXPECT_NE(refused(Open{SessionKind::Write, snapshot, {}}), "");
}

TEST_F(Replay, OnlyWhoMayStoreListsPacks) {
    const std::uint64_t reader = add(kForgetter, Open{SessionKind::Read, 0, {}});
    EXPECT_NE(refused(kForgetter, Refresh{reader, lists({1})}), "");
    add(kForgetter, Refresh{reader, {}});
    EXPECT_EQ(state.open_sessions().at(reader).view, last);
}

TEST_F(Replay, AdoptionEndsASessionAndTakesItsPacks) {
    const std::uint64_t killed = add(kHost, Open{});
    add(kHost, Refresh{killed, lists({1})});
    EXPECT_NE(refused(kForgetter, Open{SessionKind::Write, 0, {killed}}), "") << "another actor";
    EXPECT_NE(refused(kHost, Open{SessionKind::Write, 0, {killed, killed}}), "");
    const std::uint64_t heir = add(kHost, Open{SessionKind::Write, 0, {killed}});
    EXPECT_NE(refused(kHost, Open{SessionKind::Write, 0, {killed}}), "") << "it has ended";
    EXPECT_NE(refused(kHost, commit(killed, 1, {})), "");
    EXPECT_TRUE(state.session_holds_packs(killed)) << "what it wrote and nobody listed is the heir's now";

    const std::uint64_t heir_of_heir = add(kCollector, Open{SessionKind::Gc, 0, {heir}});
    EXPECT_TRUE(state.session_holds_packs(killed));
    add(kCollector, Refresh{heir_of_heir, lists({2})});
    const PackState& pack = state.packs()[*state.find_pack(pack_id(2))];
    EXPECT_EQ(state.homes_of(pack), (std::vector{heir_of_heir, heir, killed}));
    EXPECT_EQ(state.open_sessions().at(heir_of_heir).pending, numbers({1, 2}));
    add(kCollector, Close{heir_of_heir});
    EXPECT_FALSE(state.session_holds_packs(killed));
    EXPECT_EQ(state.homes_of(pack).size(), 3U) << "that is still where they lie";
}

// --- R2: commits

TEST_F(Replay, APacksetIsTheParentsAndWhatTheSessionListedOrReferred) {
    const std::uint64_t first = backup(1, {1, 2});
    const std::uint64_t other = backup(2, {3, 4});
    const std::uint64_t session = add(kHost, Open{SessionKind::Write, first, {}});
    add(kHost, Refresh{session, lists({5}, {3})});
    const std::uint64_t next = add(kHost, commit(session, 3, lists({6}, {1}), false));
    EXPECT_EQ(packset(first), numbers({1, 2}));
    EXPECT_EQ(packset(other), numbers({3, 4}));
    EXPECT_EQ(packset(next), numbers({1, 2, 3, 5, 6}));
    EXPECT_EQ(state.snapshot_at(next)->parent, first);

    // The session goes on from its own commit.
    const std::uint64_t last_one = add(kHost, commit(session, 4, lists({7})));
    EXPECT_EQ(packset(last_one), numbers({1, 2, 3, 5, 6, 7}));
    EXPECT_EQ(state.snapshot_at(last_one)->parent, next);
    EXPECT_TRUE(state.open_sessions().empty());
    EXPECT_EQ(state.packs()[*state.find_pack(pack_id(7))].size, 1007U);
}

TEST_F(Replay, APackIsListedOnce) {
    backup(1, {1});
    const std::uint64_t session = open();
    EXPECT_NE(refused(commit(session, 2, lists({1}))), "");
    EXPECT_NE(refused(commit(session, 2, lists({2, 2}))), "");
    add(Refresh{session, lists({2})});
    EXPECT_NE(refused(commit(session, 2, lists({2}))), "");
}

TEST_F(Replay, AListThatNamesAThingTwiceIsVoid) {
    const std::uint64_t old = backup(1, {1, 2});
    add(kForgetter, Forget{{{old, {}}}});
    const std::uint64_t session = open();
    const std::uint64_t other = backup(2, {3});
    RecordLists runs_added;
    runs_added.runs_added = pack_ids({11, 11});
    RecordLists runs_removed;
    runs_removed.runs_removed = pack_ids({11, 11});
    for (const RecordLists& twice : {lists({}, {1, 1}), lists({}, {}, {1, 1}), runs_added, runs_removed}) {
        EXPECT_NE(refused(commit(session, 3, twice)).find("twice"), std::string::npos);
        EXPECT_NE(refused(Refresh{session, twice}).find("twice"), std::string::npos);
    }
    EXPECT_NE(refused(kCollector, Runs{pack_ids({11, 11}), {}}).find("twice"), std::string::npos);
    EXPECT_NE(refused(kCollector, Runs{{}, pack_ids({11, 11})}).find("twice"), std::string::npos);
    EXPECT_NE(refused(kCollector, Tighten{{other, other}, pack_ids({3})}).find("twice"), std::string::npos);
    EXPECT_NE(refused(kCollector, Tighten{{other}, pack_ids({3, 3})}).find("twice"), std::string::npos);
    EXPECT_NE(refused(kCollector, Swept{pack_ids({1, 1})}).find("twice"), std::string::npos);
    EXPECT_NE(refused(kHost, DamagedPacks{pack_ids({1, 1})}).find("twice"), std::string::npos);
    EXPECT_NE(refused(kHost, VerifiedPacks{pack_ids({1, 1})}).find("twice"), std::string::npos);
    add(commit(session, 3, lists({}, {1}, {1})));
}

TEST_F(Replay, ASnapshotIsCommittedOnce) {
    const std::uint64_t first = backup(1, {1});
    const std::uint64_t session = open();
    EXPECT_NE(refused(commit(session, 1, lists({2}))), "");
    add(kForgetter, Forget{{{first, {}}}});
    EXPECT_NE(refused(commit(session, 1, lists({2}))), "") << "its id stays used";
}

TEST_F(Replay, ANewRefMustHaveBeenLiveAtTheView) {
    backup(1, {1});
    const std::uint64_t session = open();
    backup(2, {2});
    EXPECT_EQ(refused(commit(session, 3, lists({}, {99}))).find("it refers to pack"), 0U);
    EXPECT_NE(refused(commit(session, 3, lists({}, {2}))), "") << "listed after the view";
    add(Refresh{session, {}});
    add(commit(session, 3, lists({}, {1, 2})));
}

TEST_F(Replay, ADamagedPackIsNoNewRefUntilItIsVerified) {
    backup(1, {1});
    add(kCollector, DamagedPacks{pack_ids({1})});
    EXPECT_FALSE(state.is_live(pack_id(1)));
    const std::uint64_t session = open();
    EXPECT_NE(refused(commit(session, 2, lists({}, {1}))), "");
    EXPECT_EQ(refused(kHost, DamagedPacks{pack_ids({77})}).find("pack"), 0U);
    add(kHost, VerifiedPacks{pack_ids({1})});
    EXPECT_TRUE(state.is_live(pack_id(1)));
    EXPECT_EQ(state.packs()[0].verified, last);
    EXPECT_NE(refused(commit(session, 2, lists({}, {1}))), "") << "at its view the pack was damaged";
    add(Refresh{session, {}});
    add(commit(session, 2, lists({}, {1})));
}

TEST_F(Replay, ACondemnedNewRefNeedsARescue) {
    const std::uint64_t old = backup(1, {1, 2});
    add(kForgetter, Forget{{{old, {}}}});
    const std::uint64_t session = open();
    add(kCollector, Condemn{last, pack_ids({1, 2})});
    EXPECT_TRUE(condemned(1));
    EXPECT_FALSE(state.is_live(pack_id(1)));
    EXPECT_NE(refused(commit(session, 2, lists({}, {1}))), "");
    EXPECT_NE(refused(commit(session, 2, lists({}, {1}, {99}))), "") << "a rescue of nothing";
    const std::uint64_t saved = add(commit(session, 2, lists({}, {1}, {1})));
    EXPECT_TRUE(state.is_live(pack_id(1)));
    EXPECT_TRUE(condemned(2));
    EXPECT_EQ(packset(saved), numbers({1}));
    EXPECT_NE(refused(kCollector, Reap{pack_ids({1})}), "") << "rescued";
    add(kCollector, Reap{pack_ids({2})});
}

TEST_F(Replay, APackCondemnedAtTheViewAndRescuedSinceIsNoNewRef) {
    const std::uint64_t old = backup(1, {1});
    add(kForgetter, Forget{{{old, {}}}});
    const std::uint64_t early = open();
    add(kCollector, Condemn{last, pack_ids({1})});
    const std::uint64_t late = open();
    add(Refresh{early, lists({}, {1}, {1})});
    EXPECT_NE(refused(commit(late, 2, lists({}, {1}))), "") << "while it was condemned it may have lost its lock";
    add(commit(early, 3, {}));
}

TEST_F(Replay, RunsCountOnceAddedAndUntilRemoved) {
    const std::uint64_t session = open();
    RecordLists with = lists({1});
    with.runs_added = pack_ids({11, 12});
    add(commit(session, 1, with));
    EXPECT_EQ(state.runs().size(), 2U);
    add(kCollector, Runs{pack_ids({13}), pack_ids({11, 12})});
    EXPECT_EQ(state.runs(), (std::unordered_set<PackId>{pack_id(13)}));
}

// --- R3: condemn, reap, swept

TEST_F(Replay, WhatASnapshotHoldsIsNotCondemned) {
    const std::uint64_t snapshot = backup(1, {1});
    EXPECT_EQ(state.unneeded_packs(), PackNumbers{});
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({1})}), "");
    add(kForgetter, Forget{{{snapshot, {}}}});
    EXPECT_EQ(state.unneeded_packs(), numbers({1}));
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({2})}), "") << "not known";
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({1, 1})}), "") << "twice";
    EXPECT_NE(refused(kCollector, Condemn{last + 50, pack_ids({1})}), "") << "marked in the future";
    add(kCollector, Condemn{last, pack_ids({1})});
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({1})}), "") << "already";
    EXPECT_EQ(state.unneeded_packs(), PackNumbers{});
    EXPECT_TRUE(state.live_packs().empty());
}

TEST_F(Replay, TheRootOfAnOpenSessionIsHeldEvenIfForgotten) {
    const std::uint64_t parent = backup(1, {1});
    const std::uint64_t session = open(parent);
    add(kForgetter, Forget{{{parent, {}}}});
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({1})}), "");
    add(Close{session});
    add(kCollector, Condemn{last, pack_ids({1})});
}

TEST_F(Replay, WhatAnOpenSessionListedIsHeldBeforeItsCommit) {
    const std::uint64_t session = open();
    add(Refresh{session, lists({1})});
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({1})}), "");
    add(Abandon{session});
    add(kCollector, Condemn{last, pack_ids({1})});
}

TEST_F(Replay, ADamagedPackCanGo) {
    const std::uint64_t snapshot = backup(1, {1});
    add(kCollector, DamagedPacks{pack_ids({1})});
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({1})}), "");
    add(kForgetter, Forget{{{snapshot, {}}}});
    add(kCollector, Condemn{last, pack_ids({1})});
    add(kCollector, Reap{pack_ids({1})});
}

TEST_F(Replay, ReapingWaitsForEverySessionThatMaySeeThePack) {
    const std::uint64_t snapshot = backup(1, {1});
    add(kForgetter, Forget{{{snapshot, {}}}});
    EXPECT_NE(refused(kCollector, Reap{pack_ids({1})}), "") << "not condemned";
    const std::uint64_t reader = add(kHost, Open{SessionKind::Read, 0, {}});
    add(kCollector, Condemn{last, pack_ids({1})});
    EXPECT_NE(refused(kCollector, Reap{pack_ids({1})}).find("session"), std::string::npos);
    add(kHost, Refresh{reader, {}});
    EXPECT_NE(refused(kCollector, Swept{pack_ids({1})}), "") << "not reaped";
    add(kCollector, Reap{pack_ids({1})});
    EXPECT_NE(refused(kCollector, Reap{pack_ids({1})}), "") << "already";
    add(kCollector, Swept{pack_ids({1})});
    EXPECT_TRUE(state.packs()[0].swept);
}

TEST_F(Replay, AReapedNameNeverReturns) {
    const std::uint64_t snapshot = backup(1, {1});
    add(kForgetter, Forget{{{snapshot, {}}}});
    const std::uint64_t session = open();
    add(kCollector, Condemn{last, pack_ids({1})});
    add(Refresh{session, {}});
    add(kCollector, Reap{pack_ids({1})});
    EXPECT_NE(refused(commit(session, 2, lists({1}))), "");
    EXPECT_NE(refused(commit(session, 2, lists({}, {1}))), "");
    EXPECT_NE(refused(commit(session, 2, lists({}, {}, {1}))), "") << "too late for a rescue";
    EXPECT_NE(refused(kHost, VerifiedPacks{pack_ids({1})}), "");
}

TEST_F(Replay, TightenTakesPacksOutOfTheSnapshotsItNamesOnly) {
    const std::uint64_t one = backup(1, {1, 2, 3});
    const std::uint64_t two = backup(2, {4}, one);
    const std::uint64_t session = open(one);
    EXPECT_NE(refused(kCollector, Tighten{{999}, pack_ids({1})}), "");
    EXPECT_NE(refused(kCollector, Tighten{{one}, pack_ids({99})}), "");
    add(kCollector, Tighten{{one, two}, pack_ids({2, 4})});
    EXPECT_EQ(packset(one), numbers({1, 3}));
    EXPECT_EQ(packset(two), numbers({1, 3}));
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({2})}), "") << "the open session started before";
    add(Close{session});
    add(kCollector, Condemn{last, pack_ids({2, 4})});
    add(kCollector, Tighten{{two}, pack_ids({3})});
    EXPECT_EQ(packset(one), numbers({1, 3}));
    EXPECT_EQ(packset(two), numbers({1}));
    EXPECT_NE(refused(kCollector, Condemn{last, pack_ids({3})}), "") << "one still has it";
    const std::uint64_t three = backup(3, {5}, two);
    EXPECT_EQ(packset(three), numbers({1, 5}));
}

// --- R6: forget, holds, dates

TEST_F(Replay, AHeldSnapshotIsNotForgotten) {
    const std::uint64_t snapshot = backup(1, {1});
    EXPECT_NE(refused(Release{snapshot, {}}), "");
    EXPECT_NE(refused(Hold{999, {}}), "");
    add(Hold{snapshot, "case 12"});
    EXPECT_NE(refused(kForgetter, Forget{{{snapshot, {}}}}).find("case 12"), std::string::npos);
    add(Release{snapshot, "closed"});
    EXPECT_NE(refused(kForgetter, Forget{{{snapshot, {}}, {snapshot, {}}}}), "") << "twice in one record";
    add(kForgetter, Forget{{{snapshot, {}}}});
    EXPECT_NE(refused(kForgetter, Forget{{{snapshot, {}}}}), "");
    EXPECT_EQ(state.snapshot_at(snapshot), nullptr);
}

TEST_F(Replay, ADateOfRetentionHoldsAndOnlyMovesLater) {
    Commit retained = commit(open(), 1, lists({1, 2}));
    retained.retain_until = Timestamp{kStart.nanoseconds() + 10 * kNanosecondsPerDay};
    const std::uint64_t snapshot = add(retained);
    backup(2, {3}, snapshot);
    EXPECT_NE(refused(kForgetter, Forget{{{snapshot, {}}}}).find("retained until"), std::string::npos);
    EXPECT_NE(refused(LockExtend{snapshot, kStart}), "");
    EXPECT_NE(refused(LockExtend{snapshot, retained.retain_until}), "");
    const Timestamp later{kStart.nanoseconds() + 20 * kNanosecondsPerDay};
    add(kHost, LockExtend{snapshot, later});
    EXPECT_EQ(state.retained_until(), (std::vector{later, later, Timestamp{}}));

    now = Timestamp{kStart.nanoseconds() + 30 * kNanosecondsPerDay};
    EXPECT_NE(refused(kForgetter, Forget{{{snapshot, {}}}}), "") << "only the admin moves time by more than a day";
    add(kAdmin, Close{open()});
    add(kForgetter, Forget{{{snapshot, {}}}});
    EXPECT_NE(refused(LockExtend{snapshot, now}), "") << "forgotten";
}

// Or whoever may collect could take the packs of a locked snapshot out of its packset, and then remove them.
TEST_F(Replay, ALockedSnapshotKeepsItsPackset) {
    Commit retained = commit(open(), 1, lists({1, 2}));
    retained.retain_until = Timestamp{kStart.nanoseconds() + kNanosecondsPerDay};
    const std::uint64_t snapshot = add(retained);
    const std::uint64_t other = backup(2, {3, 4});
    EXPECT_NE(refused(kCollector, Tighten{{snapshot}, pack_ids({1})}).find("retained until"), std::string::npos);
    EXPECT_NE(refused(kCollector, Tighten{{other, snapshot}, pack_ids({3})}), "") << "one of them is locked";
    EXPECT_NE(refused(kAdmin, Tighten{{snapshot}, pack_ids({1})}), "") << "nobody may";
    EXPECT_EQ(packset(snapshot), numbers({1, 2}));

    add(Hold{snapshot, "case 12"});
    now = retained.retain_until;
    EXPECT_NE(refused(kCollector, Tighten{{snapshot}, pack_ids({1})}).find("case 12"), std::string::npos);
    add(Release{snapshot, "closed"});
    add(kCollector, Tighten{{other, snapshot}, pack_ids({1, 3})});
    EXPECT_EQ(packset(snapshot), numbers({2}));
}

TEST_F(Replay, TrustedTimeNeverGoesBackAndLeapsOnlyForAnAdmin) {
    now = Timestamp{kStart.nanoseconds() - 5};
    add(kHost, Open{});
    EXPECT_EQ(state.trusted_time(), kStart);
    now = Timestamp{kStart.nanoseconds() + 100};
    add(kHost, Open{});
    EXPECT_EQ(state.trusted_time(), now);
    const Timestamp before = now;
    now = Timestamp{INT64_MAX};
    add(kHost, Open{});
    EXPECT_EQ(state.trusted_time().nanoseconds(), before.nanoseconds() + kNanosecondsPerDay);
    const Timestamp reached = state.trusted_time();
    (void)refused(kStranger, Open{});
    EXPECT_EQ(state.trusted_time(), reached) << "a void record moves nothing";
    now = Timestamp{reached.nanoseconds() + 100 * kNanosecondsPerDay};
    add(kAdmin, Open{});
    EXPECT_EQ(state.trusted_time(), now);
}

TEST_F(Replay, ATimeBeforeTheEpochOrAtTheEndOfNumbersBreaksNothing) {
    now = Timestamp{INT64_MIN};
    add(kHost, Open{});
    now = Timestamp{INT64_MAX};
    add(kAdmin, Open{});
    add(kHost, Open{});
    EXPECT_EQ(state.trusted_time(), now);
}

// --- junk, unknown types, rollbacks

TEST_F(Replay, JunkIsPassedOnlyByAnAdminWhoNamesIt) {
    const Sha256 file = sha256(as_bytes("junk"));
    EXPECT_NE(refused(AdminVoid{5, file}), "") << "there is none";
    const std::uint64_t at = state.next_seq();
    apply_junk(state, at, file);
    apply_junk(state, at + 1, file);
    EXPECT_EQ(state.next_seq(), at + 2);
    // Until then nothing counts: refused() cannot be used, for the head stays behind.
    EXPECT_FALSE(record(kAdmin, Open{}).applied());
    EXPECT_FALSE(record(kHost, AdminVoid{at, file}).applied());
    EXPECT_FALSE(record(kAdmin, AdminVoid{at, Sha256{}}).applied());
    EXPECT_FALSE(record(kAdmin, AdminVoid{at + 1, file}).applied()) << "the first one first";
    const std::uint64_t before = state.next_seq();
    EXPECT_TRUE(record(kAdmin, AdminVoid{at, file}).applied());
    EXPECT_EQ(state.next_seq(), before + 1);
    EXPECT_FALSE(record(kAdmin, Open{}).applied());
    EXPECT_TRUE(record(kAdmin, AdminVoid{at + 1, file}).applied());
    EXPECT_TRUE(state.junk().empty());
    EXPECT_TRUE(record(kAdmin, Open{}).applied());
}

TEST_F(Replay, ARequiredRecordOfAnUnknownTypeIsRemembered) {
    LogRecord next;
    next.required = false;
    next.seq = state.next_seq();
    next.actor = key(kAdmin).public_key();
    next.payload = UnknownPayload{99, {}};
    EXPECT_TRUE(apply(state, next, {}).applied());
    EXPECT_FALSE(state.unknown_required());
    add(UnknownPayload{99, {}});
    EXPECT_EQ(state.unknown_required(), last);
    add(UnknownPayload{98, {}});
    EXPECT_EQ(state.unknown_required(), last - 1);
}

TEST_F(Replay, WhoHasNoRoleNeitherStopsWritersNorMovesTheTrustedTime) {
    const Timestamp before = state.trusted_time();
    now = Timestamp{now.nanoseconds() + kNanosecondsPerDay};
    EXPECT_EQ(refused(kStranger, UnknownPayload{99, {}}), "its actor has no role here");
    EXPECT_FALSE(state.unknown_required());
    EXPECT_EQ(state.trusted_time(), before);
}

TEST_F(Replay, RollbacksAreKept) {
    add(AdminRollback{2, RecordHash::from(Bytes(32, 1))});
    ASSERT_EQ(state.rollbacks().size(), 1U);
    EXPECT_EQ(state.rollbacks()[0].names.seq, 2U);
    EXPECT_EQ(state.rollbacks()[0].record_hash, state.head().hash);
}

// --- finding snapshots

TEST_F(Replay, SnapshotsAreFoundByWhatPeopleType) {
    EXPECT_EQ(state.find_snapshot("latest").error().code(), ErrorCode::NotFound);
    const std::uint64_t one = backup(1, {1});
    Commit other = commit(open(), 2, lists({2}));
    other.tag = Identifier::parse("weekly").value();
    const std::uint64_t two = add(other);
    const auto found = [&](std::string_view name) { return state.find_snapshot(name).value()->record; };
    EXPECT_EQ(found("latest"), two);
    EXPECT_EQ(found("latest:daily"), one);
    EXPECT_EQ(found("latest:weekly"), two);
    EXPECT_EQ(found(snapshot_id(1).hex()), one);
    EXPECT_EQ(found(snapshot_id(2).hex().substr(0, 7)), two);
    EXPECT_EQ(state.newest("nightly", "daily")->record, one);
    EXPECT_EQ(state.newest("nightly", "x"), nullptr);
    for (const char* name : {"latest:none", "", "zz", "../x", "0123456789abcdef0123456789abcdef", "Latest",
                             "0123456789abcdef0123456789abcdef0"}) {
        EXPECT_EQ(state.find_snapshot(name).error().code(), ErrorCode::NotFound) << name;
    }
}

TEST_F(Replay, AnAmbiguousPrefixIsRefusedAndAForgottenSnapshotIsCalledThat) {
    for (std::uint64_t i = 0; i < 40; ++i) backup(i, {i});
    bool ambiguous = false;
    for (char digit : std::string_view{"0123456789abcdef"}) {
        const Result<const Snapshot*> found = state.find_snapshot(std::string{digit});
        ambiguous |= !found.ok() && found.error().code() == ErrorCode::BadRequest;
    }
    EXPECT_TRUE(ambiguous);
    const Snapshot* snapshot = state.find_snapshot(snapshot_id(3).hex()).value();
    add(kForgetter, Forget{{{snapshot->record, {}}}});
    const Error error = state.find_snapshot(snapshot_id(3).hex()).error();
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
    EXPECT_NE(error.what().find("forgotten"), std::string::npos);
}

// --- size

TEST_F(Replay, AThousandSnapshotsOfAHundredThousandPacksShareThem) {
    constexpr std::uint64_t kPacks = 100'000, kPerRecord = 5'000, kSnapshots = 1'000;
    const std::uint64_t session = open();
    for (std::uint64_t first = 0; first < kPacks; first += kPerRecord) {
        RecordLists part;
        for (std::uint64_t i = first; i < first + kPerRecord; ++i) part.packs.push_back({pack_id(i), 1, 1});
        add(Refresh{session, part});
    }
    std::uint64_t parent = add(commit(session, 0, {}));
    for (std::uint64_t i = 1; i < kSnapshots; ++i) parent = backup(i, {kPacks + i}, parent);
    EXPECT_EQ(packset(parent).size(), kPacks + kSnapshots - 1);
    EXPECT_EQ(state.unneeded_packs().size(), 0U);
    EXPECT_EQ(state.live_packs().size(), kPacks + kSnapshots - 1);
}

}  // namespace
}  // namespace dr
