#pragma once
// The commands of SPEC 4. Each function describes one and says what runs; a subcommand decides nothing: it asks the
// service and prints.

#include "cli/arguments.h"
#include "cli/shell.h"

namespace dr::cli {

// `arguments` is for completion, which describes the whole program.
void add_commands(Arguments& arguments, Shell& shell, std::string_view first_word);

void add_keys(Command& root, Shell& shell);
void add_init(Command& root, Shell& shell);
void add_plan(Command& root, Shell& shell);
void add_backup(Command& root, Shell& shell);
void add_list(Command& root, Shell& shell);
void add_verify(Command& root, Shell& shell);
void add_restore(Command& root, Shell& shell);
void add_prune(Command& root, Shell& shell);
void add_ls(Command& root, Shell& shell);
void add_find(Command& root, Shell& shell);
void add_diff(Command& root, Shell& shell);
void add_dump(Command& root, Shell& shell);
void add_manifest(Command& root, Shell& shell);
void add_stats(Command& root, Shell& shell);
void add_config(Command& root, Shell& shell);
void add_version(Command& root, Shell& shell);
void add_completion(Command& root, Arguments& arguments, Shell& shell);

// Words that several commands share.
namespace help {
inline constexpr const char* kSnapshotId = "snapshot: an id, a unique beginning of one, latest, or latest:TAG";
}

}  // namespace dr::cli
