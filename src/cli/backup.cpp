// `qnwis_dr backup` and `qnwis_dr init`.

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <system_error>
#include <thread>

#include "cli/child.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/survey.h"
#include "dr/platform/posix/small_file.h"
#include "dr/service/key_access.h"

namespace dr::cli {
namespace {

constexpr std::size_t kMaxPlanFile = 16U << 20;

struct BackupLine {
    std::string spec_file, workspace = ".", stdin_name, command, tag;
    bool has_stdin = false, has_command = false, one_file_system = false;
    std::optional<bool> worm;
};

// The plan of --spec; for a stream one is made up.
Result<BackupSpec> read_spec(const BackupLine& line) {
    if (line.spec_file.empty()) {
        if (!line.has_stdin && !line.has_command) {
            return Error{ErrorCode::BadRequest, "'qnwis_dr backup' needs --spec"}
                .means("nothing was done")
                .next("qnwis_dr backup --help");
        }
        BackupSpec spec;
        spec.spec_id = DR_TRY(Identifier::parse("stream"));
        spec.tag = DR_TRY(Identifier::parse(line.tag.empty() ? "stream" : line.tag, "--tag"));
        return spec;
    }
    Result<Bytes> text = read_small_file(line.spec_file, kMaxPlanFile);
    if (!text.ok())
        return std::move(text)
            .error()
            .means("nothing was done: what to back up is not known")
            .next("qnwis_dr plan --help");
    Result<BackupSpec> spec = parse_backup_spec(as_text(text.value()));
    if (!spec.ok()) {
        return std::move(spec)
            .error()
            .means("nothing was done")
            .during("reading the plan '" + printable(line.spec_file) + "'")
            .next("qnwis_dr plan --help");
    }
    if (!line.tag.empty()) spec.value().tag = DR_TRY(Identifier::parse(line.tag, "--tag"));
    return spec;
}

// Standard input, or the output of a command. `command` keeps the latter alive.
Result<std::optional<StdinSource>> open_source(Shell& shell, const BackupLine& line,
                                               std::optional<OutputOfCommand>& command) {
    if (!line.has_stdin && !line.has_command) return std::optional<StdinSource>{};
    StdinSource source;
    source.name = line.has_stdin ? line.stdin_name : "stdin";
    if (!RelativePath::is_component(source.name)) {
        return Error{ErrorCode::BadRequest, "--stdin needs a file name, not '" + printable(source.name) + "'"}.next(
            "qnwis_dr backup --help");
    }
    if (line.has_command) {
        const bool by_shell = !line.command.empty();
        if (by_shell != shell.options.rest.empty()) {
            return Error{ErrorCode::BadRequest,
                         "--command needs one command: a text for the shell, or words after '--'"}
                .next("qnwis_dr backup --help");
        }
        const std::vector<std::string> words =
            by_shell ? std::vector<std::string>{"/bin/sh", "-c", line.command} : shell.options.rest;
        command.emplace(DR_TRY(OutputOfCommand::start(words, shell.surroundings().umask)));
        source.fd = command->fd();
        source.finished = [&command] { return command->wait(); };
        return std::optional{std::move(source)};
    }
    if (::isatty(STDIN_FILENO) == 1) {
        return Error{ErrorCode::BadRequest, "--stdin reads standard input, which is a terminal"}.next(
            "qnwis_dr backup --help");
    }
    source.fd = STDIN_FILENO;
    struct stat status{};
    if (::fstat(source.fd, &status) == 0 && S_ISREG(status.st_mode))
        shell.monitor().expect(static_cast<std::uint64_t>(status.st_size), 1);
    return std::optional{std::move(source)};
}

// The total of a first backup is not known before it ends. On a terminal it is found by a walk beside it.
class BackgroundSurvey {
public:
    BackgroundSurvey(Shell& shell, const Settings& settings, const BackupRequest& request) {
        if (!shell.console().look().err_is_terminal || shell.console().quiet() || request.standard_input) return;
        ConsoleMonitor& monitor = shell.monitor();
        try {
            thread_ = std::jthread{[&monitor, &settings, &request](const std::stop_token& stop) {
                run(monitor, settings, request, stop);
            }};
        } catch (const std::system_error&) {
            // No thread to be had: the total stays unknown.
        }
    }

private:
    static void run(ConsoleMonitor& monitor, const Settings& settings, const BackupRequest& request,
                    const std::stop_token& stop) {
        // A later backup knows its total from the snapshot before it: give it time to say so.
        for (int i = 0; i < 10 && !stop.stop_requested(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
        if (stop.stop_requested() || monitor.has_total()) return;
        const Result<std::string> workspace = real_path(request.workspace);
        if (!workspace.ok()) return;
        const Result<Selection> selection = Selection::create(request.spec, settings.mapping, workspace.value());
        if (!selection.ok()) return;
        SurveyOptions options;
        options.repository = settings.storage_path;
        options.secrets = secret_files(settings);
        options.stop = [&stop, &monitor] { return stop.stop_requested() || monitor.cancelled(); };
        SilentMonitor silent;  // the backup itself reports what cannot be read
        const Result<Survey> found = survey(selection.value(), workspace.value(), options, silent);
        if (found.ok()) monitor.expect(found.value().bytes, found.value().files);
    }

    std::jthread thread_;
};

// A hook goes by its place in the plan: its text may hold a password.
std::string name_of_hook(std::size_t index, std::string_view list) {
    return "hook " + std::to_string(index + 1) + " of '" + std::string(list) + "'";
}

Result<void> run_before(Shell& shell, const BackupSpec& spec) {
    const std::vector<std::string>& hooks = spec.hooks.before;
    for (std::size_t i = 0; i < hooks.size(); ++i) {
        Result<void> ran = run_hook({name_of_hook(i, "before"), hooks[i]}, shell.surroundings().umask);
        if (!ran.ok()) return std::move(ran).error().means("no backup was made").during("running the plan's hooks");
    }
    return {};
}

// All of them, whatever came of the backup; the first failure is what comes back.
Result<void> run_after(Shell& shell, const BackupSpec& spec) {
    Result<void> first;
    const std::vector<std::string>& hooks = spec.hooks.after;
    for (std::size_t i = 0; i < hooks.size(); ++i) {
        Result<void> ran = run_hook({name_of_hook(i, "after"), hooks[i]}, shell.surroundings().umask);
        if (!ran.ok() && first.ok()) first = std::move(ran).error().during("running the plan's hooks");
    }
    return first;
}

void print_json(Shell& shell, const BackupResult& result) {
    shell.print_json([&](JsonWriter& json) {
        const SnapshotMeta& meta = result.meta;
        json.field("snapshot_id", meta.snapshot_id);
        json.field("spec_id", meta.spec_id);
        json.field("tag", meta.tag);
        json.field("created_at", meta.created_at);
        json.field("parent", result.parent);
        json.field("total_bytes", meta.total_bytes);
        json.field("file_count", meta.file_count);
        json.field("manifest_hash", meta.manifest_hash);
        json.field("encrypted", meta.encrypted);
        json.field("storage_backend", name_of(meta.storage_backend));
        json.field("storage_path", meta.storage_path);
        json.field("repository_created", result.repository_created);
        json.field("retain_until", meta.retain_until);
        json.field("worm", meta.worm);
        json.field("files_new", result.files_new);
        json.field("files_changed", result.files_changed);
        json.field("files_unmodified", result.files_unmodified);
        json.field("files_unreadable", result.files_unreadable);
        json.field("directories", result.directories);
        json.field("bytes_read", result.bytes_read);
        json.field("bytes_stored", result.bytes_stored);
        json.field("bytes_deduplicated", result.bytes_deduplicated);
        json.field("bytes_resumed", result.bytes_resumed);
        json.field("resumed", result.resumed);
        json.key("unreadable");
        json.begin_array();
        for (const auto& [path, reason] : result.unreadable) write(json, PathProblem{path, reason});
        json.end_array();
        json.key("skipped");
        json.begin_object();
        for (const auto& [reason, count] : result.skipped) json.field(reason, count);
        json.end_object();
        write_timings(json, result.timings);
    });
}

void print_human(Shell& shell, const BackupResult& result) {
    Console& console = shell.console();
    const SnapshotMeta& meta = result.meta;
    console.say("snapshot " + meta.snapshot_id.text() + " of " + meta.created_at.human() + ", tag " + meta.tag.text());
    console.say("  holds    " + counted(meta.file_count, "file", "files") + ", " + human_bytes(meta.total_bytes) +
                ": " + human_count(result.files_new) + " new, " + human_count(result.files_changed) + " changed, " +
                human_count(result.files_unmodified) + " unmodified");
    console.say("  storage  " + human_bytes(result.bytes_read) + " read, " + human_bytes(result.bytes_stored) +
                " stored, " + human_bytes(result.bytes_deduplicated) + " were there already");
    if (result.resumed)
        console.say("  resumed  " + human_bytes(result.bytes_resumed) + " came from a run that was interrupted");
    if (!meta.encrypted) console.say("  NOT ENCRYPTED: whoever reads the storage reads the files");
    if (meta.worm && meta.retain_until)
        console.say("  WORM     nobody removes it before " + meta.retain_until->human());
    std::string skipped;
    for (const auto& [reason, count] : result.skipped)
        skipped += (skipped.empty() ? "" : ", ") + human_count(count) + " " + reason;
    if (!skipped.empty()) console.say("  left out " + skipped);
    console.say("  took     " + human_duration(total_seconds(result.timings)));
}

int report(Shell& shell, const BackupResult& result) {
    for (const auto& [path, reason] : result.unreadable) shell.monitor().list(path, reason);
    if (shell.options.json)
        print_json(shell, result);
    else
        print_human(shell, result);
    if (result.files_unreadable == 0) return 0;
    const Error error =
        Error{ErrorCode::Io, counted(result.files_unreadable, "file", "files") + " could not be read"}
            .means("the snapshot is whole but for them; each is named above, at most " + std::to_string(kWarningsShown))
            .next(shell.command_line("ls --snapshot-id " + result.meta.snapshot_id.text().substr(0, 12)));
    shell.console().show(error);
    return 3;
}

// The plan's storage target decides where the line does not. Lines to type next have to find that place too.
Result<bool> go_to_target(Shell& shell, ResolvedSettings& resolved, const Identifier& target) {
    const std::string usual = resolved.settings.storage_path;
    Result<bool> worm = apply_storage_target(resolved, target);
    if (!worm.ok())
        return std::move(worm).error().next("qnwis_dr --storage-path " + shell_quoted(usual) +
                                            shell.options.typed.substr(std::string_view{"qnwis_dr"}.size()));
    if (resolved.settings.storage_path != usual) shell.options.settings.storage_path = resolved.settings.storage_path;
    return worm;
}

Result<int> backup(Shell& shell, const BackupLine& line) {
    BackupRequest request;
    request.spec = DR_TRY(read_spec(line));
    request.workspace = line.workspace;
    request.spec_file = line.spec_file;
    request.one_file_system = line.one_file_system;
    request.any_encryption = line.spec_file.empty();  // of a stream nobody said it
    ResolvedSettings resolved = DR_TRY(shell.resolve());
    const bool target_worm = DR_TRY(go_to_target(shell, resolved, request.spec.storage_target));
    request.worm = line.worm.value_or(request.spec.worm || target_worm);
    if (line.worm) request.spec.worm = *line.worm;

    DR_TRY(run_before(shell, request.spec));
    std::optional<OutputOfCommand> command;
    Result<BackupResult> result = [&]() -> Result<BackupResult> {
        request.standard_input = DR_TRY(open_source(shell, line, command));
        const BackgroundSurvey total{shell, resolved.settings, request};
        return Service{shell.world(), resolved.settings}.backup(request, shell.monitor());
    }();
    command.reset();
    shell.done_working();
    Result<void> after = run_after(shell, request.spec);
    if (!result.ok()) {
        if (!after.ok()) shell.console().show(after.error());
        return std::move(result).error();
    }
    const int status = report(shell, result.value());
    if (!after.ok())
        return std::move(after).error().means("the snapshot " + result.value().meta.snapshot_id.text() +
                                              " is there and whole");
    return status;
}

Result<int> init(Shell& shell, const std::string& encryption) {
    InitRequest request;
    if (!encryption.empty()) request.encryption = DR_TRY(parse_encryption(encryption));
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    const InitResult result = DR_TRY(Service{shell.world(), resolved.settings}.init(request, shell.monitor()));
    shell.done_working();
    const std::string backend = resolved.settings.backend.empty() ? "local" : resolved.settings.backend;
    if (shell.options.json) {
        shell.print_json([&](JsonWriter& json) {
            json.field("repository_id", result.repository);
            json.field("storage_backend", backend);
            json.field("storage_path", result.storage_path);
            json.field("encryption", name_of(result.encrypted ? Encryption::Aes256Gcm : Encryption::None));
            json.field("created", true);
        });
        return 0;
    }
    shell.console().say("made the repository " + result.repository.short_hex() + " in '" +
                        printable(result.storage_path) + "'");
    if (!result.encrypted) shell.console().say("  NOT ENCRYPTED: whoever reads the storage reads the files");
    return 0;
}

}  // namespace

void add_backup(Command& root, Shell& shell) {
    auto line = std::make_shared<BackupLine>();
    Command command = root.command("backup", "back up what a plan selects");
    command.option("--spec", line->spec_file, Value::File, "plan, as 'qnwis_dr plan' writes it");
    command.option("--workspace", line->workspace, Value::Directory,
                   "what the plan's relative paths start from (default: the current directory)");
    command.option("--tag", line->tag, Value::Name, "instead of the plan's tag");
    command.pair("worm", line->worm, "nobody removes the snapshot before its date");
    command.flag("--one-file-system", line->one_file_system, "do not cross mount points");
    command.option("--stdin", line->stdin_name, Value::Name, "back up standard input as a file of this name");
    command.option_or_flag(
        "--command", line->command, line->has_command, Value::Text,
        "back up what this prints (a text for the shell, or words after '--'); no snapshot unless it exits with 0");
    command.action([line, &shell] {
        line->has_stdin = !line->stdin_name.empty();
        return backup(shell, *line);
    });
}

void add_init(Command& root, Shell& shell) {
    auto encryption = std::make_shared<std::string>();
    Command command = root.command("init", "make a repository, and its directory");
    command.option("--encryption", *encryption, Value::Encryption, "fixed for the life of the repository");
    command.action([encryption, &shell] { return init(shell, *encryption); });
}

}  // namespace dr::cli
