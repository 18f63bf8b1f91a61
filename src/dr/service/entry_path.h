#pragma once
// A path in a snapshot, as people type it.

#include <string_view>

#include "dr/models/relative_path.h"

namespace dr {

// "data", "./data", "data/" and "/data" are the entry `data`; "", "." and "/" are the root. BadRequest.
Result<RelativePath> parse_entry_path(std::string_view path);

}  // namespace dr
