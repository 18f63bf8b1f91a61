#pragma once
// Arguments: the commands and options of the program, what was typed, and what is wrong with it.
//
// A thin layer on CLI11, which only arguments.cpp includes. Commands are described once; parsing, help, did-you-mean
// and completion all come from that description.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace dr::cli {

// What a command returns: its exit status, or why it failed.
using Action = std::function<Result<int>()>;

// What a value is: shown in help, and used to complete it.
enum class Value : std::uint8_t {
    Text,
    File,
    Directory,
    Number,
    Snapshot,
    Glob,
    Name,
    Backend,
    Encryption,
    Format,
    Shell
};

enum class Need : std::uint8_t { Optional, Required };

struct CommandSet;

// One command, or the program itself. Borrows what its options write to; all of it must outlive the parse.
class Command {
public:
    Command command(const std::string& name,
                    const std::string& help);  // a command below this one; then one of them is needed

    // Names are comma-separated: "-q,--quiet". A text option may be given once.
    void option(const std::string& names, std::string& into, Value value, const std::string& help,
                Need need = Need::Optional);
    // Takes several values and may be repeated.
    void options(const std::string& names, std::vector<std::string>& into, Value value, const std::string& help,
                 Need need = Need::Optional);
    void flag(const std::string& names, bool& into, const std::string& help);
    // --name and --no-name; the last one counts; nothing where neither was given.
    void pair(const std::string& name, std::optional<bool>& into, const std::string& help);
    // An option whose value may be left out: `given` says that it was there.
    void option_or_flag(const std::string& names, std::string& into, bool& given, Value value, const std::string& help);
    void positional(const std::string& name, std::string& into, Value value, const std::string& help,
                    Need need = Need::Optional);
    // What runs when this command was typed.
    void action(Action action);

private:
    friend class Arguments;
    Command(CLI::App& app, CommandSet& set) : app_(&app), set_(&set) {}
    CLI::Option* named(CLI::Option* option, Value value, Need need);

    CLI::App* app_;
    CommandSet* set_;
};

// The description as data, for completion scripts.
struct DescribedOption {
    std::vector<std::string> names;  // "--tag", "-q"
    std::string help;
    std::string value;  // "FILE"; empty: a flag
    bool repeated = false;
};
struct DescribedCommand {
    std::string name;
    std::string help;
    std::vector<DescribedOption> options;
    std::vector<std::string> positionals;  // kinds of value
    std::vector<DescribedCommand> commands;
};

class Arguments {
public:
    Arguments(const std::string& help, const std::string& name);
    ~Arguments();
    Arguments(const Arguments&) = delete;
    Arguments& operator=(const Arguments&) = delete;

    Command root();

    struct Parsed {
        Action action;
        std::string help;  // not empty: print this instead
    };
    // Fails with BadRequest in words that help: unknown options and commands come with the nearest known one.
    Result<Parsed> parse(std::vector<std::string> words);

    DescribedCommand describe() const;

private:
    std::unique_ptr<CommandSet> set_;
};

}  // namespace dr::cli
