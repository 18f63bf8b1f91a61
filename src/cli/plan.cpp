// `qnwis_dr plan`: makes a BackupSpec of options, and says what it means.

#include "cli/commands.h"
#include "cli/format.h"
#include "cli/survey.h"
#include "dr/platform/posix/small_file.h"
#include "dr/service/key_access.h"

namespace dr::cli {
namespace {

struct PlanRequest {
    std::string spec_file, spec_id, tag, storage_target, encryption, retention_days, output, workspace = ".";
    std::vector<std::string> datasets, paths, exclude, config_paths;
    std::optional<bool> audit_packs, config_files, default_excludes, worm;
    bool explain = false;
};

constexpr std::size_t kMaxPlanFile = 16U << 20;

Result<void> add_identifiers(const std::vector<std::string>& texts, std::string_view what,
                             std::vector<Identifier>& list) {
    for (const std::string& text : texts) list.push_back(DR_TRY(Identifier::parse(text, what)));
    return {};
}

void append(std::vector<std::string>& list, const std::vector<std::string>& more) {
    list.insert(list.end(), more.begin(), more.end());
}

// The options on top of the plan that --spec names, or of an empty one.
Result<BackupSpec> make_spec(const PlanRequest& request) {
    BackupSpec spec;
    if (!request.spec_file.empty()) {
        const Bytes text = DR_TRY(read_small_file(request.spec_file, kMaxPlanFile));
        spec = DR_TRY(parse_backup_spec(as_text(text)));
    } else if (request.spec_id.empty() || request.tag.empty()) {
        return Error{ErrorCode::BadRequest, "a plan needs --spec-id and --tag"}.means("nothing was written");
    }
    if (!request.spec_id.empty()) spec.spec_id = DR_TRY(Identifier::parse(request.spec_id, "--spec-id"));
    if (!request.tag.empty()) spec.tag = DR_TRY(Identifier::parse(request.tag, "--tag"));
    if (!request.storage_target.empty())
        spec.storage_target = DR_TRY(Identifier::parse(request.storage_target, "--storage-target"));
    if (!request.encryption.empty()) spec.encryption = DR_TRY(parse_encryption(request.encryption));
    if (!request.retention_days.empty()) {
        spec.retention_days = DR_TRY(parse_number("--retention-days", request.retention_days, 1, kMaxRetentionDays));
    }
    DR_TRY(add_identifiers(request.datasets, "a dataset ID", spec.datasets));
    append(spec.paths, request.paths);
    append(spec.exclude, request.exclude);
    append(spec.config_paths, request.config_paths);
    spec.audit_packs = request.audit_packs.value_or(spec.audit_packs);
    spec.config = request.config_files.value_or(spec.config || !request.config_paths.empty());
    spec.default_excludes = request.default_excludes.value_or(spec.default_excludes);
    spec.worm = request.worm.value_or(spec.worm);
    DR_TRY(check(spec));
    return spec;
}

struct Explained {
    std::vector<Explanation> rules;
    Survey survey;
};

Result<Explained> explain(Shell& shell, const PlanRequest& request, const BackupSpec& spec) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    Result<std::string> workspace = real_directory(request.workspace, "workspace");
    if (!workspace.ok()) return std::move(workspace).error().next("qnwis_dr plan --help");
    const Selection selection = DR_TRY(Selection::create(spec, resolved.settings.mapping, workspace.value()));
    SurveyOptions options;
    options.repository = resolved.settings.storage_path;
    options.secrets = secret_files(resolved.settings);
    options.read_contents = spec.default_excludes;
    options.stop = [&shell] { return shell.monitor().cancelled(); };
    Explained explained{selection.explain(), DR_TRY(survey(selection, workspace.value(), options, shell.monitor()))};
    shell.done_working();
    return explained;
}

void print_explained(Console& console, const Explained& explained) {
    Table table{{{"", Table::Align::Left}, {"RULE"}, {"PATTERN"}, {"WHY"}}};
    for (const Explanation& rule : explained.rules) {
        table.add({rule.includes ? "+" : "-", printable(rule.id), printable(rule.pattern), safe_line(rule.text)});
    }
    for (const std::string& line : table.lines()) console.print(line);
    console.print("");
    const Survey& found = explained.survey;
    console.print("selects now: " + counted(found.files, "file", "files") + ", " + human_bytes(found.bytes));
    for (const auto& [reason, count] : found.skipped)
        console.print("leaves out:  " + human_count(count) + " " + reason);
    if (found.unreadable > 0) console.print("unreadable:  " + human_count(found.unreadable));
    if (found.files + found.others == 0)
        console.print("nothing would be stored, so a backup with this plan ends with exit status 10");
    for (const Identifier& dataset : found.datasets_missing) {
        console.print("dataset '" + dataset.text() +
                      "': no file of it would be stored, so a backup with this plan ends with exit status 10");
    }
}

void write_explained(JsonWriter& json, const Explained& explained) {
    json.key("explain");
    json.begin_array();
    for (const Explanation& rule : explained.rules) {
        json.begin_object();
        json.field("includes", rule.includes);
        json.field("id", rule.id);
        json.field("pattern", rule.pattern);
        json.field("reason", rule.reason);
        json.field("text", rule.text);
        json.end_object();
    }
    json.end_array();
    json.field("file_count", explained.survey.files);
    json.field("total_bytes", explained.survey.bytes);
    json.key("skipped");
    json.begin_object();
    for (const auto& [reason, count] : explained.survey.skipped) json.field(reason, count);
    json.end_object();
    json.field("datasets_missing", explained.survey.datasets_missing);
}

Result<int> plan(Shell& shell, const PlanRequest& request) {
    Result<BackupSpec> made = make_spec(request);
    if (!made.ok()) {
        Error error = std::move(made).error();
        if (error.next_step().empty()) error = Error{std::move(error).next("qnwis_dr plan --help")};
        return request.spec_file.empty()
                   ? std::move(error)
                   : std::move(error).during("reading the plan '" + printable(request.spec_file) + "'");
    }
    const BackupSpec& spec = made.value();
    if (!request.output.empty()) {
        Result<void> written = replace_file(request.output, as_bytes(print(spec)), 0644);
        if (!written.ok())
            return std::move(written).error().during("writing the plan '" + printable(request.output) + "'");
    }
    std::optional<Explained> explained;
    if (request.explain) explained = DR_TRY(explain(shell, request, spec));

    if (shell.options.json) {
        shell.print_json([&](JsonWriter& json) {
            if (!request.output.empty()) json.path_fields("output", request.output);
            json.key("spec");
            write(json, spec);
            if (explained) write_explained(json, *explained);
        });
        return 0;
    }
    if (explained)
        print_explained(shell.console(), *explained);
    else if (request.output.empty())
        return shell.console().write(print(spec)).ok() ? 0 : 1;
    if (!request.output.empty()) shell.console().say("wrote the plan '" + printable(request.output) + "'");
    return 0;
}

}  // namespace

void add_plan(Command& root, Shell& shell) {
    auto request = std::make_shared<PlanRequest>();
    Command plan_command = root.command("plan", "make a backup plan, or explain one");
    plan_command.option("--spec-id", request->spec_id, Value::Name, "name of the plan");
    plan_command.option("--tag", request->tag, Value::Name,
                        "class of its snapshots: daily, weekly, monthly or any other");
    plan_command.options("--datasets", request->datasets, Value::Name,
                         "dataset IDs: files of the catalog whose name contains one");
    plan_command.pair("audit-packs", request->audit_packs, "everything below audit_packs/");
    plan_command.pair("config-files", request->config_files, "the configuration files");
    plan_command.option("--storage-target", request->storage_target, Value::Name, "configured target it goes to");
    plan_command.option("--encryption", request->encryption, Value::Encryption, "how content is sealed");
    plan_command.option("--retention-days", request->retention_days, Value::Number,
                        "how long a snapshot that no rule keeps stays; with WORM, how long it is locked");
    plan_command.options("--paths", request->paths, Value::File, "any files or directories");
    plan_command.options("--exclude", request->exclude, Value::Glob, "patterns of what to leave out");
    plan_command.options("--config-paths", request->config_paths, Value::File, "more configuration files");
    plan_command.pair("default-excludes", request->default_excludes,
                      "leave out secrets, PII, caches and logs; switching it off is kept in each signed snapshot");
    plan_command.pair("worm", request->worm, "nobody removes the snapshots before their date");
    plan_command.option("--output", request->output, Value::File, "file to write; without it the plan is printed");
    plan_command.option("--spec", request->spec_file, Value::File, "plan to start from, or to explain");
    plan_command.flag("--explain", request->explain, "list every rule, and what it selects and leaves out now");
    plan_command.option("--workspace", request->workspace, Value::Directory,
                        "directory that is explained (default: the current one)");
    plan_command.action([request, &shell] { return plan(shell, *request); });
}

}  // namespace dr::cli
