#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <deque>

#include "dr/models/relative_path.h"
#include "dr/models/suggest.h"

namespace dr::cli {

struct CommandSet {
    CLI::App app;
    std::map<const CLI::App*, Action> actions;
    std::deque<bool> switches;                      // CLI11 writes here; addresses stay
    std::vector<std::function<void()>> afterwards;  // run after a good parse

    CommandSet(const std::string& help, const std::string& name) : app(help, name) {}
};

namespace {

const char* type_name(Value value) {
    switch (value) {
        case Value::Text: return "TEXT";
        case Value::File: return "FILE";
        case Value::Directory: return "DIR";
        case Value::Number: return "N";
        case Value::Snapshot: return "SNAPSHOT";
        case Value::Glob: return "GLOB";
        case Value::Name: return "NAME";
        case Value::Backend: return "local|archive|object_store";
        case Value::Encryption: return "aes_256_gcm|none";
        case Value::Format: return "json|sha256sum";
        case Value::Shell: return "bash|zsh|fish";
    }
    return "TEXT";
}

bool is_option(std::string_view word) { return word.size() > 1 && word.starts_with('-'); }

// "qnwis_dr keys slot", as typed so far.
std::string typed(const CLI::App& deepest) {
    std::string words = deepest.get_name();
    for (const CLI::App* app = deepest.get_parent(); app != nullptr; app = app->get_parent())
        words.insert(0, app->get_name() + " ");
    return words;
}

const CLI::App& deepest_of(const CLI::App& root) {
    const CLI::App* app = &root;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    return *app;
}

std::vector<std::string> option_names(const CLI::App& command, const CLI::App& root) {
    std::vector<std::string> names;
    const auto add = [&names](const CLI::App& app) {
        for (const CLI::Option* option : app.get_options()) {
            for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
        }
    };
    add(command);
    if (&command != &root) add(root);
    return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
    return names;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
    const std::vector<std::string_view> views{names.begin(), names.end()};
    return did_you_mean(word, views);
}

Error wrong(const CLI::App& deepest, std::string what) {
    return Error{ErrorCode::BadRequest, std::move(what)}.means("nothing was done").next(typed(deepest) + " --help");
}

// The first word that nothing took, if there is one: whatever else is wrong follows from it.
std::optional<Error> unknown_word(const CLI::App& root) {
    const CLI::App& deepest = deepest_of(root);
    const std::vector<std::string> left = root.remaining(true);
    for (const std::string& word : left) {
        if (!is_option(word)) continue;
        const std::string name = word.substr(0, word.find('='));
        const std::string hint = name.starts_with("--") ? suggestion(name, option_names(deepest, root)) : "";
        return wrong(deepest, "'" + typed(deepest) + "' has no option '" + printable(name) + "'" + hint);
    }
    if (left.empty()) return std::nullopt;
    const std::vector<std::string> commands = command_names(deepest);
    if (commands.empty())
        return wrong(deepest, "'" + typed(deepest) + "' does not take '" + printable(left.front()) + "'");
    return wrong(deepest, "'" + typed(deepest) + "' has no command '" + printable(left.front()) + "'" +
                              suggestion(left.front(), commands));
}

Error explain(const CLI::App& root, const CLI::ParseError& error) {
    if (std::optional<Error> word = unknown_word(root)) return std::move(*word);
    const CLI::App& deepest = deepest_of(root);
    if (!deepest.get_subcommands(nullptr).empty()) return wrong(deepest, "'" + typed(deepest) + "' needs a command");
    std::string what = error.what();
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
        const std::size_t end = what.find(" is required");
        if (end != std::string::npos) what = "'" + typed(deepest) + "' needs " + what.substr(0, end);
    }
    const std::size_t line_end = what.find('\n');
    return wrong(deepest, printable(what.substr(0, line_end)));
}

DescribedOption describe_option(const CLI::Option& option) {
    DescribedOption described;
    for (const std::string& name : option.get_lnames()) described.names.push_back("--" + name);
    for (const std::string& name : option.get_snames()) described.names.push_back("-" + name);
    described.help = option.get_description();
    if (option.get_items_expected_max() > 0) described.value = option.get_type_name();
    described.repeated = option.get_items_expected_max() > 1;
    return described;
}

DescribedCommand describe_command(const CLI::App& app) {
    DescribedCommand described;
    described.name = app.get_name();
    described.help = app.get_description();
    for (const CLI::Option* option : app.get_options()) {
        if (option->nonpositional())
            described.options.push_back(describe_option(*option));
        else
            described.positionals.push_back(option->get_type_name());
    }
    for (const CLI::App* command : app.get_subcommands(nullptr))
        described.commands.push_back(describe_command(*command));
    return described;
}

}  // namespace

CLI::Option* Command::named(CLI::Option* option, Value value, Need need) {
    return option->type_name(type_name(value))->required(need == Need::Required);
}

Command Command::command(const std::string& name, const std::string& help) {
    CLI::App* below = app_->add_subcommand(name, help);
    below->footer("Options of every command: qnwis_dr --help");
    app_->require_subcommand(1);
    return Command{*below, *set_};
}

void Command::option(const std::string& names, std::string& into, Value value, const std::string& help, Need need) {
    named(app_->add_option(names, into, help), value, need);
}

void Command::options(const std::string& names, std::vector<std::string>& into, Value value, const std::string& help,
                      Need need) {
    named(app_->add_option(names, into, help), value, need);
}

void Command::flag(const std::string& names, bool& into, const std::string& help) { app_->add_flag(names, into, help); }

void Command::pair(const std::string& name, std::optional<bool>& into, const std::string& help) {
    bool& value = set_->switches.emplace_back(false);
    CLI::Option* option = app_->add_flag("--" + name + ",!--no-" + name, value, help);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    set_->afterwards.emplace_back([option, &value, &into] {
        if (option->count() > 0) into = value;
    });
}

void Command::option_or_flag(const std::string& names, std::string& into, bool& given, Value value,
                             const std::string& help) {
    CLI::Option* option = named(app_->add_option(names, into, help), value, Need::Optional);
    option->expected(0, 1);
    set_->afterwards.emplace_back([option, &given] { given = option->count() > 0; });
}

void Command::positional(const std::string& name, std::string& into, Value value, const std::string& help, Need need) {
    named(app_->add_option(name, into, help), value, need);
}

void Command::action(Action action) { set_->actions[app_] = std::move(action); }

Arguments::Arguments(const std::string& help, const std::string& name)
    : set_(std::make_unique<CommandSet>(help, name)) {
    set_->app.fallthrough();  // inherited: the options of every command may stand before it or after it
    set_->app.get_formatter()->column_width(34);
}
Arguments::~Arguments() = default;

Command Arguments::root() { return Command{set_->app, *set_}; }

Result<Arguments::Parsed> Arguments::parse(std::vector<std::string> words) {
    std::ranges::reverse(words);  // CLI11 takes them from the back
    try {
        set_->app.parse(words);
    } catch (const CLI::CallForHelp&) {
        return Parsed{nullptr, set_->app.help()};
    } catch (const CLI::ParseError& error) {
        return explain(set_->app, error);
    } catch (const std::exception& error) {
        return Error{ErrorCode::BadRequest, std::string("the arguments cannot be read: ") + error.what()}.next(
            "qnwis_dr --help");
    }
    for (const std::function<void()>& settle : set_->afterwards) settle();
    const auto action = set_->actions.find(&deepest_of(set_->app));
    DR_CHECK(action != set_->actions.end());
    return Parsed{action->second, ""};
}

DescribedCommand Arguments::describe() const { return describe_command(set_->app); }

}  // namespace dr::cli
