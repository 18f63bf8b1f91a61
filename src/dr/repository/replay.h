#pragma once
// Replay: what the records of the log, in their order, make of a repository (FORMAT 10).
//
// State is a pure function of the records: no clock, no store, no key. A record that breaks a rule where it stands is
// void for everyone; it keeps its place and is reported with the reason. DESIGN 5 says why these rules keep every
// committed snapshot whole whatever writers and collectors do.
//
// A State is a value. Reading it from many threads is fine while nobody applies a record.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "dr/repository/log_record.h"
#include "dr/repository/replay_packsets.h"

namespace dr {

struct Snapshot {
    std::uint64_t record = 0;  // seq of its commit
    RecordHash record_hash;    // of that record; Log::commit_of() reads it again for the sealed body
    std::uint64_t session = 0;
    std::uint64_t parent = 0;  // record of the snapshot it was made from; 0 none
    SnapshotId id;
    Identifier spec_id;
    Identifier tag;
    Timestamp created_at;
    std::uint64_t total_bytes = 0;
    std::uint64_t file_count = 0;
    std::uint64_t files_unreadable = 0;
    Sha256 manifest_hash;
    bool encrypted = true;
    std::uint32_t retention_days = 0;
    bool worm = false;
    Timestamp retain_until;  // 0 none; as extended since
    Timestamp trusted_time;  // of its record
    PublicKey actor;
    Signature signature{};
    bool held = false;
    std::string hold_reason;
    PackSets::Id packset = PackSets::kEmpty;
    bool operator==(const Snapshot&) const = default;
};

struct Session {
    std::uint64_t id = 0;  // seq of its open
    SessionKind kind = SessionKind::Write;
    PublicKey actor;
    std::uint64_t view = 0;  // seq of its last open, refresh or commit
    std::uint64_t root = 0;  // record of its parent, later of its last commit; 0 none
    Timestamp opened;        // trusted time
    PackSets::Id root_packset = PackSets::kEmpty;
    PackNumbers pending;                 // listed or referenced by its refreshes since its last commit
    std::vector<std::uint64_t> adopted;  // sessions whose packs it took over, theirs included
    bool operator==(const Session&) const = default;
};

struct PackState {
    PackId id;
    std::uint64_t session = 0;  // that listed it
    std::uint64_t size = 0;
    std::uint64_t listed = 0;     // seq
    std::uint64_t condemned = 0;  // seq; 0: is not condemned
    std::uint64_t damaged = 0;    // seq; 0: is not known to be damaged
    std::uint64_t verified = 0;   // seq of the last; 0 never
    std::uint64_t reaped = 0;     // seq; 0: is there
    bool swept = false;
    std::uint8_t pack_class = 0;
    bool live() const { return condemned == 0 && damaged == 0 && reaped == 0; }
    // Live, or damaged: nothing new may refer to it then, but what can still be read of it is good.
    bool there() const { return condemned == 0 && reaped == 0; }
    bool operator==(const PackState&) const = default;
};

struct Actor {
    std::uint32_t roles = 0;  // 0: withdrawn
    std::string name;
    bool operator==(const Actor&) const = default;
};
struct Slot {
    std::string id;
    PublicKey slot_public;
    Sha256 file;
    bool operator==(const Slot&) const = default;
};
struct RingInfo {
    std::uint32_t number = 0;
    Sha256 file;
    bool operator==(const RingInfo&) const = default;
};
struct VoidRecord {
    std::uint64_t seq = 0;
    std::string reason;
    bool operator==(const VoidRecord&) const = default;
};
struct Junk {
    std::uint64_t seq = 0;
    Sha256 file;
    bool operator==(const Junk&) const = default;
};
// An admin.rollback that counts. Its own hash tells it from every other: it excuses one jump of history, not all that
// follow.
struct Rollback {
    AdminRollback names;
    RecordHash record_hash;
    bool operator==(const Rollback&) const = default;
};
struct Head {
    std::uint64_t seq = 0;
    RecordHash hash;
    bool operator==(const Head&) const = default;
};

// What became of a record: applied, or void for this reason.
struct Outcome {
    std::optional<std::string> void_reason;
    bool applied() const { return !void_reason.has_value(); }
};

// Finds a pack in a table of packs by its id. Made anew for every process, so it must be quick to fill: the ids are
// hashes already.
class PackIndex {
public:
    std::optional<PackNumber> find(const std::vector<PackState>& packs, const PackId& id) const;
    // `number` is the first of `packs` that is not entered yet.
    void add(const std::vector<PackState>& packs, PackNumber number);
    bool operator==(const PackIndex&) const { return true; }  // says nothing that the table does not say

private:
    void enter(const std::vector<PackState>& packs, PackNumber number);
    std::vector<PackNumber> slots_;  // a power of two of them; number + 1, or 0 for a free one
};

class State {
public:
    // --- the repository
    bool empty() const { return !started_; }  // before genesis
    const RepositoryId& repository() const { return repository_; }
    const Genesis& genesis() const { return genesis_; }
    const PublicKey& first_admin() const { return first_admin_; }
    const Head& head() const { return head_; }  // the last record, void or not
    Timestamp trusted_time() const { return trusted_time_; }
    std::uint64_t next_seq() const;  // after the head and all junk
    const std::vector<VoidRecord>& voids() const { return voids_; }
    const std::vector<Junk>& junk() const { return junk_; }  // not yet passed by admin.void
    // A record of a type that this version does not know and must: writers stop.
    std::optional<std::uint64_t> unknown_required() const { return unknown_required_; }
    const std::vector<Rollback>& rollbacks() const { return rollbacks_; }

    // --- actors and keys
    std::uint32_t roles_of(const PublicKey& actor) const;
    const std::map<PublicKey, Actor>& actors() const { return actors_; }
    const std::map<std::string, Slot, std::less<>>& slots() const { return slots_; }
    const std::optional<RingInfo>& ring() const { return ring_; }  // the newest; nothing: the repository has none

    // --- snapshots that are not forgotten, by record: oldest first
    const std::map<std::uint64_t, Snapshot>& snapshots() const { return snapshots_; }
    // `name`: "latest", "latest:TAG", an id, or a unique prefix of one. NotFound, or BadRequest where a prefix fits
    // several.
    Result<const Snapshot*> find_snapshot(std::string_view name) const;
    const Snapshot* snapshot_at(std::uint64_t record) const;  // null where there is none, or it is forgotten
    // The newest snapshot with this tag and spec that a new one may start from; null where there is none.
    const Snapshot* newest(std::string_view spec_id, std::string_view tag) const;

    // --- sessions
    const std::map<std::uint64_t, Session>& open_sessions() const { return sessions_; }
    // Whether packs/<session>/ may hold packs that no record lists and that are still somebody's: the session is open,
    // or an open one adopted it.
    bool session_holds_packs(std::uint64_t session) const;

    // --- packs
    const std::vector<PackState>& packs() const { return packs_; }  // by PackNumber
    std::optional<PackNumber> find_pack(const PackId& id) const;
    bool is_live(const PackId& id) const;
    bool is_there(const PackId& id) const;
    // As it was right after record `view`.
    bool was_live(PackNumber pack, std::uint64_t view) const;
    std::vector<PackNumber> live_packs() const;
    std::vector<PackNumber> packs_there() const;  // live ones first
    // Whether all packs of a snapshot are live; what it shares with later ones may be taken over then.
    bool is_whole(const Snapshot& snapshot) const;
    // Index runs that count.
    const std::unordered_set<PackId>& runs() const { return runs_; }
    // Sessions below whose packs/<session>/ the object may lie, the likeliest first: a session that adopted others may
    // list packs that they wrote.
    std::vector<std::uint64_t> homes_of(const PackState& pack) const;
    PackNumbers packset_of(const Snapshot& snapshot) const { return packsets_.numbers(snapshot.packset); }
    // Packs that are there and that neither a snapshot nor an open session needs: what a collector may condemn.
    PackNumbers unneeded_packs() const;
    // The latest date until which a snapshot that holds it is retained; 0 none. Costs a walk over the packsets: ask for
    // all at once.
    std::vector<Timestamp> retained_until() const;  // by PackNumber

    bool operator==(const State&) const = default;

private:
    friend class ReplayRules;
    friend class ReplayChanges;
    friend class CheckpointWriter;
    friend class CheckpointReader;

    struct Interval {  // condemned at `from`, rescued at `to`
        PackNumber pack = 0;
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        bool operator==(const Interval&) const = default;
    };

    std::vector<PackSets::Id> needed_sets() const;
    std::vector<bool> needed_packs() const;

    bool started_ = false;
    RepositoryId repository_;
    Genesis genesis_;
    PublicKey first_admin_;
    Head head_;
    Timestamp trusted_time_;
    std::map<PublicKey, Actor> actors_;
    std::map<std::string, Slot, std::less<>> slots_;
    std::optional<RingInfo> ring_;
    std::map<std::uint64_t, Snapshot> snapshots_;
    std::map<SnapshotId, std::uint64_t> snapshot_ids_;  // of every commit, forgotten ones too, to its record
    std::map<std::uint64_t, Session> sessions_;
    std::map<std::uint64_t, std::vector<std::uint64_t>> adoptions_;  // by the adopting session; never forgotten
    std::vector<PackState> packs_;
    PackIndex pack_numbers_;
    std::vector<Interval> rescued_;  // past condemnations and damage, for was_live()
    std::unordered_set<PackId> runs_;
    PackSets packsets_;
    std::vector<VoidRecord> voids_;
    std::vector<Junk> junk_;
    std::vector<Rollback> rollbacks_;
    std::optional<std::uint64_t> unknown_required_;
};

// Why `record` would be void as the next one; nothing when it would be applied.
std::optional<std::string> void_reason(const State& state, const LogRecord& record);

// Adds the next record: its seq, prev hash and signature have been checked. `hash` is its record hash.
Outcome apply(State& state, const LogRecord& record, const RecordHash& hash);

// The next number holds something that is no record of this log. Until admin.void has named it every other record is
// void.
void apply_junk(State& state, std::uint64_t seq, const Sha256& file);

}  // namespace dr
