// `qnwis_dr restore`: a snapshot, or a part of it, below an approved directory.

#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/format.h"

namespace dr::cli {
namespace {

struct RestoreLine {
    RestoreServiceRequest request;
    std::optional<bool> dry_run, overwrite;
};

constexpr std::size_t kListed = 20;  // paths of each kind without --verbose

void write_problems(JsonWriter& json, const std::vector<PathProblem>& problems, std::size_t& room) {
    for (const PathProblem& problem : problems) {
        if (room == 0) return;
        --room;
        write(json, problem);
    }
}

void write_would_refuse(JsonWriter& json, const std::optional<Error>& error) {
    if (!error) return json.null();
    const ErrorCodeInfo& code = info(error->code());
    json.begin_object();
    json.field("code", code.label);
    json.field("exit_status", code.exit_status);
    json.field("message", error->what());
    json.end_object();
}

void print_json(Shell& shell, const RestoreResult& result) {
    const RestoreOutcome& outcome = result.outcome;
    const RestorePlan& plan = outcome.plan;
    const bool dry = plan.dry_run;
    const std::uint64_t replaced = dry ? plan.files_to_replace : outcome.files_replaced;
    const std::uint64_t created = dry ? plan.files_to_create : outcome.files_restored - replaced;
    shell.print_json([&](JsonWriter& json) {
        json.field("plan_id", plan.plan_id);
        json.field("snapshot_id", plan.snapshot_id);
        json.path_fields("target_path", plan.target_path);
        json.field("dry_run", dry);
        json.field("verify_hashes", plan.verify_hashes);
        json.field("overwrite", plan.overwrite);
        json.field("files_created", created);
        json.field("files_replaced", replaced);
        json.field("files_skipped", dry ? plan.files_to_skip : outcome.files_skipped);
        json.field("files_refused", plan.files_refused + outcome.failure_count);
        json.field("metadata_differing", plan.overwrite ? 0 : outcome.metadata.count);
        const std::uint64_t would_be_restored = plan.overwrite ? outcome.metadata.count : 0;
        json.field("metadata_restored", dry ? would_be_restored : outcome.metadata_restored);
        json.field("files_restored", outcome.files_restored);
        json.field("bytes_restored", outcome.bytes_restored);
        json.field("bytes_read", dry ? plan.bytes_to_read : outcome.bytes_read);
        json.field("bytes_written", dry ? plan.bytes_to_write : outcome.bytes_restored);
        json.key("would_refuse");
        write_would_refuse(json, outcome.would_refuse);
        json.key("refused");
        json.begin_array();
        std::size_t room = RestorePlan::kMaxListed;
        write_problems(json, outcome.failures, room);
        write_problems(json, plan.refused, room);
        json.end_array();
        json.key("warnings");
        json.begin_array();
        for (const RestoreLoss& loss : outcome.losses) {
            write(json, PathProblem{loss.example, loss.reason + " (" + counted(loss.count, "entry", "entries") + ")"});
        }
        json.end_array();
        write_timings(json, result.timings);
    });
}

void print_paths(Shell& shell, std::string_view mark, const std::vector<std::string>& paths) {
    const std::size_t shown = shell.options.verbose ? paths.size() : std::min(paths.size(), kListed);
    for (std::size_t i = 0; i < shown; ++i) shell.console().say("  " + std::string(mark) + " " + printable(paths[i]));
    if (shown < paths.size())
        shell.console().say("  " + std::string(mark) + " … " + human_count(paths.size() - shown) +
                            " more (--verbose lists them)");
}

void print_refused(Shell& shell, const RestorePlan& plan) {
    const std::size_t shown = shell.options.verbose ? plan.refused.size() : std::min(plan.refused.size(), kListed);
    for (std::size_t i = 0; i < shown; ++i) {
        shell.console().say("  ! " + printable(plan.refused[i].path) + ": " + safe_line(plan.refused[i].error));
    }
    if (shown < plan.refused.size())
        shell.console().say("  ! … " + human_count(plan.refused.size() - shown) + " more (--verbose lists them)");
}

std::string entries_of(const MetadataDifferences& found) { return counted(found.count, "entry", "entries"); }

constexpr const char* kMetadataDiffer =
    " equal in content but not in owner, mode, time, attributes or links; --overwrite brings these back";

// The restore itself would end here, whatever the lists above promise.
void print_would_refuse(Shell& shell, const Error& error) {
    shell.console().say("as it is, nothing would be written: " + error.what());
    const std::string& next = error.next_step();
    const bool ours = next.starts_with("qnwis_dr ");
    shell.console().say("  next   " + (ours ? shell.command_line(std::string_view{next}.substr(9)) : next));
}

void print_dry_run(Shell& shell, const RestoreResult& result) {
    const RestoreOutcome& outcome = result.outcome;
    const RestorePlan& plan = outcome.plan;
    Console& console = shell.console();
    console.say("dry run: nothing was written. Snapshot " + result.meta.snapshot_id.text() + " of " +
                result.meta.created_at.human() + " to '" + printable(plan.target_path) + "'");
    print_paths(shell, "+", result.outcome.created);
    print_paths(shell, "~", result.outcome.replaced);
    print_refused(shell, plan);
    console.say("would create " + counted(plan.files_to_create, "file", "files") + ", replace " +
                human_count(plan.files_to_replace) + ", skip " + human_count(plan.files_to_skip) +
                " that are equal, refuse " + human_count(plan.files_refused));
    if (outcome.metadata.count > 0) {
        print_paths(shell, "m", outcome.metadata.listed);
        console.say(plan.overwrite
                        ? "would bring back owner, mode, time, attributes or links of " + entries_of(outcome.metadata)
                        : entries_of(outcome.metadata) + kMetadataDiffer);
    }
    console.say("would read " + human_bytes(plan.bytes_to_read) + " and write " + human_bytes(plan.bytes_to_write));
    if (outcome.would_refuse) print_would_refuse(shell, *outcome.would_refuse);
}

void print_restored(Shell& shell, const RestoreResult& result) {
    const RestoreOutcome& outcome = result.outcome;
    Console& console = shell.console();
    console.say("restored snapshot " + result.meta.snapshot_id.text() + " of " + result.meta.created_at.human() +
                " to '" + printable(outcome.plan.target_path) + "'");
    if (shell.options.verbose) {
        print_paths(shell, "+", outcome.created);
        print_paths(shell, "~", outcome.replaced);
    }
    print_refused(shell, outcome.plan);
    console.say("  " + counted(outcome.files_restored, "file", "files") + " written and verified, " +
                human_bytes(outcome.bytes_restored) + "; " + human_count(outcome.files_skipped) +
                " were equal already");
    if (outcome.metadata_restored > 0)
        console.say("  owner, mode, time, attributes or links of " +
                    counted(outcome.metadata_restored, "entry", "entries") + " brought back");
    console.say("  " + human_bytes(outcome.bytes_read) + " read, in " + human_duration(total_seconds(result.timings)));
}

// Files that could not be restored although everything else was.
int complain_of_failures(Shell& shell, const RestoreResult& result) {
    const RestoreOutcome& outcome = result.outcome;
    if (outcome.failure_count == 0) return 0;
    for (const PathProblem& failure : outcome.failures)
        shell.monitor().list(failure.path, failure.error);  // those that no warning named
    const bool damaged = outcome.worst_failure == ErrorCode::Damaged;
    const std::string id = result.meta.snapshot_id.text().substr(0, 12);
    std::string what = "cannot restore " + counted(outcome.failure_count, "file", "files");
    if (!outcome.failures.empty())
        what = "cannot restore '" + printable(outcome.failures.front().path) + "': " + outcome.failures.front().error;
    Error error = Error{outcome.worst_failure, what}
                      .means(counted(outcome.failure_count, "file was", "files were") +
                             " not created; everything else was restored and verified")
                      .during("restoring snapshot " + id + " of " + result.meta.created_at.human() + " to '" +
                              printable(outcome.plan.target_path) + "'");
    error = Error{
        std::move(error).next(damaged ? shell.command_line("verify --json --snapshot-id " + id)
                                      : shell.command_line("restore --dry-run --snapshot-id " + id + " --target-path " +
                                                           shell_quoted(outcome.plan.target_path)))};
    shell.console().show(error);
    // 3: done, but some files are missing, all of them listed.
    const bool tells_more = damaged || outcome.worst_failure == ErrorCode::NoSpace;
    return tells_more ? info(outcome.worst_failure).exit_status : 3;
}

// The first few paths, each with what is wrong with it.
std::string named(const std::vector<PathProblem>& problems, std::uint64_t count) {
    constexpr std::size_t kNamed = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(problems.size(), kNamed); ++i) {
        text += (i == 0 ? "'" : ", '") + printable(problems[i].path) + "' (" + problems[i].error + ")";
    }
    return count <= kNamed ? text : text + " and " + human_count(count - kNamed) + " more";
}

// `mv -n` ends well where it did nothing, and the same line would come up for ever.
std::string free_name_beside(const std::string& path) {
    std::string name = path + ".in-the-way";
    struct stat status{};
    for (int i = 2; ::lstat(name.c_str(), &status) == 0; ++i) name = path + ".in-the-way-" + std::to_string(i);
    return name;
}

// Moves the first thing that is in the way aside and restores again; empty where a shell cannot be told its name.
std::string way_out(const Shell& shell, const RestoreOutcome& outcome) {
    if (outcome.withheld.in_the_way.empty()) return {};
    const std::string path = outcome.plan.target_path + "/" + outcome.withheld.in_the_way.front();
    if (printable(path) != path) return {};
    return "mv -nT -- " + shell_quoted(path) + " " + shell_quoted(free_name_beside(path)) + " && " +
           shell.options.typed;
}

// What was refused although it was asked for: whoever restores must not take the target for whole.
int complain_of_refusals(Shell& shell, const RestoreResult& result) {
    const RestoreOutcome& outcome = result.outcome;
    if (outcome.plan.dry_run || outcome.withheld.count == 0) return 0;
    const bool in_the_way = !outcome.withheld.in_the_way.empty();
    const std::string id = result.meta.snapshot_id.text().substr(0, 12);
    std::string next = way_out(shell, outcome);
    if (next.empty()) {
        next = shell.command_line("restore --dry-run --overwrite --snapshot-id " + id + " --target-path " +
                                  shell_quoted(outcome.plan.target_path) + "    lists what is refused, and why");
    }
    const Error error = Error{in_the_way ? ErrorCode::AlreadyExists : ErrorCode::Io,
                              "not restored: " + named(outcome.withheld.listed, outcome.withheld.count)}
                            .means(
                                "the target is not whole: these, and what is below them, are not as in the "
                                "snapshot; everything else was restored and verified")
                            .during("restoring snapshot " + id + " of " + result.meta.created_at.human() + " to '" +
                                    printable(outcome.plan.target_path) + "'")
                            .next(std::move(next));
    shell.console().show(error);
    return in_the_way ? info(error.code()).exit_status : 3;
}

int complain(Shell& shell, const RestoreResult& result) {
    const int failures = complain_of_failures(shell, result);
    return std::max(failures, complain_of_refusals(shell, result));  // the greater status is the worse news
}

Result<int> restore(Shell& shell, RestoreLine& line) {
    line.request.dry_run = line.dry_run.value_or(false);
    line.request.overwrite = line.overwrite.value_or(false);
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    const RestoreResult result =
        DR_TRY(Service{shell.world(), resolved.settings}.restore(line.request, shell.monitor()));
    shell.done_working();
    for (const RestoreLoss& loss : result.outcome.losses) {
        shell.console().complain("warning: " + loss.reason + " (" + counted(loss.count, "entry", "entries") + ", '" +
                                 printable(loss.example) + "' for one)");
    }
    const MetadataDifferences& metadata = result.outcome.metadata;
    if (metadata.count > 0 && !line.request.overwrite && !line.request.dry_run) {
        shell.console().complain("warning: " + entries_of(metadata) + ", '" + printable(metadata.listed.front()) +
                                 "' for one," + kMetadataDiffer);
    }
    if (shell.options.json)
        print_json(shell, result);
    else if (line.request.dry_run)
        print_dry_run(shell, result);
    else
        print_restored(shell, result);
    return complain(shell, result);
}

}  // namespace

void add_restore(Command& root, Shell& shell) {
    auto line = std::make_shared<RestoreLine>();
    Command command = root.command("restore", "bring a snapshot back below an approved directory");
    command.option("--snapshot-id", line->request.snapshot, Value::Snapshot, help::kSnapshotId, Need::Required);
    command.option("--target-path", line->request.target_path, Value::Directory,
                   "where to; at or below an allowed target", Need::Required);
    command.pair("dry-run", line->dry_run, "say what would be done, and do nothing");
    command.pair("overwrite", line->overwrite, "replace files that differ");
    command.options("--path", line->request.paths, Value::Text, "only these files or directories of the snapshot");
    command.options("--include", line->request.include, Value::Glob, "only what matches one of these patterns");
    command.options("--exclude", line->request.exclude, Value::Glob, "not what matches one of these patterns");
    command.flag("--devices", line->request.devices, "make device nodes too");
    command.action([line, &shell] { return restore(shell, *line); });
}

}  // namespace dr::cli
