#include "cli/shell.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/advice.h"
#include "cli/passphrase_prompt.h"
#include "cli/signals.h"
#include "dr/platform/posix/small_file.h"
#include "dr/service/request_id.h"

namespace dr::cli {
namespace {

// /dev/null stands for "no configuration".
Result<std::optional<ConfigFile>> read_config(const ConfigChoice& choice) {
    for (const std::string& path : choice.files) {
        const Result<Bytes> text = read_small_file(path, kMaxConfigFile);
        if (text.ok()) {
            if (text.value().empty() && path == "/dev/null") return std::optional<ConfigFile>{};
            return std::optional{DR_TRY(parse_config(as_text(text.value()), path))};
        }
        if (text.error().code() == ErrorCode::NotFound && !choice.must_exist) continue;
        Error error = text.error();
        return std::move(error)
            .during("reading the configuration '" + printable(path) + "'" +
                    (choice.origin.empty() ? "" : " that " + choice.origin + " names"))
            .next("qnwis_dr config show --config /dev/null");
    }
    return std::optional<ConfigFile>{};
}

// Commands whose `next` line has to find the same repository as the one that failed.
bool needs_repository(std::string_view command) {
    static constexpr std::array<std::string_view, 14> kCommands{"backup",   "list", "verify",    "restore",    "prune",
                                                                "stats",    "ls",   "find",      "diff",       "dump",
                                                                "manifest", "init", "keys slot", "keys export"};
    return std::ranges::any_of(kCommands, [command](std::string_view name) { return command.starts_with(name); });
}

// … and those that read the configuration alone.
bool needs_settings(std::string_view command) {
    return command.starts_with("keys status") || command.starts_with("plan") || command.starts_with("config show");
}

// What follows four blanks explains the command and is not part of it. Blanks in a quoted word are.
std::size_t end_of_command(std::string_view command) {
    bool quoted = false;
    for (std::size_t i = 0; i < command.size(); ++i) {
        if (!quoted && command.substr(i).starts_with("    ")) return i;
        if (!quoted && command[i] == '\\')
            ++i;
        else if (command[i] == '\'')
            quoted = !quoted;
    }
    return command.size();
}

}  // namespace

Shell::Shell(const World& world, const Surroundings& surroundings, Console& console)
    : world_(world), surroundings_(surroundings), console_(console) {}
Shell::~Shell() = default;

ConsoleMonitor& Shell::monitor() {
    if (!monitor_) monitor_ = std::make_unique<ConsoleMonitor>(console_, surroundings_.display_clock);
    return *monitor_;
}

void Shell::done_working() {
    if (monitor_) monitor_->finish();
}

const std::string& Shell::request_id() {
    if (request_id_.empty()) request_id_ = new_identifier("cli", world_.random).text();
    return request_id_;
}

Result<ResolvedSettings> Shell::resolve() const {
    SettingsInput input;
    input.options = options.settings;
    input.environment = surroundings_.environment;
    input.is_root = surroundings_.is_root;
    input.config = DR_TRY(read_config(choose_config(options.settings, surroundings_.environment)));
    ResolvedSettings resolved = DR_TRY(resolve_settings(input));
    if (!options.no_input) resolved.settings.keys.ask = passphrase_prompt();
    return resolved;
}

void Shell::print_json(const std::function<void(JsonWriter&)>& write) {
    const std::string& id = request_id();
    const std::string line = json_text(JsonLayout::Compact, [&](JsonWriter& json) {
        json.begin_object();
        json.field("request_id", id);
        write(json);
        json.end_object();
    });
    (void)console_.write(line);  // flush() tells
}

int Shell::fail(Error error) {
    done_working();
    // A new object each time: an error that is moved into itself has nothing left to say.
    // Whatever broke off because of a signal was interrupted: nothing else is worth saying.
    if (interrupted() && error.code() != ErrorCode::Cancelled) error = Error{std::move(error).as(ErrorCode::Cancelled)};
    error = Error{with_advice(std::move(error), options.typed)};
    if (error.next_step().starts_with("qnwis_dr ")) {
        std::string next = command_line(std::string_view{error.next_step()}.substr(9));
        error = Error{std::move(error).next(std::move(next))};
    }
    const ErrorCodeInfo& code = info(error.code());
    if (options.json) {
        print_json([&](JsonWriter& json) {
            json.key("error");
            json.begin_object();
            json.field("code", code.label);
            json.field("exit_status", code.exit_status);
            json.field("message", error.what());
            json.field("means", error.meaning());
            json.field("while", error.whiles());
            json.field("next", error.next_step());
            json.end_object();
        });
    }
    console_.show(error);
    return code.exit_status;
}

std::string Shell::command_line(std::string_view command) const {
    const std::size_t end = end_of_command(command);
    std::string line = "qnwis_dr " + std::string(command.substr(0, end));
    const bool help = line.ends_with("--help");
    const auto add = [&](std::string_view option, const std::string& value) {
        if (!value.empty() && line.find(option) == std::string::npos)
            line += " " + std::string(option) + " " + shell_quoted(value);
    };
    if (needs_repository(command) && !help) add("--storage-path", options.settings.storage_path);
    if ((needs_repository(command) || command.starts_with("keys status")) && !help)
        add("--key-file", options.settings.key_file);
    if ((needs_repository(command) || needs_settings(command)) && !help) add("--config", options.settings.config);
    return line + std::string(command.substr(end));
}

void write_timings(JsonWriter& json, const Timings& timings) {
    json.key("timings_ms");
    json.begin_object();
    for (const auto& [phase, milliseconds] : timings) json.field(phase, milliseconds);
    if (timings.empty() || timings.back().first != "total") json.field("total", 0.0);
    json.end_object();
}

double total_seconds(const Timings& timings) { return timings.empty() ? 0 : timings.back().second / 1000; }

Result<std::uint64_t> parse_number(std::string_view option, std::string_view text, std::uint64_t min,
                                   std::uint64_t max) {
    Result<std::uint64_t> number = parse_natural(text, min, max);
    if (number.ok()) return number;
    return Error{ErrorCode::BadRequest, std::string(option) + " " + number.error().what()}.means("nothing was done");
}

}  // namespace dr::cli
