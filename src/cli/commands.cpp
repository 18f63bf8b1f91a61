#include "cli/commands.h"

namespace dr::cli {

// In the order somebody new needs them.
void add_commands(Arguments& arguments, Shell& shell) {
    Command root = arguments.root();
    add_keys(root, shell);
    add_plan(root, shell);
    add_init(root, shell);
    add_backup(root, shell);
    add_list(root, shell);
    add_verify(root, shell);
    add_restore(root, shell);
    add_prune(root, shell);
    add_ls(root, shell);
    add_find(root, shell);
    add_diff(root, shell);
    add_dump(root, shell);
    add_manifest(root, shell);
    add_stats(root, shell);
    add_config(root, shell);
    add_version(root, shell);
    add_completion(root, arguments, shell);
}

}  // namespace dr::cli
