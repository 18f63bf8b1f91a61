#include "dr/service/content.h"
#include "dr/service/damaged_packs.h"
#include "dr/service/phases.h"
#include "dr/service/request_id.h"
#include "dr/service/service.h"
#include "dr/verify/verify_snapshot.h"

namespace dr {

Result<VerifyResult> Service::verify(const VerifyServiceRequest& request, Monitor& monitor) {
    if (request.sample_count == 0)
        return Error{ErrorCode::BadRequest, "a sample needs at least one file"}.means("nothing was checked");
    Phases phases{world_.clock};
    OpenSnapshot snapshot = DR_TRY(open_snapshot(world_, settings_, request.snapshot, monitor));
    const ReadSession reading = ReadSession::open(world_, snapshot.open->repository);
    TaskPool pool{worker_count(settings_)};
    phases.ended("open");

    VerifyRequest check;
    check.report_id = new_identifier("verify", world_.random);
    check.snapshot_id = Identifier::parse(snapshot.snapshot.id.hex()).value();
    check.now = world_.clock.now();
    check.commit_hash = snapshot.snapshot.record_hash;
    check.manifest_hash = snapshot.snapshot.manifest_hash;
    check.manifest_nonce = snapshot.body.manifest_nonce;
    check.sample_count = request.sample_count;
    check.scratch_directory = settings_.scratch_directory;
    FrameTools tools;
    const Repository& repository = snapshot.open->repository;
    if (request.all) {
        for (const PackNumber number : repository.state().packset_of(snapshot.snapshot))
            check.packs.push_back(repository.state().packs()[number].id);
        check.verify_pack = [&](const PackId& id) {
            Result<std::uint64_t> verified = verify_pack_at_home(repository, tools, id);
            if (!verified.ok()) return Result<std::uint64_t>{std::move(verified).error().as(ErrorCode::Damaged)};
            return verified;
        };
    }
    VerifyResult result;
    result.report = DR_TRY(verify_snapshot(check, *snapshot.source, snapshot.body.root, pool, monitor));
    phases.ended("verify");
    result.timings = phases.finish();
    return result;
}

}  // namespace dr
