// The verb prune: forget what retention does not keep, then collect what nothing needs.

#include "dr/base/days.h"
#include "dr/retention/collector.h"
#include "dr/retention/keep.h"
#include "dr/service/content.h"
#include "dr/service/meta.h"
#include "dr/service/phases.h"
#include "dr/service/service.h"

namespace dr {
namespace {

std::vector<RetentionSubject> subjects_of(const State& state) {
    std::vector<RetentionSubject> subjects;
    for (const auto& [record, snapshot] : state.snapshots()) {
        subjects.push_back({snapshot.id.hex(), snapshot.spec_id.text(), snapshot.tag.text(), snapshot.created_at,
                            snapshot.retention_days, snapshot.retain_until, snapshot.held});
    }
    return subjects;
}

// The time that dates are judged by: this machine's clock, but, unless an admin vouches for it, not far ahead of the
// log's own (FORMAT 10).
Timestamp judged_now(const World& world, const Repository& repository) {
    const State& state = repository.state();
    const Timestamp now = world.clock.now();
    if ((state.roles_of(repository.actor().public_key()) & role::kAdmin) != 0) return now;
    return std::min(now, days_after(state.trusted_time(), 1));
}

Error locked(const Snapshot& snapshot) {
    const std::string why = snapshot.held ? "under a legal hold" : "WORM until " + snapshot.retain_until.human();
    return Error{ErrorCode::Refused, "snapshot " + snapshot.id.hex() + " is " + why}
        .means("nobody can remove it before, whatever the role; nothing was changed")
        .next("qnwis_dr list");
}

// Named snapshots go whatever the rules say, but never locked ones.
Result<std::vector<RetentionDecision>> decide_named(const State& state, const std::vector<std::string>& names,
                                                    Timestamp now) {
    std::vector<RetentionDecision> decisions(state.snapshots().size(), RetentionDecision{true, false, {"not named"}});
    for (const std::string& name : names) {
        const Snapshot* snapshot = DR_TRY(state.find_snapshot(name));
        if (snapshot->held || snapshot->retain_until > now) return locked(*snapshot);
        const auto place = std::distance(state.snapshots().begin(), state.snapshots().find(snapshot->record));
        decisions[static_cast<std::size_t>(place)] = RetentionDecision{false, false, {"named"}};
    }
    return decisions;
}

Result<std::vector<RetentionDecision>> decide(const PruneRequest& request, const Repository& repository,
                                              const World& world) {
    const State& state = repository.state();
    const Timestamp now = judged_now(world, repository);
    if (!request.snapshots.empty()) return decide_named(state, request.snapshots, now);
    if (request.rule) return decide_retention(*request.rule, subjects_of(state), now, world.calendar);
    return decide_by_default(subjects_of(state), now, world.calendar);
}

Result<std::uint64_t> forget(const World& world, Repository& repository, const std::vector<PruneDecision>& decisions) {
    Forget record;
    for (const PruneDecision& decision : decisions) {
        if (!decision.keep) record.snapshots.push_back({decision.meta.record, decision.reasons.front()});
    }
    if (record.snapshots.empty()) return std::uint64_t{0};
    // Another prune may have forgotten some of them meanwhile.
    std::uint64_t count = 0;
    const Result<Appended> appended =
        repository.log().append(repository.actor(), world.clock, [&](const State& now) -> Result<RecordPayload> {
            Forget left;
            for (const Forgotten& one : record.snapshots) {
                if (now.snapshot_at(one.snapshot) != nullptr) left.snapshots.push_back(one);
            }
            count = left.snapshots.size();
            if (left.snapshots.empty()) return Error{ErrorCode::Conflict, "nothing is left to forget"};
            return RecordPayload{left};
        });
    if (appended.ok()) return count;
    if (appended.error().code() == ErrorCode::Conflict) return std::uint64_t{0};
    return appended.error();
}

}  // namespace

Result<PruneResult> Service::prune(const PruneRequest& request, Monitor& monitor) {
    Phases phases{world_.clock};
    OpenRepository open =
        DR_TRY(open_repository(world_, settings_, request.dry_run ? Access::Content : Access::Change, monitor));
    const State& state = open.repository.state();
    const std::vector<RetentionDecision> decisions = DR_TRY(decide(request, open.repository, world_));

    PruneResult result;
    if (request.snapshots.empty()) result.rule = request.rule ? *request.rule : default_rule();
    std::size_t at = 0;
    for (const auto& [record, snapshot] : state.snapshots()) {
        const RetentionDecision& decision = decisions[at++];
        result.decisions.push_back({meta_of(snapshot, open), decision.keep, decision.reasons});
        if (!decision.keep) ++result.forgotten;
    }
    phases.ended("decide");
    if (!request.dry_run) {
        // Before anything is forgotten: what ends with "refused" has changed nothing.
        DR_TRY(may_collect(state, open.repository.actor().public_key()));
        result.forgotten = DR_TRY(forget(world_, open.repository, result.decisions));
        phases.ended("forget");
        const CollectOutcome collected =
            DR_TRY(collect(open.repository, open.repository.actor(), world_.clock, liveness_directory(*open.store),
                           world_.host.host_name, monitor));
        result.packs_condemned = collected.packs_condemned;
        result.packs_removed = collected.packs_removed;
        result.bytes_freed = collected.bytes_freed;
        result.orphans_removed = collected.orphans_removed;
        result.sessions_abandoned = collected.sessions_abandoned;
        result.marked = collected.marked;
        DR_TRY(remember_head(settings_, open.repository, monitor));
        phases.ended("collect");
    }
    result.timings = phases.finish();
    return result;
}

}  // namespace dr
