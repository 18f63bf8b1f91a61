#pragma once
// Where the selected places outside the workspace hang in a snapshot: a tree of the directories above them.

#include <functional>
#include <map>
#include <span>
#include <string>

#include "dr/models/selection.h"

namespace dr {

struct VirtualPlace {
    std::map<std::string, VirtualPlace, std::less<>> children;
    bool selected = false;  // an outside root: it is stored with all below
};

// `roots` without those that a rule excludes. Each hangs by its full path without the leading '/'.
VirtualPlace place_roots(std::span<const OutsideRoot> roots);

}  // namespace dr
