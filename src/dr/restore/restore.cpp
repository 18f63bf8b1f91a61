#include "dr/restore/restore.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>
#include <string_view>

#include "dr/base/shell_word.h"
#include "dr/restore/planner.h"
#include "dr/restore/staging.h"
#include "dr/restore/tree_restorer.h"

namespace dr {
namespace {

constexpr std::size_t kNamedConflicts = 5;  // in the message itself; the monitor gets all
constexpr std::size_t kOpenDirectories = 256;

std::string command_for(const RestoreRequest& request) {
    return "qnwis_dr restore --snapshot-id " + request.snapshot_id.text() + " --target-path " +
           shell_quoted(request.target_path) + (request.selection_words.empty() ? "" : " ") + request.selection_words;
}

Error conflict_error(const PlannedRestore& planned, const RestoreRequest& request) {
    std::string names;
    for (std::size_t i = 0; i < std::min(planned.conflict_paths.size(), kNamedConflicts); ++i)
        names += (i == 0 ? "'" : ", '") + printable(planned.conflict_paths[i]) + "'";
    if (planned.conflicts > kNamedConflicts)
        names += " and " + std::to_string(planned.conflicts - kNamedConflicts) + " more";
    const std::string target = printable(request.target_path);
    return Error{ErrorCode::AlreadyExists,
                 std::to_string(planned.conflicts) + " entries in '" + target + "' differ from the snapshot: " + names}
        .means("nothing was written")
        .next(command_for(request) + " --overwrite    replaces them");
}

// Before anything is written: what is renamed into place cannot be renamed into another file system, and would be
// missing while everything else is there.
Error mount_error(const PlannedRestore& planned, const RestoreRequest& request) {
    const std::string& mount = planned.mounts.front();
    const std::string place = "'" + printable(request.target_path) + "/" + printable(mount) + "'";
    std::string next = command_for(request) + (request.overwrite ? " --overwrite" : "");
    for (const std::string& path : planned.mounts) next += " --exclude " + shell_quoted("/" + Glob::escaped(path));
    return Error{ErrorCode::Refused,
                 "something else is mounted at " + place + ": files cannot appear there together with the others"}
        .means("nothing was written; unmount it, or restore the rest without it")
        .next(next + "    restores the rest");
}

Error space_error(std::uint64_t needed, std::uint64_t free, const RestoreRequest& request) {
    return Error{ErrorCode::NoSpace, "'" + printable(request.target_path) + "' has " + std::to_string(free) +
                                         " bytes free, the restore needs " + std::to_string(needed)}
        .means("nothing was written")
        .next("df -h " + shell_quoted(request.target_path) + "    shows what the file system holds");
}

// Why nothing at all can be written, or nothing.
std::optional<Error> whole_refusal(const PlannedRestore& planned, std::uint64_t free, const RestoreRequest& request) {
    if (planned.conflicts > 0) return conflict_error(planned, request);
    if (!planned.mounts.empty()) return mount_error(planned, request);
    if (planned.plan.bytes_to_write > free) return space_error(planned.plan.bytes_to_write, free, request);
    return std::nullopt;
}

// The failed ones are listed as such.
void drop_failed(std::vector<std::string>& paths, const std::vector<PathProblem>& failures) {
    std::set<std::string_view> failed;
    for (const PathProblem& failure : failures) failed.insert(failure.path);
    std::erase_if(paths, [&](const std::string& path) { return failed.contains(path); });
}

class Restore {
public:
    Restore(const RestoreRequest& request, BlobSource& source, const DirRef& root, TaskPool& pool, Monitor& monitor)
        : request_(request), source_(source), root_(root), pool_(pool), monitor_(monitor) {}

    Result<RestoreOutcome> run(const RestoreAllowlist& allowlist) {
        RestoreRoot root = DR_TRY(RestoreRoot::open(request_.target_path, allowlist, false));
        PlannedRestore planned = DR_TRY(plan(root, request_.dry_run));
        const std::uint64_t free = root.free_bytes();
        // The quick plan counts holes, and each name of one file, as bytes. Before it is said that there is no room,
        // all is counted exactly.
        if (planned.plan.bytes_to_write > free && !request_.dry_run) planned = DR_TRY(plan(root, true));
        std::optional<Error> refused = whole_refusal(planned, free, request_);
        if (request_.dry_run) {
            RestoreOutcome outcome = outcome_of(std::move(planned));
            outcome.would_refuse = std::move(refused);
            return outcome;
        }
        if (refused) return refuse(planned, std::move(*refused));
        if (!root.exists()) {
            root = DR_TRY(RestoreRoot::open(request_.target_path, allowlist, true));
            planned = DR_TRY(plan(root, false));
            if (planned.conflicts > 0) return refuse(planned, conflict_error(planned, request_));
        }
        return execute(root, std::move(planned));
    }

private:
    Error refuse(const PlannedRestore& planned, Error error) {
        for (const std::string& path : planned.conflict_paths)
            monitor_.warning(path, Error{ErrorCode::AlreadyExists, "differs from the snapshot"});
        return error;
    }

    Result<PlannedRestore> plan(const RestoreRoot& root, bool exact) {
        DirectoryHandles handles{kOpenDirectories};
        const DirectoryPtr target = root.exists() ? handles.hold(FileDescriptor{::dup(root.fd())}) : nullptr;
        const PlanContext context{request_, source_, handles, pool_, monitor_, exact};
        return plan_restore(context, root_, target);
    }

    static RestoreOutcome outcome_of(PlannedRestore planned) {
        RestoreOutcome outcome;
        outcome.files_skipped = planned.plan.files_to_skip;
        outcome.plan = std::move(planned.plan);
        outcome.created = std::move(planned.created);
        outcome.replaced = std::move(planned.replaced);
        outcome.withheld = std::move(planned.withheld);
        outcome.metadata = std::move(planned.metadata);
        return outcome;
    }

    Result<RestoreOutcome> execute(const RestoreRoot& root, PlannedRestore planned);
    Result<void> build_and_publish(const RestoreRoot& root, const std::vector<Action>& actions, const KeptFiles& kept,
                                   LossCounter& losses, RestoreState& state);
    Result<void> sync(int target, RestoreState& state) const;

    const RestoreRequest& request_;
    BlobSource& source_;
    const DirRef& root_;
    TaskPool& pool_;
    Monitor& monitor_;
};

Result<RestoreOutcome> Restore::execute(const RestoreRoot& root, PlannedRestore planned) {
    const std::vector<Action> actions = std::move(planned.actions);
    const KeptFiles kept = std::move(planned.kept);
    RestoreOutcome outcome = outcome_of(std::move(planned));
    LossCounter losses{monitor_};
    RestoreState state{monitor_, outcome.plan};
    Result<void> built = build_and_publish(root, actions, kept, losses, state);
    if (!built.ok()) return std::move(built).error();
    state.tell(outcome);
    drop_failed(outcome.created, outcome.failures);
    drop_failed(outcome.replaced, outcome.failures);
    outcome.losses = losses.take();
    return outcome;
}

Result<void> Restore::sync(int target, RestoreState& state) const {
    if (!request_.sync || ::syncfs(target) == 0) return {};
    state.stop(Error::from_errno(errno, "cannot make the restore durable"));
    return state.outcome();
}

Result<void> Restore::build_and_publish(const RestoreRoot& root, const std::vector<Action>& actions,
                                        const KeptFiles& kept, LossCounter& losses, RestoreState& state) {
    Staging::remove_dead(root.fd());
    DirectoryHandles handles{kOpenDirectories};
    const DirectoryPtr target = handles.hold(FileDescriptor{::dup(root.fd())});
    Shadows shadows{handles, target, request_.plan_id.text()};
    // A restore that changes nothing leaves no trace, not even a new time of the target.
    const auto builds = [](Action action) { return action == Action::Create || action == Action::Replace; };
    if (std::ranges::any_of(actions, builds)) DR_TRY(shadows.open());
    MetadataWriter metadata{source_, handles, losses, Restorer::current()};
    FileWriter writer{handles, metadata, state};
    WindowRunner runner{{source_, handles, metadata, writer, state, pool_}};
    TreeRestorer{{request_, actions, kept, source_, handles, metadata, writer, runner, shadows, state}}.run(root_,
                                                                                                            target);
    DR_TRY(state.outcome());
    if (!shadows.any()) return {};
    // Content first, names after: a power cut never leaves a name with half a file.
    DR_TRY(sync(root.fd(), state));
    shadows.publish(metadata, state, request_.overwrite);
    metadata.apply_late();
    return sync(root.fd(), state);
}

}  // namespace

void WithheldEntries::add(RefusalKind kind, const std::string& path, const std::string& why) {
    if (kind == RefusalKind::Device) return;
    ++count;
    if (listed.size() >= RestorePlan::kMaxListed) return;
    listed.push_back({path, why});
    if (kind == RefusalKind::InTheWay) in_the_way.push_back(path);
}

void WithheldEntries::add(WithheldEntries more) {
    count += more.count;
    const auto take = [](auto& to, auto& from) {
        const std::size_t room = RestorePlan::kMaxListed - std::min(to.size(), RestorePlan::kMaxListed);
        if (from.size() > room) from.resize(room);
        std::ranges::move(from, std::back_inserter(to));
    };
    take(listed, more.listed);
    take(in_the_way, more.in_the_way);
}

Result<RestoreOutcome> restore(const RestoreRequest& request, BlobSource& source, const DirRef& root,
                               const RestoreAllowlist& allowlist, TaskPool& pool, Monitor& monitor) {
    return Restore{request, source, root, pool, monitor}.run(allowlist);
}

}  // namespace dr
