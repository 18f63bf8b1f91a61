#include "dr/retention/collector.h"

#include <algorithm>
#include <map>

#include "dr/repository/pack_reader.h"
#include "dr/repository/write_session.h"
#include "dr/retention/marking.h"

namespace dr {
namespace {

constexpr std::size_t kMaxPerRecord = 8000;

template <typename T>
std::vector<std::vector<T>> in_portions(const std::vector<T>& all) {
    std::vector<std::vector<T>> portions;
    for (std::size_t at = 0; at < all.size(); at += kMaxPerRecord) {
        const std::size_t end = std::min(all.size(), at + kMaxPerRecord);
        portions.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at),
                              all.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return portions;
}

// The record that would tighten it is void as long as this is so; time only moves on.
bool is_locked(const State& state, const Snapshot& snapshot) {
    return snapshot.held || snapshot.retain_until > state.trusted_time();
}

class Collector {
public:
    Collector(Repository& repository, const SigningKey& actor, const Clock& clock, Monitor& monitor)
        : repository_(repository), log_(repository.log()), actor_(actor), clock_(clock), monitor_(monitor) {}

    Result<void> abandon_dead(const std::string& directory, const std::string& host);
    Result<bool> tighten();
    Result<void> condemn();
    Result<void> reap();
    Result<void> sweep();
    Result<void> remove_orphans();
    CollectOutcome outcome;

private:
    const State& state() const { return log_.state(); }
    Result<void> append(RecordPayload payload) {
        DR_TRY(log_.append(actor_, clock_, std::move(payload)));
        return {};
    }
    // A record that somebody else's made pointless meanwhile is no failure: the next run sees what is left.
    Result<bool> append_if_valid(RecordPayload payload) {
        return append_if_valid([&payload](const State&) -> Result<RecordPayload> { return payload; });
    }
    Result<bool> append_if_valid(const Log::Build& build) {
        const Result<Appended> appended = log_.append(actor_, clock_, build, ErrorCode::Conflict);
        if (appended.ok()) return true;
        if (appended.error().code() != ErrorCode::Conflict) return appended.error();
        DR_TRY(may_collect(state(),
                           actor_.public_key()));  // who lost the role meanwhile would call every record pointless
        return false;
    }
    Result<bool> was_a_writer(std::uint64_t session);
    std::vector<PackId> unused_packs() const;
    static bool still_holds(const State& now, const Marker::Walk& walk);
    Result<void> take_away(const std::vector<PackId>& packs, const std::vector<Marker::Walk>& walks);
    std::vector<PackId> reapable() const;
    Result<void> remove(const std::string& name, std::uint64_t size);

    Repository& repository_;
    Log& log_;
    const SigningKey& actor_;
    const Clock& clock_;
    Monitor& monitor_;
    PackMarks used_;                         // by the trees of snapshots
    std::vector<Marker::Walk> walks_;        // of snapshots that may be tightened
    std::map<std::uint64_t, bool> writers_;  // what was_a_writer() found
};

Result<void> Collector::abandon_dead(const std::string& directory, const std::string& host) {
    std::vector<std::uint64_t> dead;
    for (const auto& [id, session] : state().open_sessions()) {
        if (is_dead(session, directory, host, state().trusted_time())) dead.push_back(id);
    }
    for (const std::uint64_t session : dead) {
        if (DR_TRY(append_if_valid(Abandon{session}))) ++outcome.sessions_abandoned;
    }
    return {};
}

// Packsets are supersets read off the log. Whoever can read the trees says what they really use. False where a snapshot
// lost a pack meanwhile that its tree was found to use: then this run removes nothing.
Result<bool> Collector::tighten() {
    const std::unique_ptr<PackSource> source = open_content(repository_);
    Marker marker{*source, state(), monitor_};
    for (const auto& [record, snapshot] : state().snapshots()) {
        const Commit commit = DR_TRY(log_.commit_of(snapshot));
        const Bytes plain = DR_TRY(open_record_body(repository_.keys(), snapshot.session, commit.body, 1U << 20));
        const SnapshotBody body = DR_TRY(decode_snapshot_body(plain));
        Result<void> marked = marker.mark(snapshot, body.root);
        if (!marked.ok())
            return std::move(marked).error().during("marking what snapshot " + snapshot.id.hex() + " uses");
    }
    used_ = marker.used();
    // An index that cannot be read whole may hide a second copy, and with it that its pack is used.
    if (source->index().had_damage()) {
        monitor_.warning("index", Error{ErrorCode::Damaged, "a part of the index cannot be read"}.means(
                                      "what snapshots inherited and do not use stays for now"));
        return true;
    }
    outcome.marked = true;
    for (const Marker::Walk& walk : marker.walks()) {
        // A locked one keeps all that it has, whatever it uses.
        if (walk.complete && !is_locked(state(), *state().snapshot_at(walk.snapshot))) walks_.push_back(walk);
    }
    const std::vector<PackId> unused = unused_packs();
    if (unused.empty()) return true;
    for (const std::vector<PackId>& packs : in_portions(unused)) {
        for (const std::vector<Marker::Walk>& walks : in_portions(walks_)) DR_TRY(take_away(packs, walks));
    }
    DR_TRY(log_.refresh());
    if (std::ranges::all_of(walks_, [&](const Marker::Walk& walk) { return still_holds(state(), walk); })) return true;
    monitor_.warning("packs", Error{ErrorCode::Refused, "another prune that runs now saw another index"}.means(
                                  "nothing was removed; the next prune sees what is left"));
    return false;
}

// Packs in the packset of a snapshot whose tree was walked, that no tree uses.
std::vector<PackId> Collector::unused_packs() const {
    PackMarks held;
    for (const Marker::Walk& walk : walks_)
        held.insert_all(marks_of(state().packset_of(*state().snapshot_at(walk.snapshot))));
    std::vector<PackId> unused;
    for (PackNumber number = 0; number < state().packs().size(); ++number) {
        const PackState& pack = state().packs()[number];
        if (held.contains(number) && !used_.contains(number) && pack.reaped == 0) unused.push_back(pack.id);
    }
    return unused;
}

// Whether the snapshot, if it is there at all, holds what its tree uses.
bool Collector::still_holds(const State& now, const Marker::Walk& walk) {
    const Snapshot* snapshot = now.snapshot_at(walk.snapshot);
    return snapshot == nullptr || walk.packs.is_within(marks_of(now.packset_of(*snapshot)));
}

// Where a blob lies in two packs, another collector with another index may have left a snapshot the one and taken away
// the other. So where the record will stand the snapshot must hold all that was marked, not only where it was marked.
Result<void> Collector::take_away(const std::vector<PackId>& packs, const std::vector<Marker::Walk>& walks) {
    DR_TRY(append_if_valid([&](const State& now) -> Result<RecordPayload> {
        Tighten tighten;
        tighten.packs = packs;
        for (const Marker::Walk& walk : walks) {
            const Snapshot* snapshot = now.snapshot_at(walk.snapshot);
            if (snapshot != nullptr && !is_locked(now, *snapshot) && still_holds(now, walk))
                tighten.snapshots.push_back(walk.snapshot);
        }
        if (tighten.snapshots.empty()) return Error{ErrorCode::Conflict, "no snapshot is left that may be tightened"};
        return RecordPayload{std::move(tighten)};
    }));
    return {};
}

// What a tree uses is not condemned, whatever the packsets say: a damaged pack's blobs may have been stored again for
// another snapshot, and are then all that is left of them.
Result<void> Collector::condemn() {
    const std::uint64_t marked = state().head().seq;
    std::vector<PackId> packs;
    for (const PackNumber number : state().unneeded_packs()) {
        if (!used_.contains(number)) packs.push_back(state().packs()[number].id);
    }
    for (const std::vector<PackId>& portion : in_portions(packs)) {
        if (DR_TRY(append_if_valid(Condemn{marked, portion}))) outcome.packs_condemned += portion.size();
    }
    return {};
}

std::vector<PackId> Collector::reapable() const {
    std::uint64_t oldest_view = UINT64_MAX;
    for (const auto& [id, session] : state().open_sessions()) oldest_view = std::min(oldest_view, session.view);
    const std::vector<Timestamp> retained = state().retained_until();
    std::vector<PackId> packs;
    for (PackNumber number = 0; number < state().packs().size(); ++number) {
        const PackState& pack = state().packs()[number];
        if (pack.condemned == 0 || pack.reaped != 0) continue;
        if (oldest_view >= pack.condemned && retained[number] <= state().trusted_time()) packs.push_back(pack.id);
    }
    return packs;
}

Result<void> Collector::reap() {
    for (const std::vector<PackId>& portion : in_portions(reapable())) DR_TRY(append_if_valid(Reap{portion}));
    for (const PackState& pack : state().packs()) {
        if (pack.condemned != 0 && pack.reaped == 0) ++outcome.packs_waiting;
    }
    return {};
}

Result<void> Collector::remove(const std::string& name, std::uint64_t size) {
    DR_TRY(repository_.store().remove(name));
    outcome.bytes_freed += size;
    return {};
}

// The reap is durable before anything is deleted (settle), the deletion before it is said to be done.
Result<void> Collector::sweep() {
    std::vector<PackId> gone;
    DR_TRY(log_.settle());
    for (const PackState& pack : state().packs()) {
        if (pack.reaped == 0 || pack.swept) continue;
        for (const std::uint64_t home : state().homes_of(pack))
            DR_TRY(repository_.store().remove(pack_object_name(home, pack.id)));
        outcome.bytes_freed += pack.size;
        gone.push_back(pack.id);
    }
    if (gone.empty()) return {};
    DR_TRY(repository_.store().sync());
    for (const std::vector<PackId>& portion : in_portions(gone)) DR_TRY(append(Swept{portion}));
    outcome.packs_removed += gone.size();
    return {};
}

// Whether the record of that number opened a session that writes, in this very history: a checkpoint may stand for
// another one than the records before it are of. Of what cannot be read nobody knows: what may be its session's stays.
Result<bool> Collector::was_a_writer(std::uint64_t session) {
    if (const auto known = writers_.find(session); known != writers_.end()) return known->second;
    const Result<LogRecord> record = log_.read(session);
    if (!record.ok() && !means_damage(record.error())) return record.error();
    const Open* open = record.ok() ? std::get_if<Open>(&record.value().payload) : nullptr;
    if (open == nullptr || open->kind != SessionKind::Write) return writers_[session] = false;
    if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "the collection was interrupted"};
    const Result<bool> ours = log_.continues({session, DR_TRY(log_.hash_of(session))});
    if (!ours.ok() && !means_damage(ours.error())) return ours.error();
    return writers_[session] = ours.ok() && ours.value();
}

// The listing comes before the log is read again: every session that has an object in it is then known, and one that is
// not open has ended. A put that comes later still can only leave something behind for the next run.
Result<void> Collector::remove_orphans() {
    const std::vector<ObjectInfo> packs = DR_TRY(repository_.store().list("packs"));
    const std::vector<ObjectInfo> runs = DR_TRY(repository_.store().list("index"));
    DR_TRY(log_.refresh());
    DR_TRY(log_.settle());  // what ended the sessions must outlive what is removed
    DR_TRY(log_.is_within(packs));
    for (const ObjectInfo& object : packs) {
        const std::optional<PackName> name = pack_in_name(object.name);
        if (!name || state().find_pack(name->id) || state().session_holds_packs(name->session)) continue;
        if (!DR_TRY(was_a_writer(name->session))) {
            monitor_.warning(object.name,
                             Error{ErrorCode::Damaged, "the log has no readable backup of that number"}.means(
                                 "it may be of another history of this repository, and is left alone"));
            continue;
        }
        DR_TRY(remove(object.name, object.size));
        ++outcome.orphans_removed;
    }
    // A run that was merged into another may still be read by a session that is open.
    for (const ObjectInfo& object : runs) {
        const Result<PackId> id = pack_id_in_name(object.name);
        if (!id.ok() || state().runs().contains(id.value()) || !state().open_sessions().empty()) continue;
        DR_TRY(remove(object.name, object.size));
        ++outcome.orphans_removed;
    }
    return repository_.store().sync();
}

}  // namespace

Result<void> may_collect(const State& state, const PublicKey& actor) {
    if ((state.roles_of(actor) & role::kGc) != 0) return {};
    return Error{ErrorCode::Refused, "the key in use lacks the role to collect"}
        .means("what snapshots no longer need stays until the prune of a key that has the role gc")
        .next("qnwis_dr keys slot list");
}

Result<CollectOutcome> collect(Repository& repository, const SigningKey& actor, const Clock& clock,
                               const std::string& liveness_directory, const std::string& host, Monitor& monitor) {
    Collector collector{repository, actor, clock, monitor};
    DR_TRY(may_collect(repository.state(), actor.public_key()));
    DR_TRY(collector.abandon_dead(liveness_directory, host));
    if (repository.unlocked() && !DR_TRY(collector.tighten())) return collector.outcome;
    DR_TRY(collector.condemn());
    DR_TRY(collector.reap());
    DR_TRY(collector.sweep());
    DR_TRY(collector.remove_orphans());
    collector.outcome.bytes_freed += remove_leftovers(repository.store(), repository.state(), host);
    return collector.outcome;
}

}  // namespace dr
