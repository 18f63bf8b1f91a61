#pragma once
// For tests: actors, packs, and a log that is only a State.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "dr/crypto/sha256.h"
#include "dr/repository/replay.h"

namespace dr::replay_testing {

inline const Timestamp kStart{1'800'000'000'000'000'000};

inline SigningKey key(std::uint8_t number) { return SigningKey::from_seed(Key32::copy_of(Bytes(32, number))); }

inline PackId pack_id(std::uint64_t number) {
    return PackId{sha256(as_bytes("pack " + std::to_string(number))).array()};
}
inline std::vector<PackId> pack_ids(std::initializer_list<std::uint64_t> numbers) {
    std::vector<PackId> ids;
    for (const std::uint64_t number : numbers) ids.push_back(pack_id(number));
    return ids;
}

inline RecordLists lists(std::initializer_list<std::uint64_t> packs, std::initializer_list<std::uint64_t> newrefs = {},
                         std::initializer_list<std::uint64_t> rescue = {}) {
    RecordLists all;
    for (const std::uint64_t number : packs) all.packs.push_back({pack_id(number), 1, 1000 + number});
    all.newrefs = pack_ids(newrefs);
    all.rescue = pack_ids(rescue);
    return all;
}

inline SnapshotId snapshot_id(std::uint64_t number) {
    SnapshotId id;
    const Sha256 hash = sha256(as_bytes("snapshot " + std::to_string(number)));
    std::copy_n(hash.array().begin(), id.bytes.size(), id.bytes.begin());
    return id;
}

inline Commit commit(std::uint64_t session, std::uint64_t snapshot, RecordLists with, bool closes = true) {
    Commit commit;
    commit.session = session;
    commit.snapshot_id = snapshot_id(snapshot);
    commit.spec_id = Identifier::parse("nightly").value();
    commit.tag = Identifier::parse("daily").value();
    commit.created_at = kStart;
    commit.total_bytes = 1000;
    commit.file_count = 10;
    commit.lists = std::move(with);
    commit.closes = closes;
    commit.body = Bytes(300, 0x5a);
    return commit;
}

// A repository that is only a state: records are applied without bytes, store or signatures. The admin is key 1.
class Script {
public:
    Script() { EXPECT_TRUE(record(1, Genesis{}).applied()); }

    Outcome record(std::uint8_t actor, RecordPayload payload) {
        LogRecord next;
        next.seq = state.next_seq();
        next.time = now;
        next.actor = key(actor).public_key();
        next.payload = std::move(payload);
        last = next.seq;
        return apply(state, next, RecordHash{sha256(as_bytes("record " + std::to_string(next.seq))).array()});
    }
    // Applies what must be valid; returns its number.
    std::uint64_t add(std::uint8_t actor, RecordPayload payload) {
        const Outcome outcome = record(actor, std::move(payload));
        EXPECT_TRUE(outcome.applied()) << *outcome.void_reason;
        return last;
    }
    std::uint64_t add(RecordPayload payload) { return add(1, std::move(payload)); }
    // Why the record is void; empty when it is not.
    std::string refused(std::uint8_t actor, RecordPayload payload) {
        const State before = state;
        const Outcome outcome = record(actor, std::move(payload));
        if (outcome.applied()) return {};
        // Void means: no effect but on the head and the report.
        EXPECT_EQ(state.snapshots(), before.snapshots());
        EXPECT_EQ(state.open_sessions(), before.open_sessions());
        EXPECT_EQ(state.packs(), before.packs());
        EXPECT_EQ(state.trusted_time(), before.trusted_time());
        EXPECT_EQ(state.voids().size(), before.voids().size() + 1);
        EXPECT_EQ(state.voids().back().reason, *outcome.void_reason);
        return *outcome.void_reason;
    }
    std::string refused(RecordPayload payload) { return refused(1, std::move(payload)); }

    std::uint64_t open(std::uint64_t parent = 0, SessionKind kind = SessionKind::Write) {
        return add(Open{kind, parent, {}});
    }
    // A whole session with one commit; returns the commit's number.
    std::uint64_t backup(std::uint64_t snapshot, std::initializer_list<std::uint64_t> packs, std::uint64_t parent = 0,
                         std::initializer_list<std::uint64_t> newrefs = {}) {
        const std::uint64_t session = open(parent);
        return add(commit(session, snapshot, lists(packs, newrefs)));
    }
    // The numbers given to pack_id() of the packs in a snapshot's packset.
    PackNumbers packset(std::uint64_t record_number) const {
        return state.packset_of(*state.snapshot_at(record_number));
    }
    PackNumbers numbers(std::initializer_list<std::uint64_t> packs) const {
        PackNumbers found;
        for (const std::uint64_t pack : packs) found.push_back(*state.find_pack(pack_id(pack)));
        std::ranges::sort(found);
        return found;
    }

    State state;
    Timestamp now = kStart;
    std::uint64_t last = 0;
};

}  // namespace dr::replay_testing
