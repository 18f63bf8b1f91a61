#pragma once
// Place: a path of a plan or of the configuration, as somebody typed it: absolute, or relative to the workspace.

#include <string_view>

#include "dr/base/result.h"
#include "dr/models/relative_path.h"

namespace dr {

struct Place {
    bool absolute = false;
    RelativePath path;  // below '/', or below the workspace; the root for "/" and "."
};

// Drops repeated slashes, one at the end, and '.'. Fails with BadRequest: empty, NUL, or '..', which would mean
// different places before and after symlinks are followed.
Result<Place> parse_place(std::string_view text);

}  // namespace dr
