#pragma once
// PathSet: places that stand for all below them. Answers in logarithmic time, so ten thousand `paths` cost a walk
// nothing.

#include <vector>

#include "dr/models/relative_path.h"

namespace dr {

class PathSet {
public:
    PathSet() = default;
    // Places below others are dropped.
    explicit PathSet(std::vector<RelativePath> places);

    void add(RelativePath place);

    bool empty() const { return places_.empty(); }
    // True if `path` is one of the places or lies below one.
    bool covers(const RelativePath& path) const;
    // True if a place lies below `path`.
    bool has_below(const RelativePath& path) const;
    // In the order of a walk that sorts each directory by name.
    const std::vector<RelativePath>& places() const { return places_; }

private:
    std::vector<RelativePath>::const_iterator first_after(const RelativePath& path) const;

    std::vector<RelativePath> places_;  // sorted as a walk goes; none below another
};

}  // namespace dr
