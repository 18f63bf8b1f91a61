#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "dr/repository/blob_source.h"
#include "dr/restore/parallel.h"
#include "dr/service/content.h"
#include "dr/service/damaged_packs.h"
#include "dr/service/phases.h"
#include "dr/service/request_id.h"
#include "dr/service/service.h"
#include "dr/verify/verify_snapshot.h"

namespace dr {

namespace {

// Packs that a check found damaged, from many threads.
class Findings {
public:
    // As VerifyRequest::verify_pack.
    Result<std::uint64_t> verify(const Repository& repository, FrameTools& tools, const PackId& id) {
        Result<std::uint64_t> verified = verify_pack_at_home(repository, tools, id);
        if (verified.ok()) return verified;
        if (means_damage(verified.error())) {
            const std::scoped_lock lock{mutex_};
            packs_.push_back(id);
        }
        return std::move(verified).error().as(ErrorCode::Damaged);
    }
    // A pack that something could not be read of while it was read for something else is read as a whole first.
    void confirm(const Repository& repository, FrameTools& tools, std::vector<PackId> suspects, TaskPool& pool,
                 Monitor& monitor) {
        std::erase_if(suspects, [&](const PackId& id) { return std::ranges::find(packs_, id) != packs_.end(); });
        std::atomic<std::uint64_t> done{0};
        in_parallel(pool, suspects.size(), 1, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end && !monitor.cancelled(); ++i) {
                (void)verify(repository, tools, suspects[i]);
                monitor.progress({.phase = "reading packs", .files_done = ++done, .files_total = suspects.size()});
            }
        });
    }
    const std::vector<PackId>& packs() const { return packs_; }
    // Whether one of them is not merely gone.
    bool any_in(const State& state) const {
        return std::ranges::any_of(packs_, [&](const PackId& id) {
            const std::optional<PackNumber> number = state.find_pack(id);
            return number && state.packs()[*number].reaped == 0;
        });
    }

private:
    std::mutex mutex_;
    std::vector<PackId> packs_;
};

// So that the next backup stores anew what only these packs hold. Whether the log has them now.
bool record(const World& world, const Settings& settings, OpenRepository& open, const Findings& findings,
            Monitor& monitor) {
    if (findings.packs().empty() || open.is_blind) return false;
    const Result<std::size_t> told = record_damaged(open.repository, findings.packs(), world.clock);
    if (!told.ok()) {
        monitor.note("the log could not be told which packs are damaged (" + told.error().one_line() +
                     "): backups go on to rely on them");
        return false;
    }
    if (const Result<void> remembered = remember_head(settings, open.repository, monitor); !remembered.ok())
        monitor.note(remembered.error().one_line());
    return true;
}

VerifyRequest request_for(const World& world, const Settings& settings, const OpenSnapshot& snapshot,
                          std::uint64_t sample_count) {
    VerifyRequest check;
    check.report_id = new_identifier("verify", world.random);
    check.snapshot_id = Identifier::parse(snapshot.snapshot.id.hex()).value();
    check.now = world.clock.now();
    check.commit_hash = snapshot.snapshot.record_hash;
    check.manifest_hash = snapshot.snapshot.manifest_hash;
    check.manifest_nonce = snapshot.body.manifest_nonce;
    check.sample_count = sample_count;
    check.scratch_directory = settings.scratch_directory;
    return check;
}

}  // namespace

Result<VerifyResult> Service::verify(const VerifyServiceRequest& request, Monitor& monitor) {
    if (request.sample_count == 0)
        return Error{ErrorCode::BadRequest, "a sample needs at least one file"}.means("nothing was checked");
    Phases phases{world_.clock};
    OpenSnapshot snapshot = DR_TRY(open_snapshot(world_, settings_, request.snapshot, Packs::Held, monitor));
    Repository& repository = snapshot.open->repository;
    TaskPool pool{worker_count(settings_)};
    phases.ended("open");

    VerifyRequest check = request_for(world_, settings_, snapshot, request.sample_count);
    FrameTools tools;
    Findings findings;
    if (request.all) {
        for (const PackNumber number : repository.state().packset_of(snapshot.snapshot))
            check.packs.push_back(repository.state().packs()[number].id);
        check.verify_pack = [&](const PackId& id) { return findings.verify(repository, tools, id); };
    }
    VerifyResult result;
    Result<VerificationReport> report = verify_snapshot(check, *snapshot.source, snapshot.body.root, pool, monitor);
    if (report.ok()) findings.confirm(repository, tools, snapshot.source->damage_met(), pool, monitor);
    if (report.ok() && !report.value().passed() && !monitor.cancelled() && snapshot.was_overtaken() &&
        !findings.any_in(repository.state())) {
        return Error{ErrorCode::Unavailable, "a prune removed content of this snapshot while it was verified"}
            .means(
                "what was missed lies in other packs or belongs to no snapshot any more: nothing is known to be "
                "damaged")
            .next("qnwis_dr verify --snapshot-id " + snapshot.snapshot.id.hex());
    }
    // What was found before an interruption is not forgotten.
    result.damage_recorded = record(world_, settings_, *snapshot.open, findings, monitor);
    result.report = DR_TRY(std::move(report));
    if (monitor.cancelled()) return Error{ErrorCode::Cancelled, "the verification was interrupted"};
    phases.ended("verify");
    result.timings = phases.finish();
    return result;
}

}  // namespace dr
