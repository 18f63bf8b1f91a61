// `qnwis_dr completion`.

#include "cli/completion.h"

#include <functional>

#include "cli/commands.h"
#include "dr/models/relative_path.h"

namespace dr::cli {
namespace {

// The commands on the way to one, without the program's name; each with the options of every command.
struct Place {
    std::string path;  // "keys slot add"; empty: the program
    const DescribedCommand* command;
    std::vector<DescribedOption> options;
};

void collect(const DescribedCommand& command, const std::string& path, const std::vector<DescribedOption>& common,
             std::vector<Place>& places) {
    Place place{path, &command, command.options};
    for (const DescribedOption& option : common) {
        if (option.names.front() != "--help" && !path.empty()) place.options.push_back(option);
    }
    places.push_back(std::move(place));
    for (const DescribedCommand& below : command.commands)
        collect(below, path.empty() ? below.name : path + " " + below.name, common, places);
}

std::vector<Place> places_of(const DescribedCommand& program) {
    std::vector<Place> places;
    collect(program, "", program.options, places);
    return places;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

// "--worm,!--no-worm" is described by CLI11 as two names.
std::vector<std::string> names_of(const std::vector<DescribedOption>& options) {
    std::vector<std::string> names;
    for (const DescribedOption& option : options) names.insert(names.end(), option.names.begin(), option.names.end());
    return names;
}

std::vector<std::string> choices_of(const std::string& value) {
    std::vector<std::string> choices;
    if (value.find('|') == std::string::npos) return choices;
    for (std::size_t at = 0; at <= value.size();) {
        const std::size_t end = std::min(value.find('|', at), value.size());
        choices.push_back(value.substr(at, end - at));
        at = end + 1;
    }
    return choices;
}

// In single quotes, as all three shells read it.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string word_after(const DescribedCommand& command) {
    for (const std::string& positional : command.positionals) {
        const std::vector<std::string> choices = choices_of(positional);
        if (!choices.empty()) return joined(choices);
    }
    return "";
}

// bash's case arms: options with a value, by what completes it.
std::string bash_values(const std::vector<Place>& places) {
    std::map<std::string, std::string> by_option;
    for (const Place& place : places) {
        for (const DescribedOption& option : place.options) {
            if (option.value.empty()) continue;
            std::string reply = ":";
            if (option.value == "FILE")
                reply = "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\"))";
            else if (option.value == "DIR")
                reply = "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\"))";
            else if (option.value == "SNAPSHOT")
                reply = "COMPREPLY=($(compgen -W 'latest' -- \"$cur\"))";
            else if (const auto choices = choices_of(option.value); !choices.empty())
                reply = "COMPREPLY=($(compgen -W " + quoted(joined(choices)) + " -- \"$cur\"))";
            for (const std::string& name : option.names) by_option[name] = reply;
        }
    }
    std::string arms;
    for (const auto& [name, reply] : by_option) arms += "        " + name + ") " + reply + "; return ;;\n";
    return arms;
}

}  // namespace

std::string bash_completion(const DescribedCommand& program) {
    const std::vector<Place> places = places_of(program);
    std::string paths;
    std::string arms;
    for (const Place& place : places) {
        std::vector<std::string> words;
        for (const DescribedCommand& below : place.command->commands) words.push_back(below.name);
        paths += (paths.empty() ? "" : "|") + quoted(place.path);
        arms += "        " + quoted(place.path) + ") words=" + quoted(joined(words) + word_after(*place.command)) +
                "; options=" + quoted(joined(names_of(place.options))) + " ;;\n";
    }
    return "# bash completion of qnwis_dr, made by 'qnwis_dr completion bash'.\n"
           "_qnwis_dr() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} place= next word i words options\n"
           "    COMPREPLY=()\n"
           "    case $prev in\n" +
           bash_values(places) +
           "    esac\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        word=${COMP_WORDS[i]}\n"
           "        next=${place:+$place }$word\n"
           "        case $next in\n"
           "        " +
           paths +
           ") place=$next ;;\n"
           "        esac\n"
           "    done\n"
           "    case $place in\n" +
           arms +
           "    esac\n"
           "    if [[ $cur == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
           "    elif [[ -n $words ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "    else\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
           "    fi\n"
           "}\n"
           "complete -F _qnwis_dr qnwis_dr\n";
}

namespace {

// Brackets and colons mean something inside an argument of _arguments.
std::string zsh_text(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string zsh_action(const std::string& value) {
    if (value == "FILE") return ":file:_files";
    if (value == "DIR") return ":directory:_files -/";
    if (value == "SNAPSHOT") return ":snapshot:(latest)";
    if (const auto choices = choices_of(value); !choices.empty()) return ":value:(" + joined(choices) + ")";
    return ":value: ";
}

std::string zsh_option(const DescribedOption& option, const std::string& name) {
    const std::string repeat = option.repeated ? "*" : "";
    return quoted(repeat + name + "[" + zsh_text(option.help) + "]" +
                  (option.value.empty() ? "" : zsh_action(option.value)));
}

std::string function_name(const std::string& path) {
    std::string name = "_qnwis_dr";
    for (const char c : path.empty() ? std::string{} : " " + path)
        name += c == ' ' ? std::string("__") : std::string(1, c);
    return name;
}

std::string zsh_function(const Place& place) {
    std::string text =
        function_name(place.path) + "() {\n    local -a commands\n    local line state\n    _arguments -C";
    for (const DescribedOption& option : place.options) {
        for (const std::string& name : option.names) text += " \\\n        " + zsh_option(option, name);
    }
    const std::vector<DescribedCommand>& commands = place.command->commands;
    if (commands.empty()) {
        for (const std::string& positional : place.command->positionals)
            text += " \\\n        " + quoted(zsh_action(positional).substr(0, 1) + zsh_action(positional));
        return text + "\n}\n";
    }
    text +=
        " \\\n        '1: :->command' \\\n        '*:: :->arguments'\n    case $state in\n    command)\n        "
        "commands=(";
    for (const DescribedCommand& below : commands)
        text += "\n            " + quoted(zsh_text(below.name) + ":" + zsh_text(below.help));
    text += "\n        )\n        _describe command commands ;;\n    arguments)\n        case $line[1] in\n";
    for (const DescribedCommand& below : commands) {
        text += "        " + below.name + ") " +
                function_name(place.path.empty() ? below.name : place.path + " " + below.name) + " ;;\n";
    }
    return text + "        esac ;;\n    esac\n}\n";
}

}  // namespace

std::string zsh_completion(const DescribedCommand& program) {
    std::string text = "#compdef qnwis_dr\n# zsh completion of qnwis_dr, made by 'qnwis_dr completion zsh'.\n";
    for (const Place& place : places_of(program)) text += zsh_function(place);
    return text +
           "if [ \"$funcstack[1]\" = _qnwis_dr ]; then\n    _qnwis_dr \"$@\"\nelse\n    compdef _qnwis_dr "
           "qnwis_dr\nfi\n";
}

namespace {

std::string fish_value(const DescribedOption& option) {
    if (option.value.empty()) return "";
    if (option.value == "FILE") return " -r -F";
    if (option.value == "DIR") return " -x -a '(__fish_complete_directories)'";
    if (option.value == "SNAPSHOT") return " -x -a latest";
    if (const auto choices = choices_of(option.value); !choices.empty()) return " -x -a " + quoted(joined(choices));
    return " -x";
}

std::string fish_line(const std::string& condition, const std::string& rest, const std::string& help) {
    return "complete -c qnwis_dr -n " + quoted(condition) + rest + " -d " + quoted(help) + "\n";
}

}  // namespace

std::string fish_completion(const DescribedCommand& program) {
    std::string text =
        "# fish completion of qnwis_dr, made by 'qnwis_dr completion fish'.\n"
        "function __qnwis_dr_place --description 'the commands typed so far are these'\n"
        "    set -l typed\n"
        "    for word in (commandline -opc)[2..-1]\n"
        "        contains -- \"$typed $word\" $__qnwis_dr_places; and set typed \"$typed $word\"\n"
        "    end\n"
        "    test \"$typed\" = \"$argv[1]\"\n"
        "end\n"
        "complete -c qnwis_dr -f\n";
    const std::vector<Place> places = places_of(program);
    std::string all;
    std::string lines;
    for (const Place& place : places) {
        const std::string path = place.path.empty() ? "" : " " + place.path;
        if (!path.empty()) all += " " + quoted(path);
        const std::string condition = "__qnwis_dr_place \"" + path + "\"";
        for (const DescribedCommand& below : place.command->commands)
            lines += fish_line(condition, " -a " + quoted(below.name), below.help);
        if (const std::string choices = word_after(*place.command); !choices.empty())
            lines += fish_line(condition, " -a " + quoted(choices), "value");
        for (const DescribedOption& option : place.options) {
            for (const std::string& name : option.names) {
                const bool is_long = name.starts_with("--");
                lines += fish_line(condition,
                                   (is_long ? " -l " : " -s ") + name.substr(is_long ? 2 : 1) + fish_value(option),
                                   option.help);
            }
        }
    }
    return text + "set -g __qnwis_dr_places" + all + "\n" + lines;
}

namespace {

Result<int> print_completion(Shell& shell, const Arguments& arguments, const std::string& which) {
    std::string text;
    if (which == "bash") text = bash_completion(arguments.describe());
    if (which == "zsh") text = zsh_completion(arguments.describe());
    if (which == "fish") text = fish_completion(arguments.describe());
    if (text.empty()) {
        return Error{ErrorCode::BadRequest,
                     "there is completion for bash, zsh and fish, not for '" + printable(which) + "'"}
            .next("qnwis_dr completion --help");
    }
    DR_TRY(shell.console().write(text));
    return 0;
}

}  // namespace

void add_completion(Command& root, Arguments& arguments, Shell& shell) {
    auto which = std::make_shared<std::string>();
    Command command = root.command("completion", "a completion script for your shell");
    command.positional("shell", *which, Value::Shell, "bash, zsh or fish", Need::Required);
    command.action([which, &arguments, &shell] { return print_completion(shell, arguments, *which); });
}

}  // namespace dr::cli
