#include "dr/service/content.h"

#include <algorithm>
#include <thread>

#include "dr/base/check.h"

namespace dr {
namespace {

constexpr std::size_t kMaxBody = 1U << 20;

}  // namespace

unsigned worker_count(const Settings& settings) {
    if (settings.workers != 0) return settings.workers;
    return std::max(1U, std::thread::hardware_concurrency());
}

Result<SnapshotBody> read_body(const Repository& repository, const Snapshot& snapshot) {
    const Commit commit = DR_TRY(repository.log().commit_of(snapshot));
    Result<Bytes> plain = open_record_body(repository.keys(), snapshot.session, commit.body, kMaxBody);
    if (!plain.ok()) return std::move(plain).error().during("opening snapshot " + snapshot.id.hex());
    SnapshotBody body = DR_TRY(decode_snapshot_body(plain.value()));
    if (manifest_hash(body.manifest_nonce, body.root) != snapshot.manifest_hash) {
        return Error{ErrorCode::Damaged,
                     "the tree of snapshot " + snapshot.id.hex() + " is not the one its record promises"};
    }
    return body;
}

ReadSession ReadSession::open(const World& world, Repository& repository) {
    ReadSession session{world};
    const std::string directory = liveness_directory(repository.store());
    session.mark_ = LivenessMark::prepare(directory, world.host.host_name);
    const Result<Appended> opened =
        repository.log().append(repository.actor(), world.clock, [&](const State& now) -> Result<RecordPayload> {
            session.mark_.aim(now.next_seq());
            return RecordPayload{Open{SessionKind::Read, 0, {}}};
        });
    if (!opened.ok()) {
        session.mark_.end();
        return session;
    }
    session.mark_.settle();
    session.id_ = opened.value().seq;
    session.repository_.reset(&repository);
    return session;
}

ReadSession& ReadSession::operator=(ReadSession&& other) noexcept {
    DR_CHECK(!is_open());
    world_ = other.world_;
    repository_ = std::move(other.repository_);
    id_ = other.id_;
    mark_ = std::move(other.mark_);
    return *this;
}

// A session that cannot be closed now is abandoned by the next prune: nobody lives behind it any more.
ReadSession::~ReadSession() {
    if (!repository_) return;
    const Result<Appended> closed = repository_->log().append(repository_->actor(), world_->clock, Close{id_});
    if (closed.ok()) mark_.end();
}

bool ReadSession::holds_packs() const { return is_open() && repository_->state().open_sessions().contains(id_); }

bool OpenSnapshot::was_overtaken() {
    const State& state = open->repository.state();
    const PackNumbers packs = state.packset_of(snapshot);
    if (!open->repository.log().refresh().ok()) return false;  // then nobody knows
    if (reading.holds_packs()) return false;
    const auto gone = [&](PackNumber number) { return state.packs()[number].reaped != 0; };
    return state.snapshot_at(snapshot.record) == nullptr || std::ranges::any_of(packs, gone);
}

Result<OpenSnapshot> open_snapshot(const World& world, const Settings& settings, const std::string& name, Packs packs,
                                   Monitor& monitor) {
    OpenSnapshot result;
    result.open = std::make_unique<OpenRepository>(DR_TRY(open_repository(world, settings, Access::Content, monitor)));
    Repository& repository = result.open->repository;
    const Snapshot* snapshot = DR_TRY(repository.state().find_snapshot(name));
    if (packs == Packs::Held) {
        result.reading = ReadSession::open(world, repository);
        // By its name again: the latest may be another one by now.
        snapshot = DR_TRY(repository.state().find_snapshot(name));
    }
    result.snapshot = *snapshot;
    result.body = DR_TRY(read_body(repository, *snapshot));
    result.source = open_content(repository);
    return result;
}

}  // namespace dr
