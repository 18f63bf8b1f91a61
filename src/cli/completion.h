#pragma once
// Completion scripts for bash, zsh and fish, made from the description of the commands: what parses is what completes.

#include <string>

#include "cli/arguments.h"

namespace dr::cli {

std::string bash_completion(const DescribedCommand& program);
std::string zsh_completion(const DescribedCommand& program);
std::string fish_completion(const DescribedCommand& program);

}  // namespace dr::cli
