#include "dr/repository/write_session.h"

#include <algorithm>
#include <iterator>

#include "dr/repository/index_upkeep.h"
#include "dr/repository/record_lists.h"

namespace dr {
namespace {

// Dead sessions of writers that `actor` may take over: its own, or any with the right to collect.
std::vector<std::uint64_t> dead_writers(const State& state, const PublicKey& actor, const std::string& directory,
                                        const std::string& host) {
    const bool any = (state.roles_of(actor) & (role::kGc | role::kAdmin)) != 0;
    std::vector<std::uint64_t> dead;
    for (const auto& [id, session] : state.open_sessions()) {
        if (session.kind == SessionKind::Write && (any || session.actor == actor) &&
            is_dead(session, directory, host, state.trusted_time()))
            dead.push_back(id);
    }
    return dead;
}

}  // namespace

std::string liveness_directory(const ObjectStore& store) {
    return store.backend() == "local" ? store.location() + "/tmp" : std::string{};
}

std::uint64_t remove_leftovers(ObjectStore& store, const State& state, const std::string& host) {
    const std::string directory = liveness_directory(store);
    if (directory.empty()) return 0;
    remove_dead_marks(directory, host, state);
    const std::optional<Timestamp> before = no_writer_before(directory, host);
    if (!before) return 0;
    const Result<std::uint64_t> freed = store.remove_temporary_files(*before);
    return freed.ok() ? freed.value() : 0;
}

std::unique_ptr<PackSource> open_content(const Repository& repository, ContentOf packs) {
    const State& state = repository.state();
    const bool all = packs == ContentOf::AllPacks;
    PackSource::World world{repository.store(), repository.keys(),
                            [&state](const PackId& id) { return state.is_live(id); },
                            [&state, all] {
                                std::vector<PackName> names;
                                for (const PackNumber number : all ? state.packs_there() : state.live_packs()) {
                                    const PackState& pack = state.packs()[number];
                                    for (const std::uint64_t home : state.homes_of(pack))
                                        names.push_back({home, pack.id});
                                }
                                return names;
                            }};
    if (all) world.is_there = [&state](const PackId& id) { return state.is_there(id); };
    std::vector<PackId> runs(state.runs().begin(), state.runs().end());
    std::ranges::sort(runs);  // a hash table's order is not the same everywhere
    return std::make_unique<PackSource>(std::move(world), runs);
}

Result<std::unique_ptr<WriteSession>> WriteSession::open(const World& world, const WriteSessionOptions& options) {
    std::unique_ptr<WriteSession> session{new WriteSession(world)};
    session->compression_ = options.compression;
    DR_TRY(session->append_open(options));

    Repository& repository = world.repository;
    remove_leftovers(repository.store(), repository.state(), world.host.host_name);
    session->keys_ =
        std::make_unique<SessionKeys>(repository.keys(), session->id_, world.host, world.random, world.clock);
    session->source_ = open_content(repository, ContentOf::LivePacks);
    PackSinkOptions sink;
    sink.pipeline.compression = options.compression;
    sink.pipeline.memory_budget = options.memory_budget;
    sink.pipeline.pack_target = repository.config().pack_target;
    sink.small_limit = repository.config().small_limit;
    sink.solid_target = repository.config().solid_target;
    const State& state = repository.state();
    session->sink_ = std::make_unique<PackSink>(
        PackSink::World{repository.store(), world.pool, *session->keys_, &session->source_->index(),
                        [&state](const PackId& id) { return state.is_live(id); }},
        sink);
    DR_TRY(session->adopt());
    return session;
}

// The mark is made before the record it belongs to: a session is never open in the log without a sign of life.
Result<void> WriteSession::append_open(const WriteSessionOptions& options) {
    Log& log = world_.repository.log();
    const std::string directory = liveness_directory(world_.repository.store());
    mark_ = LivenessMark::prepare(directory, world_.host.host_name);
    Result<Appended> opened =
        log.append(world_.repository.actor(), world_.clock, [&](const State& now) -> Result<RecordPayload> {
            mark_.aim(now.next_seq());
            Open record;
            record.kind = SessionKind::Write;
            choose_parent(now, options);
            record.parent = parent_ && !parent_is_damaged_ ? parent_->record : 0;
            record.adopts = dead_writers(now, world_.repository.actor().public_key(), directory, world_.host.host_name);
            adopted_ = record.adopts;
            return RecordPayload{record};
        });
    if (!opened.ok()) {
        mark_.end();
        return std::move(opened).error();
    }
    mark_.settle();
    id_ = opened.value().seq;
    return {};
}

// A snapshot holds all packs of its parent. So that it does not hold a damaged one too, it has no parent in the log
// then, and refers to the live ones itself.
void WriteSession::choose_parent(const State& now, const WriteSessionOptions& options) {
    const Snapshot* parent = now.newest(options.spec_id, options.tag);
    parent_ = parent != nullptr ? std::optional<Snapshot>(*parent) : std::nullopt;
    parent_is_damaged_ = parent != nullptr && !now.is_whole(*parent);
    inherited_.clear();
    if (!parent_is_damaged_) return;
    for (const PackNumber number : now.packset_of(*parent)) {
        if (now.packs()[number].live()) inherited_.push_back(now.packs()[number].id);
    }
    std::ranges::sort(inherited_);
}

Result<void> WriteSession::adopt() {
    const State& state = world_.repository.state();
    std::vector<std::uint64_t> sessions = adopted_;
    if (const auto own = state.open_sessions().find(id_); own != state.open_sessions().end())
        sessions = own->second.adopted;
    std::vector<PackName> packs;
    for (const std::uint64_t session : sessions) {
        const std::vector<ObjectInfo> objects = DR_TRY(world_.repository.store().list(session_directory_name(session)));
        for (const ObjectInfo& object : objects) {
            const Result<PackId> id = pack_id_in_name(object.name);
            if (!id.ok() || state.find_pack(id.value())) continue;  // junk, or known to the log already
            packs.push_back({session, id.value()});
            bytes_adopted_ += object.size;
        }
    }
    if (packs.empty()) return {};
    packs_adopted_ = DR_TRY(sink_->adopt(packs));
    return {};
}

std::vector<PackId> WriteSession::rescue_needed(const State& now) const {
    std::vector<PackId> condemned;
    for (const PackId& id : held_) {
        const std::optional<PackNumber> number = now.find_pack(id);
        if (number && now.packs()[*number].condemned != 0) condemned.push_back(id);
    }
    return condemned;
}

// The commit that adds the new runs takes the old ones away. Two sessions that merge the same runs only write some rows
// twice.
Result<void> WriteSession::keep_up_index(RecordLists& lists) {
    IndexChange change = DR_TRY(IndexUpkeep{.objects = world_.repository.store(),
                                            .keys = *keys_,
                                            .pool = world_.pool,
                                            .state = world_.repository.state(),
                                            .monitor = world_.monitor}
                                    .run());
    lists.runs_added.insert(lists.runs_added.end(), change.added.begin(), change.added.end());
    lists.runs_removed = std::move(change.removed);
    return {};
}

// What does not fit into the commit's record goes ahead of it in refreshes. Each rescues all that the session holds:
// after it the session's view has moved on, and a condemnation before the view could not be answered any more.
Result<void> WriteSession::publish_part(RecordLists& lists) {
    Refresh refresh;
    refresh.session = id_;
    DR_TRY(world_.repository.log().append(
        world_.repository.actor(), world_.clock, [&](const State& now) -> Result<RecordPayload> {
            std::vector<PackId> rescue = rescue_needed(now);
            const std::size_t room = kMaxRecordBody - kRecordOverhead;
            const std::size_t rescued = rescue.size() * PackId::kSize;
            // In two records they cannot be rescued: after the first one a collector may remove the others.
            if (rescued > room) {
                return Error{ErrorCode::Refused, "a prune condemned " + std::to_string(rescue.size()) +
                                                     " packs that this backup found its content in"}
                    .means("they are too many to be taken back at once; no snapshot was made")
                    .next("run the backup again: it stores that content anew");
            }
            refresh.lists = first_of(lists, room - rescued);
            refresh.lists.rescue = std::move(rescue);
            return RecordPayload{refresh};
        }));
    remove_first(lists, refresh.lists);
    return {};
}

// Only where the record will stand is known what it must rescue, and so whether all of it fits.
Result<Appended> WriteSession::append_commit(Commit& commit) {
    const std::size_t room = kMaxRecordBody - kRecordOverhead - commit.body.size();
    while (true) {
        bool fits = true;
        Result<Appended> appended = world_.repository.log().append(
            world_.repository.actor(), world_.clock, [&](const State& now) -> Result<RecordPayload> {
                commit.lists.rescue = rescue_needed(now);
                fits = size_of(commit.lists) <= room;
                if (!fits) return Error{ErrorCode::Conflict, "the commit needs more than one record"};
                return RecordPayload{commit};
            });
        if (fits) return appended;
        DR_TRY(publish_part(commit.lists));
    }
}

Result<Commit> WriteSession::make_commit(CommitDetails& details) {
    Commit commit;
    commit.session = id_;
    commit.snapshot_id.bytes = world_.random.array<16>();
    commit.spec_id = details.spec_id;
    commit.tag = details.tag;
    // The document has microseconds; what is stored is what is shown.
    commit.created_at = Timestamp{world_.clock.now().nanoseconds() / 1000 * 1000};
    commit.total_bytes = details.total_bytes;
    commit.file_count = details.file_count;
    commit.files_unreadable = details.files_unreadable;
    commit.encrypted = world_.repository.encrypted();
    commit.retention_days = details.retention_days;
    commit.worm = details.worm;
    if (details.worm)
        commit.retain_until = Timestamp{commit.created_at.nanoseconds() + details.retention_days * kNanosecondsPerDay};
    details.body.manifest_nonce = world_.random.array<16>();
    details.body.compression = static_cast<std::uint8_t>(compression_);
    commit.manifest_hash = manifest_hash(details.body.manifest_nonce, details.body.root);
    const Bytes plain = DR_TRY(encode_snapshot_body(details.body));
    commit.body = DR_TRY(seal_record_body(*keys_, plain, compression_));
    return commit;
}

Result<std::uint64_t> WriteSession::commit(CommitDetails details) {
    // Durable first: packs, then the index run, and only then the record that makes them count.
    SinkResult stored = DR_TRY(sink_->finish());
    totals_ = stored.totals;
    std::vector<PackId> newrefs;
    std::ranges::set_union(stored.newrefs, inherited_, std::back_inserter(newrefs));
    held_ = newrefs;
    Commit commit = DR_TRY(make_commit(details));
    for (const StoredPack& pack : stored.packs) commit.lists.packs.push_back({pack.id, pack.pack_class, pack.size});
    commit.lists.newrefs = std::move(newrefs);
    commit.lists.runs_added = std::move(stored.runs);
    DR_TRY(keep_up_index(commit.lists));
    const Appended appended = DR_TRY(append_commit(commit));
    mark_.end();
    return appended.seq;
}

Result<void> WriteSession::abandon() {
    DR_TRY(world_.repository.log().append(world_.repository.actor(), world_.clock, Close{id_}));
    mark_.end();
    return {};
}

}  // namespace dr
