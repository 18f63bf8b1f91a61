#pragma once
// Words for a line that people type or paste into a shell.

#include <string>
#include <string_view>

namespace dr {

// In single quotes where a shell would need them.
std::string shell_quoted(std::string_view word);

}  // namespace dr
