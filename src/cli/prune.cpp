// `qnwis_dr prune`: forgets what retention does not keep, and frees what nothing needs any more.

#include "cli/commands.h"
#include "cli/format.h"
#include "dr/models/policy.h"
#include "dr/platform/posix/small_file.h"

namespace dr::cli {
namespace {

struct PruneLine {
    std::string policy;
    std::vector<std::string> snapshots;
    std::optional<bool> dry_run;
};

constexpr std::size_t kMaxPolicyFile = 16U << 20;

std::string joined(const std::vector<std::string>& reasons) {
    std::string text;
    for (const std::string& reason : reasons) text += (text.empty() ? "" : "; ") + reason;
    return text;
}

Result<PruneRequest> make_request(const PruneLine& line) {
    PruneRequest request;
    request.dry_run = line.dry_run.value_or(false);
    request.snapshots = line.snapshots;
    if (line.policy.empty()) return request;
    if (!line.snapshots.empty()) {
        return Error{ErrorCode::BadRequest, "--policy and --snapshot-id exclude each other"}
            .means("nothing was removed")
            .next("qnwis_dr prune --help");
    }
    Result<Bytes> text = read_small_file(line.policy, kMaxPolicyFile);
    if (!text.ok()) return std::move(text).error().means("nothing was removed").next("qnwis_dr prune --help");
    Result<RetentionRule> rule = parse_retention_policy(as_text(text.value()));
    if (!rule.ok()) {
        return std::move(rule)
            .error()
            .means("nothing was removed")
            .during("reading the policy '" + printable(line.policy) + "'")
            .next("qnwis_dr prune --help");
    }
    request.rule = std::move(rule).value();
    return request;
}

void write_decision(JsonWriter& json, const PruneDecision& decision) {
    json.begin_object();
    json.field("snapshot_id", decision.meta.snapshot_id);
    json.field("tag", decision.meta.tag);
    json.field("created_at", decision.meta.created_at);
    if (decision.keep)
        json.field("retain_until", decision.meta.retain_until);
    else
        json.field("total_bytes", decision.meta.total_bytes);
    json.field("reasons", decision.reasons);
    json.end_object();
}

std::uint64_t write_decisions(JsonWriter& json, std::string_view name, const PruneResult& result, bool kept) {
    std::uint64_t count = 0;
    json.key(name);
    json.begin_array();
    for (const PruneDecision& decision : result.decisions) {
        if (decision.keep != kept) continue;
        write_decision(json, decision);
        ++count;
    }
    json.end_array();
    return count;
}

void print_json(Shell& shell, const PruneRequest& request, const PruneResult& result) {
    shell.print_json([&](JsonWriter& json) {
        json.field("dry_run", request.dry_run);
        json.key("rule");
        if (result.rule)
            write(json, *result.rule);
        else
            json.null();
        const std::uint64_t kept = write_decisions(json, "kept", result, true);
        const std::uint64_t removed = write_decisions(json, "removed", result, false);
        json.field("kept_count", kept);
        json.field("removed_count", removed);
        json.field("packs_condemned", result.packs_condemned);
        json.field("packs_deleted", result.packs_removed);
        json.field("bytes_freed", result.bytes_freed);
        write_timings(json, result.timings);
    });
}

void print_human(Shell& shell, const PruneRequest& request, const PruneResult& result) {
    Console& console = shell.console();
    Table table{{{""}, {"SNAPSHOT"}, {"CREATED"}, {"TAG"}, {"WHY"}}};
    std::uint64_t kept = 0;
    for (const PruneDecision& decision : result.decisions) {
        if (decision.keep) ++kept;
        table.add({decision.keep ? "keep" : "remove", decision.meta.snapshot_id.text().substr(0, 12),
                   decision.meta.created_at.human(), decision.meta.tag.text(), safe_line(joined(decision.reasons))});
    }
    if (!table.empty()) {
        for (const std::string& line : table.lines()) console.say(line);
    }
    const std::uint64_t going = result.decisions.size() - kept;
    if (request.dry_run) {
        console.say("dry run: would keep " + counted(kept, "snapshot", "snapshots") + " and remove " +
                    human_count(going) + "; nothing was changed");
        return;
    }
    console.say("kept " + counted(kept, "snapshot", "snapshots") + ", removed " + human_count(result.forgotten));
    console.say("freed " + human_bytes(result.bytes_freed) + ": " + counted(result.packs_removed, "pack", "packs") +
                " deleted, " + human_count(result.packs_condemned) + " condemned, in " +
                human_duration(total_seconds(result.timings)));
    if (!result.marked)
        console.say("only whole packs known to be unused were collected: the read key and the whole index tell more");
}

Result<int> prune(Shell& shell, const PruneLine& line) {
    const PruneRequest request = DR_TRY(make_request(line));
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    const PruneResult result = DR_TRY(Service{shell.world(), resolved.settings}.prune(request, shell.monitor()));
    shell.done_working();
    if (shell.options.json)
        print_json(shell, request, result);
    else
        print_human(shell, request, result);
    return 0;
}

}  // namespace

void add_prune(Command& root, Shell& shell) {
    auto line = std::make_shared<PruneLine>();
    Command command = root.command("prune", "remove what retention does not keep, and free its space");
    command.option(
        "--policy", line->policy, Value::File,
        "RetentionRule, or a Policy that holds one; without it 7 daily, 4 weekly and 12 monthly snapshots stay, and "
        "the others until their retention_days are over");
    command.options("--snapshot-id", line->snapshots, Value::Snapshot, "remove these instead of asking a rule");
    command.pair("dry-run", line->dry_run, "say what would go and stay, and why; change nothing");
    command.action([line, &shell] { return prune(shell, *line); });
}

}  // namespace dr::cli
