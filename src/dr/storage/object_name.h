#pragma once
// Names of objects: one or more components of [A-Za-z0-9._-], 1 to 255 bytes each, separated by "/"; none is "." or
// "..", and all together are at most 1024 bytes.

#include <string_view>

#include "dr/base/result.h"

namespace dr {

bool is_object_name(std::string_view name);
// BadRequest unless is_object_name().
Result<void> check_object_name(std::string_view name);

// "packs/7/ab" -> "packs/7"; "" for a name without "/".
std::string_view directory_of(std::string_view name);

}  // namespace dr
