#pragma once
// run: one command line, from its words to its exit status. main() and the tests' own executable call it.

#include <string>
#include <vector>

#include "cli/shell.h"

namespace dr::cli {

// `words` without the program's name. Exceptions of others end here.
int run(const World& world, const Surroundings& surroundings, std::vector<std::string> words);

// The environment, user and umask of this process. Makes the umask 077 and the process undumpable: what it writes and
// holds is for its user only.
struct Process {
    Variables environment;
    bool is_root = false;
    unsigned umask = 022;
};
Process harden_process(char** environment);

}  // namespace dr::cli
