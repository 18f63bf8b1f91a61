// The rules of FORMAT 10: why a record would be void where it stands. Nothing here changes a state.
#include <algorithm>
#include <unordered_set>

#include "dr/repository/replay_time.h"

namespace dr {

using Reason = std::optional<std::string>;

class ReplayRules {
public:
    ReplayRules(const State& state, const LogRecord& record)
        : state_(state), record_(record), roles_(state.roles_of(record.actor)), time_(trusted_time_of(state, record)) {}

    Reason check() const {
        if (!state_.started_) {
            const bool genesis = std::holds_alternative<Genesis>(record_.payload);
            return genesis ? std::nullopt : Reason{"the first record is not genesis"};
        }
        if (!state_.junk_.empty() && !std::holds_alternative<AdminVoid>(record_.payload)) {
            return "number " + std::to_string(state_.junk_.front().seq) +
                   " of the log is junk that no admin.void has named";
        }
        return std::visit([this](const auto& payload) { return rule(payload); }, record_.payload);
    }

private:
    Reason lacks(std::uint32_t any_of) const {
        if ((roles_ & any_of) != 0) return {};
        if (roles_ == 0) return "its actor has no role here";
        return "its actor lacks the role for a " + name_of(record_.type()) + " record";
    }

    // --- repository and keys

    Reason rule(const Genesis&) const { return "there is a genesis already"; }
    // What it means is not known, but whoever has no role may do nothing: not stop the writers, not move the trusted
    // time.
    Reason rule(const UnknownPayload&) const { return lacks(role::kAll); }
    Reason rule(const KeyGrant&) const { return lacks(role::kAdmin); }
    Reason rule(const KeySlot& slot) const {
        if (Reason reason = lacks(role::kAdmin)) return reason;
        if (!slot.add && state_.slots_.size() == 1 && state_.slots_.contains(slot.slot_id))
            return "it would remove the last slot";
        return {};
    }
    Reason rule(const KeyRing& ring) const {
        if (Reason reason = lacks(role::kAdmin)) return reason;
        if (ring.number == 0) return "rings are numbered from 1";
        if (state_.ring_ && ring.number <= state_.ring_->number)
            return "a ring with this or a greater number is named already";
        return {};
    }
    Reason rule(const AdminRollback&) const { return lacks(role::kAdmin); }
    Reason rule(const AdminVoid& named) const {
        if (Reason reason = lacks(role::kAdmin)) return reason;
        if (state_.junk_.empty()) return "there is no junk to pass";
        const Junk& junk = state_.junk_.front();
        if (named.seq != junk.seq || named.file != junk.file)
            return "it names something else than the junk at " + std::to_string(junk.seq);
        return {};
    }

    // --- sessions

    Reason not_open(std::uint64_t session) const {
        if (state_.sessions_.contains(session)) return {};
        return "session " + std::to_string(session) + " is not open";
    }
    bool is_own(std::uint64_t session) const { return state_.sessions_.at(session).actor == record_.actor; }
    bool may_end(std::uint64_t session) const { return is_own(session) || (roles_ & (role::kGc | role::kAdmin)) != 0; }

    Reason rule(const Open& open) const {
        if (Reason reason = lacks(role::kAll)) return reason;
        if (open.parent != 0 && state_.snapshot_at(open.parent) == nullptr) {
            return "its parent, record " + std::to_string(open.parent) + ", is no snapshot, or forgotten";
        }
        std::unordered_set<std::uint64_t> once;
        for (const std::uint64_t session : open.adopts) {
            if (Reason reason = not_open(session)) return reason;
            if (!once.insert(session).second) return "it adopts session " + std::to_string(session) + " twice";
            if (!may_end(session)) return "its actor may not adopt session " + std::to_string(session);
        }
        return {};
    }

    Reason rule(const Refresh& refresh) const {
        if (Reason reason = lacks(role::kAll)) return reason;
        const bool lists_new =
            !refresh.lists.packs.empty() || !refresh.lists.runs_added.empty() || !refresh.lists.runs_removed.empty();
        if (lists_new) {
            if (Reason reason = lacks(role::kBackup | role::kGc)) return reason;
        }
        return session_rule(refresh.session, refresh.lists);
    }

    Reason rule(const Commit& commit) const {
        if (Reason reason = lacks(role::kBackup)) return reason;
        if (Reason reason = session_rule(commit.session, commit.lists)) return reason;
        if (state_.snapshot_ids_.contains(commit.snapshot_id))
            return "snapshot " + commit.snapshot_id.hex() + " was committed already";
        return {};
    }

    Reason session_rule(std::uint64_t session, const RecordLists& lists) const {
        if (Reason reason = not_open(session)) return reason;
        if (!is_own(session)) return "session " + std::to_string(session) + " is another actor's";
        std::unordered_set<PackId> listed;
        for (const PackEntry& pack : lists.packs) {
            if (state_.find_pack(pack.id) || !listed.insert(pack.id).second)
                return "pack " + pack.id.short_hex() + " is known already";
        }
        if (Reason reason = runs_rule(lists.runs_added, lists.runs_removed)) return reason;
        if (Reason reason = rescue_rule(lists.rescue)) return reason;
        return newrefs_rule(state_.sessions_.at(session).view, lists);
    }

    static Reason named_twice(const PackId& id, std::string_view what) {
        return "it names " + std::string{what} + " " + id.short_hex() + " twice";
    }
    static Reason runs_rule(const std::vector<PackId>& added, const std::vector<PackId>& removed) {
        for (const std::vector<PackId>* runs : {&added, &removed}) {
            std::unordered_set<PackId> once;
            for (const PackId& id : *runs) {
                if (!once.insert(id).second) return named_twice(id, "index run");
            }
        }
        return {};
    }

    Reason rescue_rule(const std::vector<PackId>& rescue) const {
        std::unordered_set<PackId> once;
        for (const PackId& id : rescue) {
            if (!once.insert(id).second) return named_twice(id, "pack");
            const std::optional<PackNumber> pack = state_.find_pack(id);
            if (!pack) return "it rescues pack " + id.short_hex() + ", which is not known";
            if (state_.packs_[*pack].reaped != 0) return "it rescues pack " + id.short_hex() + ", which was reaped";
        }
        return {};
    }

    Reason newrefs_rule(std::uint64_t view, const RecordLists& lists) const {
        const std::unordered_set<PackId> rescued(lists.rescue.begin(), lists.rescue.end());
        std::unordered_set<PackId> once;
        for (const PackId& id : lists.newrefs) {
            if (!once.insert(id).second) return named_twice(id, "pack");
            const std::optional<PackNumber> pack = state_.find_pack(id);
            if (!pack || !state_.was_live(*pack, view)) {
                return "it refers to pack " + id.short_hex() + ", which was not live at record " + std::to_string(view);
            }
            const PackState& now = state_.packs_[*pack];
            if (now.reaped != 0 || (now.condemned != 0 && !rescued.contains(id))) {
                return "it refers to pack " + id.short_hex() + ", condemned since, without a rescue";
            }
        }
        return {};
    }

    Reason rule(const Close& close) const {
        if (Reason reason = lacks(role::kAll)) return reason;
        if (Reason reason = not_open(close.session)) return reason;
        if (!is_own(close.session)) return "session " + std::to_string(close.session) + " is another actor's";
        return {};
    }
    Reason rule(const Abandon& abandon) const {
        if (Reason reason = lacks(role::kAll)) return reason;
        if (Reason reason = not_open(abandon.session)) return reason;
        if (!may_end(abandon.session)) return "its actor may not end session " + std::to_string(abandon.session);
        return {};
    }

    // --- snapshots

    Reason no_snapshot(std::uint64_t record) const {
        if (state_.snapshot_at(record) != nullptr) return {};
        return "record " + std::to_string(record) + " is no snapshot, or forgotten";
    }

    // Under a hold, or before the date until which it is retained.
    Reason locked(const Snapshot& snapshot) const {
        if (snapshot.held) return "snapshot " + snapshot.id.hex() + " is held: " + snapshot.hold_reason;
        if (snapshot.retain_until > time_)
            return "snapshot " + snapshot.id.hex() + " is retained until " + snapshot.retain_until.human();
        return {};
    }

    Reason rule(const Forget& forget) const {
        if (Reason reason = lacks(role::kForget)) return reason;
        std::unordered_set<std::uint64_t> once;
        for (const Forgotten& one : forget.snapshots) {
            if (Reason reason = no_snapshot(one.snapshot)) return reason;
            if (!once.insert(one.snapshot).second)
                return "it forgets record " + std::to_string(one.snapshot) + " twice";
            if (Reason reason = locked(*state_.snapshot_at(one.snapshot))) return reason;
        }
        return {};
    }
    Reason rule(const Hold& hold) const {
        if (Reason reason = lacks(role::kAdmin)) return reason;
        return no_snapshot(hold.snapshot);
    }
    Reason rule(const Release& release) const {
        if (Reason reason = lacks(role::kAdmin)) return reason;
        if (Reason reason = no_snapshot(release.snapshot)) return reason;
        if (!state_.snapshot_at(release.snapshot)->held)
            return "record " + std::to_string(release.snapshot) + " is not held";
        return {};
    }
    Reason rule(const LockExtend& extend) const {
        if (Reason reason = lacks(role::kAdmin | role::kBackup)) return reason;
        if (Reason reason = no_snapshot(extend.snapshot)) return reason;
        if (extend.retain_until <= state_.snapshot_at(extend.snapshot)->retain_until)
            return "a date of retention only moves later";
        return {};
    }

    // --- packs

    Reason unknown_pack(const std::vector<PackId>& packs) const {
        std::unordered_set<PackId> once;
        for (const PackId& id : packs) {
            if (!state_.find_pack(id)) return "pack " + id.short_hex() + " is not known";
            if (!once.insert(id).second) return named_twice(id, "pack");
        }
        return {};
    }
    const PackState& pack(const PackId& id) const { return state_.packs_[*state_.find_pack(id)]; }

    // Whether a snapshot or an open session's root holds one of them.
    Reason needed(const std::vector<PackId>& packs) const {
        const std::vector<bool> needed = state_.needed_packs();
        for (const PackId& id : packs) {
            if (needed[*state_.find_pack(id)]) return "a snapshot or an open session needs pack " + id.short_hex();
        }
        return {};
    }

    Reason rule(const Tighten& tighten) const {
        if (Reason reason = lacks(role::kGc)) return reason;
        std::unordered_set<std::uint64_t> once;
        for (const std::uint64_t record : tighten.snapshots) {
            if (!once.insert(record).second) return "it tightens record " + std::to_string(record) + " twice";
            if (Reason reason = no_snapshot(record)) return reason;
            // What leaves its packset may be reaped: a lock on the snapshot would be worth nothing.
            if (Reason reason = locked(*state_.snapshot_at(record))) return reason;
        }
        return unknown_pack(tighten.packs);
    }
    Reason rule(const Condemn& condemn) const {
        if (Reason reason = lacks(role::kGc)) return reason;
        if (condemn.marked > state_.head_.seq) return "it was marked at a record that is not there yet";
        if (Reason reason = unknown_pack(condemn.packs)) return reason;
        for (const PackId& id : condemn.packs) {
            // A damaged pack is not live either, but must be able to go.
            if (pack(id).condemned != 0 || pack(id).reaped != 0) return "pack " + id.short_hex() + " is not live";
        }
        return needed(condemn.packs);
    }
    Reason rule(const Reap& reap) const {
        if (Reason reason = lacks(role::kGc)) return reason;
        if (Reason reason = unknown_pack(reap.packs)) return reason;
        std::uint64_t condemned = 0;
        for (const PackId& id : reap.packs) {
            if (pack(id).condemned == 0 || pack(id).reaped != 0) return "pack " + id.short_hex() + " is not condemned";
            condemned = std::max(condemned, pack(id).condemned);
        }
        for (const auto& [id, session] : state_.sessions_) {
            if (session.view < condemned) {
                return "session " + std::to_string(id) + " sees the repository as of record " +
                       std::to_string(session.view) + ", before the packs were condemned";
            }
        }
        // Snapshots that are retained cannot be forgotten, so a forgotten one never holds a pack back.
        return needed(reap.packs);
    }
    Reason rule(const Swept& swept) const {
        if (Reason reason = lacks(role::kGc)) return reason;
        if (Reason reason = unknown_pack(swept.packs)) return reason;
        for (const PackId& id : swept.packs) {
            if (pack(id).reaped == 0) return "pack " + id.short_hex() + " was not reaped";
        }
        return {};
    }
    Reason rule(const Runs& runs) const {
        if (Reason reason = lacks(role::kGc | role::kBackup)) return reason;
        return runs_rule(runs.added, runs.removed);
    }
    Reason state_of_packs(const std::vector<PackId>& packs) const {
        if (Reason reason = lacks(role::kAll)) return reason;
        if (Reason reason = unknown_pack(packs)) return reason;
        for (const PackId& id : packs) {
            if (pack(id).reaped != 0) return "pack " + id.short_hex() + " was reaped";
        }
        return {};
    }
    Reason rule(const DamagedPacks& damaged) const { return state_of_packs(damaged.packs); }
    Reason rule(const VerifiedPacks& verified) const { return state_of_packs(verified.packs); }

    const State& state_;
    const LogRecord& record_;
    const std::uint32_t roles_;
    const Timestamp time_;
};

std::optional<std::string> void_reason(const State& state, const LogRecord& record) {
    return ReplayRules{state, record}.check();
}

}  // namespace dr
