#include "cli/commands.h"

#include <algorithm>
#include <string_view>

namespace dr::cli {
namespace {

struct Named {
    std::string_view name;
    void (*add)(Command& root, Shell& shell);
};

// In the order somebody new needs them.
constexpr Named kCommands[] = {
    {"keys", add_keys},         {"plan", add_plan},   {"init", add_init},
    {"backup", add_backup},     {"list", add_list},   {"verify", add_verify},
    {"restore", add_restore},   {"prune", add_prune}, {"ls", add_ls},
    {"find", add_find},         {"diff", add_diff},   {"dump", add_dump},
    {"manifest", add_manifest}, {"stats", add_stats}, {"config", add_config},
    {"version", add_version},
};

}  // namespace

// To describe all options of all commands takes longer than most of what a short command does. Who names a command
// first gets that one; help, completion and a misspelt name get all.
void add_commands(Arguments& arguments, Shell& shell, std::string_view first_word) {
    Command root = arguments.root();
    const bool named = std::ranges::find(kCommands, first_word, &Named::name) != std::ranges::end(kCommands);
    for (const Named& command : kCommands) {
        if (!named || command.name == first_word) command.add(root, shell);
    }
    if (!named) add_completion(root, arguments, shell);
}

}  // namespace dr::cli
