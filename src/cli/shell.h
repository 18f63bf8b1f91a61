#pragma once
// Shell: what every command has at hand: the world, the console, the options of every command, and the settings they
// lead to.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/console.h"
#include "cli/progress.h"
#include "dr/base/shell_word.h"
#include "dr/models/json_writer.h"
#include "dr/service/service.h"
#include "dr/service/settings.h"

namespace dr::cli {

// What the process was started with; main() reads it once.
struct Surroundings {
    Variables environment;
    bool is_root = false;
    unsigned umask = 022;        // as it was; the program's own is stricter
    const Clock& display_clock;  // for progress only; the World's clock may be a simulated one
};

// Options of every command.
struct CommonOptions {
    SettingOptions settings;
    bool json = false;
    bool quiet = false;
    bool verbose = false;
    bool no_input = false;
    std::vector<std::string> rest;  // what followed a lone "--" after --command
    std::string typed;              // the whole line, as a shell would take it again; COMMAND for what --command runs
};

class Shell {
public:
    // Borrows all.
    Shell(const World& world, const Surroundings& surroundings, Console& console);
    ~Shell();

    CommonOptions options;

    const World& world() const { return world_; }
    const Surroundings& surroundings() const { return surroundings_; }
    Console& console() const { return console_; }
    ConsoleMonitor& monitor();
    // Ends the progress display: before results are printed.
    void done_working();
    // Names this run in everything it prints: "cli-" and 16 hexadecimal digits.
    const std::string& request_id();

    // Reads the configuration and resolves every setting, the passphrase prompt too. NotFound where a named
    // configuration is missing, BadRequest.
    Result<ResolvedSettings> resolve() const;

    // One JSON document on one line. `write` is called inside an object that holds request_id already.
    void print_json(const std::function<void(JsonWriter&)>& write);
    // The error object with --json, and STYLE 7's lines on standard error. Its exit status.
    int fail(Error error);

    // A command for people to type: with the storage path, key file and configuration that this one was given.
    std::string command_line(std::string_view command) const;

private:
    const World& world_;
    const Surroundings& surroundings_;
    Console& console_;
    std::unique_ptr<ConsoleMonitor> monitor_;
    std::string request_id_;
};

void write_timings(JsonWriter& json, const Timings& timings);  // the field timings_ms
double total_seconds(const Timings& timings);

// A whole number of an option: BadRequest naming it.
Result<std::uint64_t> parse_number(std::string_view option, std::string_view text, std::uint64_t min,
                                   std::uint64_t max);

}  // namespace dr::cli
