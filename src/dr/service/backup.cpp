// The verbs init and backup.

#include <sys/statvfs.h>

#include <algorithm>

#include "dr/base/shell_word.h"
#include "dr/crypto/sha256.h"
#include "dr/platform/posix/small_file.h"
#include "dr/service/content.h"
#include "dr/service/damaged_packs.h"
#include "dr/service/meta.h"
#include "dr/service/phases.h"
#include "dr/service/service.h"
#include "dr/snapshot/backup.h"
#include "dr/storage/open_store.h"

namespace dr {
namespace {

Result<void> create_repository(const World& world, const Settings& settings, Encryption encryption,
                               bool make_directory) {
    const KeyInHand key = DR_TRY(key_in_hand(settings, nullptr));
    OpenStoreOptions options;
    options.create = make_directory;
    options.backend = settings.backend;
    const std::unique_ptr<ObjectStore> store = DR_TRY(open_store(settings.storage_path, options, world.random));
    // What this machine has seen there is no place to begin, even where the part that says so is left.
    if (!open_log(settings, *store).ok()) DR_TRY(nothing_known_at(settings, *store));
    RepositoryConfig config;
    config.encryption = encryption;
    config.created_at = Timestamp{world.clock.now().nanoseconds() / 1000 * 1000};
    DR_TRY(Repository::create(*store, config, key.slot, key.opened, world.clock, world.random));
    return {};
}

// A repository amid other files would be mistaken for one of them, or they for a part of it.
Error other_files(const Settings& settings, ErrorCode code) {
    return Error{code, "'" + settings.storage_path + "' holds files, but no repository"}
        .means("nothing was written: it may be the wrong directory")
        .next("qnwis_dr init --storage-path " + shell_quoted(settings.storage_path + "/repository") +
              "    makes one in a directory of its own");
}

// Before `init` makes anything.
Result<void> nothing_in_the_way(const World& world, const Settings& settings) {
    OpenStoreOptions options;
    options.backend = settings.backend;
    Result<std::unique_ptr<ObjectStore>> store = open_store(settings.storage_path, options, world.random);
    if (!store.ok() && store.error().code() == ErrorCode::NotFound) return {};  // it is made
    if (!store.ok()) return std::move(store).error();
    if (DR_TRY(Repository::exists(*store.value())) || DR_TRY(store.value()->list("")).empty()) return {};
    return other_files(settings, ErrorCode::AlreadyExists);
}

// Whether `backup` has to make the repository: the directory is there and empty, or an earlier creation was cut short.
Result<bool> wants_creation(const World& world, const Settings& settings) {
    OpenStoreOptions options;
    options.backend = settings.backend;
    const std::unique_ptr<ObjectStore> store = DR_TRY(open_store(settings.storage_path, options, world.random));
    if (!DR_TRY(Repository::exists(*store))) {
        const std::vector<ObjectInfo> there = DR_TRY(store->list(""));
        if (there.empty()) return true;
        return other_files(settings, ErrorCode::NotFound);
    }
    const Result<Repository> repository = open_log(settings, *store);
    // What else is wrong tells whoever opens it with the key, for whom it may be whole.
    if (!repository.ok()) return repository.error().code() == ErrorCode::NotFound;
    const State& state = repository.value().state();
    return state.slots().empty() || (repository.value().encrypted() && !state.ring());
}

// What a user can do about a backup that ended early.
Error explained(const Settings& settings, Error error) {
    if (error.code() != ErrorCode::NoSpace) return error;
    struct statvfs status{};
    std::string room;
    if (statvfs(settings.storage_path.c_str(), &status) == 0) {
        room =
            std::to_string(static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize) + " bytes are free there; ";
    }
    return std::move(error)
        .means(room +
               "the snapshots that were there are whole, and what was stored of this one is used by the next try")
        .next("qnwis_dr prune --storage-path " + shell_quoted(settings.storage_path) + " --dry-run");
}

Result<std::string> find_workspace(const std::string& workspace) {
    Result<std::string> found = real_directory(workspace, "workspace");
    if (found.ok()) return found;
    return std::move(found).error().next("qnwis_dr backup --help");
}

BackupOptions backup_options(const Repository& repository, const BackupRequest& request, const WriteSession& session) {
    BackupOptions options;
    options.inline_limit = repository.config().inline_limit;
    options.one_file_system = request.one_file_system;
    options.skip_private_keys = request.spec.default_excludes;
    if (session.parent()) {
        options.expected_files = session.parent()->file_count;
        options.expected_bytes = session.parent()->total_bytes;
    }
    return options;
}

struct Backup {
    const World& world;
    const Settings& settings;
    const BackupRequest& request;
    Repository& repository;
    Monitor& monitor;
    TaskPool& pool;
};

Result<SnapshotContent> scan(const Backup& job, WriteSession& session, bool parent_is_damaged) {
    const Chunker chunker{job.repository.config().chunks, gear_table(job.repository.ring().k_chunk)};
    const ContentKeys keys{chunker, job.repository.keys().namer, tree_seed(job.repository.ring().k_chunk)};
    const BackupOptions options = backup_options(job.repository, job.request, session);
    if (job.request.standard_input) {
        const StdinSource& source = *job.request.standard_input;
        return store_stream(source.fd, source.name, keys, session.sink(), job.world.clock, job.monitor, options);
    }
    const std::string workspace = DR_TRY(find_workspace(job.request.workspace));
    const Selection selection = DR_TRY(Selection::create(job.request.spec, job.settings.mapping, workspace));
    BackupSources sources{selection, workspace, std::nullopt, secret_files(job.settings)};
    if (const Result<FileIdentity> own = FileIdentity::of(job.repository.store().location()); own.ok())
        sources.repository = own.value();

    std::optional<ParentTree> parent;
    if (session.parent()) {
        const Result<SnapshotBody> body = read_body(job.repository, *session.parent());
        if (body.ok()) {
            const Result<BackupSpec> before = parse_backup_spec(body.value().spec);
            parent.emplace(ParentTree{session.source(), body.value().root, body.value().scan_start,
                                      before.ok() && before.value().default_excludes, parent_is_damaged});
        } else {
            job.monitor.warning(session.parent()->id.hex(), body.error());  // then everything is read; nothing is lost
        }
    }
    return scan_and_store(sources, parent ? &*parent : nullptr, keys, session.sink(), job.pool, job.world.clock,
                          job.monitor, options);
}

struct Stored {
    std::unique_ptr<WriteSession> session;
    SnapshotContent content;
    std::size_t packs_resumed = 0;
    std::uint64_t bytes_resumed = 0;
};

Result<std::unique_ptr<WriteSession>> open_session(const Backup& job) {
    WriteSessionOptions options;
    options.spec_id = job.request.spec.spec_id.text();
    options.tag = job.request.spec.tag.text();
    options.compression = job.settings.compression;
    options.memory_budget = job.settings.memory_budget;
    return WriteSession::open(
        {job.repository, job.pool, job.world.host, job.world.clock, job.world.random, &job.monitor}, options);
}

// Begins again, knowing which packs of trees are damaged: the new session takes over what the first one stored, refers
// to none of those packs, and reads from the sources what it cannot learn from the parent.
Result<SnapshotContent> scan_without_damage(const Backup& job, Stored& stored, const Error& damage) {
    const Snapshot parent = *stored.session->parent();
    job.monitor.warning("snapshot " + parent.id.hex(), damage);
    stored.session.reset();
    DR_TRY(job.repository.store().sync());
    DR_TRY(record_damaged_trees(job.repository, parent, job.world.clock, job.pool, job.monitor));
    stored.session = DR_TRY(open_session(job));
    return scan(job, *stored.session, true);
}

Result<Stored> store(const Backup& job, Phases& phases) {
    Stored stored;
    stored.session = DR_TRY(open_session(job));
    stored.packs_resumed = stored.session->packs_adopted();
    stored.bytes_resumed = stored.session->bytes_adopted();
    if (stored.packs_resumed > 0)
        job.monitor.note("going on with " + std::to_string(stored.packs_resumed) +
                         " packs of a backup that was interrupted");
    phases.ended("open");
    const bool known = stored.session->parent_is_damaged();
    Result<SnapshotContent> content = scan(job, *stored.session, known);
    const bool found = !content.ok() && content.error().code() == ErrorCode::Damaged && stored.session->parent();
    if (found && !known) content = scan_without_damage(job, stored, Error{content.error()});
    stored.content = DR_TRY(std::move(content));
    phases.ended("store");
    return stored;
}

// In the user's words: the plan and the workspace that he typed.
std::string explain_line(const BackupRequest& request) {
    std::string line = "qnwis_dr plan --spec " + shell_quoted(request.spec_file);
    if (request.workspace != ".") line += " --workspace " + shell_quoted(request.workspace);
    return line + " --explain    says what it selects and what it leaves out";
}

Result<void> nothing_missing(const SnapshotContent& content, const BackupRequest& request) {
    constexpr const char* kNoSnapshot = "no snapshot was made: an empty backup would look like a good one";
    if (!content.datasets_missing.empty()) {
        const Identifier& missing = content.datasets_missing.front();
        const std::vector<Identifier>& left_out = content.datasets_left_out;
        const bool found = std::ranges::find(left_out, missing) != left_out.end();
        return Error{ErrorCode::NotFound, found ? "no file of dataset '" + missing.text() + "' could be stored"
                                                : "dataset '" + missing.text() + "' matches no file"}
            .means(kNoSnapshot)
            .next(explain_line(request));
    }
    // Directories alone hold nothing that anybody would want back.
    if (content.entries > content.directories) return {};
    std::string parts;
    for (const std::string& part : content.parts_missing) parts += (parts.empty() ? "'" : " and '") + part + "'";
    return Error{ErrorCode::NotFound,
                 parts.empty() ? "the plan selects no file that could be stored"
                               : "nothing of " + parts + " is in the workspace '" + printable(request.workspace) + "'"}
        .means(kNoSnapshot)
        .next(explain_line(request));
}

CommitDetails details_of(const Backup& job, const SnapshotContent& content) {
    CommitDetails details;
    details.spec_id = job.request.spec.spec_id;
    details.tag = job.request.spec.tag;
    details.total_bytes = content.bytes;
    details.file_count = content.files;
    details.files_unreadable = content.unreadable_count;
    details.retention_days = static_cast<std::uint32_t>(job.request.spec.retention_days);
    details.worm = job.request.worm || job.request.spec.worm;
    details.body.root = content.root;
    details.body.source = job.request.workspace;
    details.body.host = job.world.host.host_name;
    details.body.spec = print(job.request.spec);
    details.body.scan_start = content.scan_start;
    details.body.entries = content.entries;
    for (const UnreadableFile& file : content.unreadable) details.body.unreadable.emplace_back(file.path, file.reason);
    details.body.skipped.assign(content.skipped.begin(), content.skipped.end());
    return details;
}

void fill(BackupResult& result, const Stored& stored) {
    const SnapshotContent& content = stored.content;
    result.files_new = content.files_new;
    result.files_changed = content.files_changed;
    result.files_unmodified = content.files_unmodified;
    result.files_unreadable = content.unreadable_count;
    result.directories = content.directories;
    result.bytes_read = content.bytes_read;
    result.bytes_stored = stored.session->totals().bytes_stored;
    result.bytes_deduplicated = stored.session->totals().bytes_deduplicated;
    result.bytes_resumed = stored.bytes_resumed;
    result.resumed = stored.packs_resumed > 0;
    for (const UnreadableFile& file : content.unreadable) result.unreadable.emplace_back(file.path, file.reason);
    result.skipped.assign(content.skipped.begin(), content.skipped.end());
}

}  // namespace

Result<InitResult> Service::init(const InitRequest& request, Monitor& monitor) {
    DR_TRY(nothing_in_the_way(world_, settings_));
    DR_TRY(create_repository(world_, settings_, request.encryption, true));
    const OpenRepository open = DR_TRY(open_repository(world_, settings_, Access::Log, monitor));
    return InitResult{open.repository.id(), open.store->location(), open.repository.encrypted()};
}

Result<BackupResult> Service::backup(const BackupRequest& asked, Monitor& monitor) {
    Phases phases{world_.clock};
    BackupRequest request = asked;
    BackupResult result;
    if (!request.standard_input) DR_TRY(find_workspace(request.workspace));
    result.repository_created = DR_TRY(wants_creation(world_, settings_));
    if (result.repository_created) {
        DR_TRY(create_repository(world_, settings_, request.spec.encryption, false));
        monitor.note("made a new repository in '" + settings_.storage_path + "'");
    }
    OpenRepository open = DR_TRY(open_repository(world_, settings_, Access::Change, monitor));
    if (request.any_encryption) request.spec.encryption = open.repository.config().encryption;
    if (open.repository.config().encryption != request.spec.encryption) {
        return Error{ErrorCode::Refused, "the plan says encryption '" + std::string(name_of(request.spec.encryption)) +
                                             "', the repository has '" +
                                             std::string(name_of(open.repository.config().encryption)) + "'"}
            .means("encryption is fixed for a repository's life; nothing was written")
            .next("qnwis_dr init --encryption " + std::string(name_of(request.spec.encryption)) +
                  " --storage-path DIR");
    }

    TaskPool pool{worker_count(settings_)};
    const Backup job{world_, settings_, request, open.repository, monitor, pool};
    Result<Stored> stored = store(job, phases);
    if (!stored.ok()) return explained(settings_, std::move(stored).error());
    WriteSession& session = *stored.value().session;
    const SnapshotContent& content = stored.value().content;
    // What must not become a snapshot ends its session: its packs are garbage, nobody's to take over.
    Result<void> complete = nothing_missing(content, request);
    if (complete.ok() && request.standard_input && request.standard_input->finished)
        complete = request.standard_input->finished();
    if (!complete.ok()) {
        DR_TRY(session.abandon());
        return std::move(complete).error();
    }

    Result<std::uint64_t> record = session.commit(details_of(job, content));
    if (!record.ok()) return explained(settings_, std::move(record).error());
    // Kept before the log is read on: somebody's prune may have forgotten it since.
    const Snapshot* committed = open.repository.state().snapshot_at(record.value());
    DR_CHECK(committed != nullptr);
    result.meta = meta_of(*committed, open);
    DR_TRY(remember_head(settings_, open.repository, monitor));
    phases.ended("commit");

    if (session.parent()) result.parent = session.parent()->id.hex();
    fill(result, stored.value());
    result.timings = phases.finish();
    return result;
}

}  // namespace dr
