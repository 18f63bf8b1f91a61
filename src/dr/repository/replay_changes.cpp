// What a record that breaks no rule changes. Whatever is looked up here has been checked by replay_rules.cpp.
#include <algorithm>
#include <utility>

#include "dr/base/check.h"
#include "dr/repository/replay_time.h"

namespace dr {

Timestamp trusted_time_of(const State& state, const LogRecord& record) {
    if (state.empty()) return record.time;
    const Timestamp before = state.trusted_time();
    if (record.time <= before) return before;
    if ((state.roles_of(record.actor) & role::kAdmin) != 0) return record.time;
    // The difference cannot overflow when taken in unsigned numbers: record.time is the later one.
    const std::uint64_t ahead =
        static_cast<std::uint64_t>(record.time.nanoseconds()) - static_cast<std::uint64_t>(before.nanoseconds());
    if (ahead <= static_cast<std::uint64_t>(kNanosecondsPerDay)) return record.time;
    return Timestamp{before.nanoseconds() + kNanosecondsPerDay};
}

class ReplayChanges {
public:
    ReplayChanges(State& state, const LogRecord& record, const RecordHash& hash)
        : state_(state), record_(record), hash_(hash) {}

    Outcome apply() {
        Outcome outcome{void_reason(state_, record_)};
        if (outcome.applied()) {
            state_.trusted_time_ = trusted_time_of(state_, record_);
            std::visit([this](const auto& payload) { change(payload); }, record_.payload);
        } else {
            state_.voids_.push_back({record_.seq, *outcome.void_reason});
        }
        state_.head_ = {record_.seq, hash_};
        return outcome;
    }

    static void junk(State& state, std::uint64_t seq, const Sha256& file) { state.junk_.push_back({seq, file}); }

private:
    PackNumber number(const PackId& id) const { return *state_.find_pack(id); }
    PackState& pack(const PackId& id) { return state_.packs_[number(id)]; }

    // --- repository and keys

    void change(const Genesis& genesis) {
        state_.started_ = true;
        state_.repository_ = RepositoryId{hash_.array()};
        state_.genesis_ = genesis;
        state_.first_admin_ = record_.actor;
        state_.actors_[record_.actor] = {role::kAll, {}};
    }
    void change(const UnknownPayload&) {
        if (record_.required && !state_.unknown_required_) state_.unknown_required_ = record_.seq;
    }
    void change(const KeyGrant& grant) { state_.actors_[grant.actor] = {grant.roles, grant.name}; }
    void change(const KeySlot& slot) {
        if (slot.add)
            state_.slots_[slot.slot_id] = {slot.slot_id, slot.slot_public, slot.slot_file};
        else
            state_.slots_.erase(slot.slot_id);
    }
    void change(const KeyRing& ring) { state_.ring_ = {ring.number, ring.ring_file}; }
    void change(const AdminRollback& rollback) { state_.rollbacks_.push_back({rollback, hash_}); }
    void change(const AdminVoid&) { state_.junk_.erase(state_.junk_.begin()); }

    // --- sessions

    void change(const Open& open) {
        Session session;
        session.id = record_.seq;
        session.kind = open.kind;
        session.actor = record_.actor;
        session.view = record_.seq;
        session.root = open.parent;
        session.opened = state_.trusted_time_;
        if (const Snapshot* parent = state_.snapshot_at(open.parent)) session.root_packset = parent->packset;
        for (const std::uint64_t id : open.adopts) adopt(session, id);
        if (!session.adopted.empty()) state_.adoptions_[session.id] = session.adopted;
        state_.sessions_[session.id] = std::move(session);
    }

    void adopt(Session& session, std::uint64_t id) {
        const auto found = state_.sessions_.find(id);
        session.adopted.push_back(id);
        session.adopted.insert(session.adopted.end(), found->second.adopted.begin(), found->second.adopted.end());
        add_pending(session, found->second.pending);
        state_.sessions_.erase(found);
    }

    static void add_pending(Session& session, const PackNumbers& packs) {
        session.pending.insert(session.pending.end(), packs.begin(), packs.end());
        std::ranges::sort(session.pending);
        session.pending.erase(std::ranges::unique(session.pending).begin(), session.pending.end());
    }

    void change_lists(Session& session, const RecordLists& lists) {
        PackNumbers used;
        for (const PackEntry& listed : lists.packs) {
            const PackNumber next = static_cast<PackNumber>(state_.packs_.size());
            PackState pack;
            pack.id = listed.id;
            pack.pack_class = listed.pack_class;
            pack.size = listed.size;
            pack.session = session.id;
            pack.listed = record_.seq;
            state_.packs_.push_back(pack);
            state_.pack_numbers_.add(state_.packs_, next);
            used.push_back(next);
        }
        for (const PackId& id : lists.rescue) {
            if (pack(id).condemned != 0) end_absence(id, pack(id).condemned);
        }
        for (const PackId& id : lists.newrefs) used.push_back(number(id));
        add_pending(session, used);
        change_runs(lists.runs_added, lists.runs_removed);
        session.view = record_.seq;
    }

    // A pack that was condemned or damaged comes back; that it was away is remembered for was_live().
    void end_absence(const PackId& id, std::uint64_t& since) {
        state_.rescued_.push_back({number(id), since, record_.seq});
        since = 0;
    }

    void change_runs(const std::vector<PackId>& added, const std::vector<PackId>& removed) {
        for (const PackId& run : removed) state_.runs_.erase(run);
        for (const PackId& run : added) state_.runs_.insert(run);
    }

    void change(const Refresh& refresh) { change_lists(state_.sessions_.at(refresh.session), refresh.lists); }

    void change(const Commit& commit) {
        Session& session = state_.sessions_.at(commit.session);
        change_lists(session, commit.lists);
        Snapshot snapshot = described(commit);
        snapshot.parent = session.root;
        snapshot.packset = state_.packsets_.extended(session.root_packset, std::exchange(session.pending, {}));
        session.root = record_.seq;
        session.root_packset = snapshot.packset;
        state_.snapshot_ids_[commit.snapshot_id] = record_.seq;
        state_.snapshots_[record_.seq] = std::move(snapshot);
        if (commit.closes) state_.sessions_.erase(commit.session);
    }

    Snapshot described(const Commit& commit) const {
        Snapshot snapshot;
        snapshot.record = record_.seq;
        snapshot.record_hash = hash_;
        snapshot.session = commit.session;
        snapshot.id = commit.snapshot_id;
        snapshot.spec_id = commit.spec_id;
        snapshot.tag = commit.tag;
        snapshot.created_at = commit.created_at;
        snapshot.total_bytes = commit.total_bytes;
        snapshot.file_count = commit.file_count;
        snapshot.files_unreadable = commit.files_unreadable;
        snapshot.manifest_hash = commit.manifest_hash;
        snapshot.encrypted = commit.encrypted;
        snapshot.retention_days = commit.retention_days;
        snapshot.worm = commit.worm;
        snapshot.retain_until = commit.retain_until;
        snapshot.trusted_time = state_.trusted_time_;
        snapshot.actor = record_.actor;
        snapshot.signature = record_.signature;
        return snapshot;
    }

    void change(const Close& close) { state_.sessions_.erase(close.session); }
    void change(const Abandon& abandon) { state_.sessions_.erase(abandon.session); }

    // --- snapshots

    void change(const Forget& forget) {
        for (const Forgotten& one : forget.snapshots) state_.snapshots_.erase(one.snapshot);
    }
    void change(const Hold& hold) {
        Snapshot& snapshot = state_.snapshots_.at(hold.snapshot);
        snapshot.held = true;
        snapshot.hold_reason = hold.reason;
    }
    void change(const Release& release) {
        Snapshot& snapshot = state_.snapshots_.at(release.snapshot);
        snapshot.held = false;
        snapshot.hold_reason.clear();
    }
    void change(const LockExtend& extend) { state_.snapshots_.at(extend.snapshot).retain_until = extend.retain_until; }

    // --- packs

    void change(const Tighten& tighten) {
        auto removed = std::make_shared<PackNumbers>();
        for (const PackId& id : tighten.packs) removed->push_back(number(id));
        std::ranges::sort(*removed);
        for (const std::uint64_t record : tighten.snapshots) {
            Snapshot& snapshot = state_.snapshots_.at(record);
            snapshot.packset = state_.packsets_.reduced(snapshot.packset, removed);
        }
    }
    void change(const Condemn& condemn) {
        for (const PackId& id : condemn.packs) pack(id).condemned = record_.seq;
    }
    void change(const Reap& reap) {
        for (const PackId& id : reap.packs) pack(id).reaped = record_.seq;
    }
    void change(const Swept& swept) {
        for (const PackId& id : swept.packs) pack(id).swept = true;
    }
    void change(const Runs& runs) { change_runs(runs.added, runs.removed); }
    void change(const DamagedPacks& damaged) {
        for (const PackId& id : damaged.packs) {
            if (pack(id).damaged == 0) pack(id).damaged = record_.seq;
        }
    }
    void change(const VerifiedPacks& verified) {
        for (const PackId& id : verified.packs) {
            if (pack(id).damaged != 0) end_absence(id, pack(id).damaged);
            pack(id).verified = record_.seq;
        }
    }

    State& state_;
    const LogRecord& record_;
    const RecordHash& hash_;
};

Outcome apply(State& state, const LogRecord& record, const RecordHash& hash) {
    DR_CHECK(record.seq == state.next_seq());
    return ReplayChanges{state, record, hash}.apply();
}

void apply_junk(State& state, std::uint64_t seq, const Sha256& file) {
    DR_CHECK(!state.empty() && seq == state.next_seq());
    ReplayChanges::junk(state, seq, file);
}

}  // namespace dr
