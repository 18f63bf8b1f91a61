#include "dr/repository/pack_reader.h"
#include "dr/service/content.h"
#include "dr/service/phases.h"
#include "dr/service/request_id.h"
#include "dr/service/service.h"
#include "dr/verify/verify_snapshot.h"

namespace dr {
namespace {

// A pack may lie below any session that adopted it: the likeliest first.
Result<std::uint64_t> verify_at_home(const Repository& repository, FrameTools& tools, const PackId& id) {
    const PackState& pack = repository.state().packs()[*repository.state().find_pack(id)];
    Result<PackVerified> last = Error{ErrorCode::Damaged, "pack " + id.short_hex() + " is not there"};
    for (const std::uint64_t home : repository.state().homes_of(pack)) {
        last = verify_pack(repository.store(), repository.keys(), tools, {home, id});
        if (last.ok()) return last.value().bytes_read;
        if (last.error().code() != ErrorCode::NotFound) break;
    }
    return std::move(last).error().as(ErrorCode::Damaged);
}

}  // namespace

Result<VerifyResult> Service::verify(const VerifyServiceRequest& request, Monitor& monitor) {
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
        check.verify_pack = [&](const PackId& id) { return verify_at_home(repository, tools, id); };
    }
    VerifyResult result;
    result.report = DR_TRY(verify_snapshot(check, *snapshot.source, snapshot.body.root, pool, monitor));
    phases.ended("verify");
    result.timings = phases.finish();
    return result;
}

}  // namespace dr
