// The verb verify. `--all` reads every pack that the snapshot may need, whole and on all cores, besides what verify_snapshot() does.

#include <atomic>
#include <mutex>
#include <set>

#include "dr/models/relative_path.h"
#include "dr/repository/pack_reader.h"
#include "dr/repository/tree_reader.h"
#include "dr/service/content.h"
#include "dr/service/phases.h"
#include "dr/service/request_id.h"
#include "dr/service/service.h"
#include "dr/verify/verify_snapshot.h"

namespace dr {
namespace {

constexpr std::size_t kMaxFilesNamed = 1000;

struct BadPack {
    PackId id;
    Error error;
};

// A pack may lie below any session that adopted it: the likeliest first.
Result<PackVerified> verify_at_home(const Repository& repository, FrameTools& tools, const PackState& pack) {
    Result<PackVerified> last = Error{ErrorCode::NotFound, "pack " + pack.id.short_hex() + " is not there"};
    for (const std::uint64_t home : repository.state().homes_of(pack)) {
        last = verify_pack(repository.store(), repository.keys(), tools, {home, pack.id});
        if (last.ok() || last.error().code() != ErrorCode::NotFound) return last;
    }
    return last;
}

class PackCheck {
public:
    PackCheck(const Repository& repository, TaskPool& pool, Monitor& monitor) : repository_(repository), pool_(pool), monitor_(monitor) {}

    Result<std::vector<BadPack>> run(const PackNumbers& packs) {
        for (const PackNumber number : packs) bytes_total_ += repository_.state().packs()[number].size;
        std::atomic<std::size_t> next{0};
        std::atomic<unsigned> running{0};
        const unsigned workers = pool_.workers() + 1;
        for (unsigned i = 0; i < workers; ++i) {
            ++running;
            pool_.submit(Priority::Ordinary, [&] {
                for (std::size_t at = next++; at < packs.size() && !monitor_.cancelled(); at = next++) check(repository_.state().packs()[packs[at]]);
                --running;
            });
        }
        pool_.help_until([&] { return running == 0; });
        if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "the verification was interrupted"};
        return std::move(bad_);
    }
    std::uint64_t bytes_read() const { return bytes_done_; }

private:
    void check(const PackState& pack) {
        const Result<PackVerified> verified = verify_at_home(repository_, tools_, pack);
        const std::lock_guard lock{mutex_};
        bytes_done_ += pack.size;
        if (!verified.ok()) bad_.push_back({pack.id, verified.error()});
        monitor_.progress({"verifying", bytes_done_, bytes_total_, 0, 0});
    }

    const Repository& repository_;
    TaskPool& pool_;
    Monitor& monitor_;
    FrameTools tools_;
    std::mutex mutex_;
    std::vector<BadPack> bad_;
    std::uint64_t bytes_done_ = 0;
    std::uint64_t bytes_total_ = 0;
};

// Which files of the snapshot need a blob of these packs: what an operator has to know.
Result<void> name_files(const OpenSnapshot& snapshot, const std::vector<BadPack>& bad, std::vector<std::string>& errors) {
    std::set<PackId> packs;
    for (const BadPack& pack : bad) packs.insert(pack.id);
    TreeWalk walk{*snapshot.source, snapshot.body.root};
    std::size_t named = 0;
    while (named < kMaxFilesNamed) {
        const std::optional<TreeStep> step = DR_TRY(walk.next());
        if (!step) return {};
        if (step->kind != TreeStep::Kind::Entry || step->entry->kind != EntryKind::File) continue;
        const Entry file = step->entry->copy();
        ContentReader content = content_of(*snapshot.source, file);
        while (true) {
            const std::optional<ContentPiece> piece = DR_TRY(content.next());
            if (!piece) break;
            if (piece->kind != ContentPiece::Kind::Blob) continue;
            const Result<BlobPlace> place = snapshot.source->locate(piece->blob);
            if (place.ok() && !packs.contains(snapshot.source->pack_id(place.value().pack))) continue;
            errors.push_back("file '" + printable(walk.path()) + "' of snapshot " + snapshot.snapshot.id.hex() + " suffers");
            ++named;
            break;
        }
    }
    errors.push_back("and more files");
    return {};
}

Result<void> check_all_packs(const OpenSnapshot& snapshot, TaskPool& pool, Monitor& monitor, VerificationReport& report) {
    const Repository& repository = snapshot.open->repository;
    PackCheck check{repository, pool, monitor};
    const std::vector<BadPack> bad = DR_TRY(check.run(repository.state().packset_of(snapshot.snapshot)));
    report.everything_read = true;
    report.bytes_checked += check.bytes_read();
    if (bad.empty()) return {};
    report.decrypt_ok = false;
    for (const BadPack& pack : bad) {
        report.errors.push_back("pack " + pack.id.hex() + " of snapshot " + snapshot.snapshot.id.hex() + ": " + pack.error.one_line());
    }
    const Result<void> named = name_files(snapshot, bad, report.errors);
    if (!named.ok()) report.errors.push_back("the files that suffer cannot all be named: " + named.error().one_line());
    return {};
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
    VerifyResult result;
    result.report = DR_TRY(verify_snapshot(check, *snapshot.source, snapshot.body.root, pool, monitor));
    phases.ended("snapshot");
    if (request.all) {
        DR_TRY(check_all_packs(snapshot, pool, monitor, result.report));
        phases.ended("packs");
    }
    result.timings = phases.finish();
    return result;
}

}  // namespace dr
