#pragma once
// docs/FORMAT.md as this program was built with: what lands in each repository as FORMAT.txt.

#include <string_view>

namespace dr {

std::string_view format_text();

}  // namespace dr
