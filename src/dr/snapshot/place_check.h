#pragma once
// What a plan asks for by its place, looked at one by one. A walk alone would pass in silence over what is not there,
// what lies behind a symbolic link, and a directory that is one: links are stored and not followed. A link that the
// walk meets below a place may lead where it likes.

#include <string>
#include <vector>

#include "dr/models/selection.h"

namespace dr {

struct PlaceProblem {
    std::string path;  // in the snapshot
    std::string reason;
};

struct PlaceCheck {
    std::vector<PlaceProblem> problems;      // those of missing parts too
    std::vector<std::string> parts_missing;  // "audit_packs", "config": nothing of it is there
    PartSet parts_elsewhere = 0;             // some of it lies behind a link: reported, or stored by another path
};

// Why a part is reported that is there, but of which nothing else than directories is stored.
std::string empty_part_reason(const std::string& part);

// `workspace` is the one that the selection was made for. A named place outside it that is not there is none of the
// problems: the walk starts there and says so.
PlaceCheck check_places(const Selection& selection, const std::string& workspace);

}  // namespace dr
