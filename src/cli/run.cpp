#include "cli/run.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cli/advice.h"
#include "cli/commands.h"
#include "cli/signals.h"

namespace dr::cli {
namespace {

constexpr const char* kAbout =
    "qnwis_dr: backup and disaster recovery of QNWIS.\n"
    "A restore at 03:00: qnwis_dr list; qnwis_dr restore --snapshot-id latest --target-path /mnt/restore --dry-run";

void add_common(Command root, CommonOptions& options) {
    root.option("--config", options.settings.config, Value::File, "configuration file (QNWIS_DR_CONFIG)");
    root.option("--storage-path", options.settings.storage_path, Value::Directory,
                "where the backups are: a directory or an URL (QNWIS_DR_STORAGE_PATH)");
    root.option("--backend", options.settings.backend, Value::Backend,
                "kind of storage; without it the storage path decides");
    root.option("--key-file", options.settings.key_file, Value::File, "wrapped key (QNWIS_DR_KEY_FILE)");
    root.option("--workers", options.settings.workers, Value::Number, "threads; one for each core without it");
    root.flag(
        "--accept-history", options.settings.accept_history,
        "trust the repository's history as it is now, though it is older than or differs from what this machine saw");
    root.flag("--no-input", options.no_input, "never ask on the terminal");
    root.flag("--json", options.json, "one JSON object, or JSON lines, as docs/schemas has them");
    root.flag("-q,--quiet", options.quiet, "no progress and no notes");
    root.flag("-v,--verbose", options.verbose, "more about what was done");
}

// The command of `backup --command -- CMD…` has options of its own, which are not ours.
std::vector<std::string> take_rest(std::vector<std::string>& words) {
    const auto mark = std::ranges::find(words, "--");
    if (mark == words.end() || std::find(words.begin(), mark, "--command") == mark) return {};
    std::vector<std::string> rest{mark + 1, words.end()};
    words.erase(mark, words.end());
    return rest;
}

// The line for people to type again. What `--command` runs may hold a secret, and this goes to errors.
std::string without_command(const std::vector<std::string>& words) {
    std::string line = "qnwis_dr";
    bool has_command = false;
    bool is_next = false;
    for (const std::string& word : words) {
        if (has_command && word == "--") return line + " -- COMMAND";
        const bool hidden = is_next && !word.starts_with('-');
        line += " " + (hidden ? "COMMAND" : word.starts_with("--command=") ? "--command=COMMAND" : shell_quoted(word));
        is_next = word == "--command";
        has_command = has_command || is_next;
    }
    return line;
}

// Before the line is understood: an error in it is shown as asked for, too.
void peek(const std::vector<std::string>& words, CommonOptions& options) {
    options.json = std::ranges::find(words, "--json") != words.end();
}

Result<int> parse_and_run(Arguments& arguments, Shell& shell, std::vector<std::string> words) {
    shell.options.typed = without_command(words);
    shell.options.rest = take_rest(words);
    Result<Arguments::Parsed> parsed = arguments.parse(words);
    if (!parsed.ok()) {
        peek(words, shell.options);
        return std::move(parsed).error();
    }
    if (!parsed.value().help.empty()) {
        DR_TRY(shell.console().write(parsed.value().help));
        return 0;
    }
    shell.console().set_quiet(shell.options.quiet);
    return parsed.value().action();
}

int finish(Shell& shell, Result<int> outcome) {
    // `qnwis_dr ls | head`: the reader had enough, and knows.
    if (!outcome.ok() && shell.console().reader_gone()) return info(ErrorCode::Io).exit_status;
    const int status = outcome.ok() ? outcome.value() : shell.fail(std::move(outcome).error());
    shell.done_working();
    const Result<void> flushed = shell.console().flush();
    if (flushed.ok() || shell.console().reader_gone()) return status;
    shell.console().show(with_advice(flushed.error(), shell.options.typed));
    return status != 0 ? status : info(flushed.error().code()).exit_status;
}

}  // namespace

int run(const World& world, const Surroundings& surroundings, std::vector<std::string> words) {
    catch_signals();
    Console console{look_at_terminal(surroundings.environment)};
    Shell shell{world, surroundings, console};
    try {
        Arguments arguments{kAbout, "qnwis_dr"};
        add_common(arguments.root(), shell.options);
        add_commands(arguments, shell, words.empty() ? std::string{} : words.front());
        return finish(shell, parse_and_run(arguments, shell, std::move(words)));
    } catch (const std::bad_alloc&) {
        return finish(shell, Error{ErrorCode::Io, "there is not enough memory"}.next("qnwis_dr config show"));
    } catch (const std::exception& error) {
        return finish(shell, Error{ErrorCode::Io, std::string("something unexpected happened: ") + error.what()});
    }
}

Process harden_process(char** environment) {
    Process process;
    for (char** variable = environment; *variable != nullptr; ++variable) {
        const std::string_view text = *variable;
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            process.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    process.is_root = ::geteuid() == 0;
    process.umask = ::umask(077);

    // Keys must not lie in a core dump.
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // the leak check attaches to its own process
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    // A walk holds a directory open for each level.
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
    return process;
}

}  // namespace dr::cli
