#include "dr/models/path_set.h"

#include <algorithm>

namespace dr {
namespace {

// Byte order in which '/' comes before every other byte: what lies below a place then follows it directly.
bool walks_before(const RelativePath& a, const RelativePath& b) {
    const auto rank = [](char c) { return c == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(c)) + 1; };
    return std::ranges::lexicographical_compare(a.bytes(), b.bytes(), {}, rank, rank);
}

}  // namespace

PathSet::PathSet(std::vector<RelativePath> places) {
    std::ranges::sort(places, walks_before);
    for (RelativePath& place : places) {
        if (places_.empty() || !place.is_within(places_.back())) places_.push_back(std::move(place));
    }
}

void PathSet::add(RelativePath place) {
    std::vector<RelativePath> all = std::move(places_);
    all.push_back(std::move(place));
    *this = PathSet{std::move(all)};
}

std::vector<RelativePath>::const_iterator PathSet::first_after(const RelativePath& path) const {
    return std::ranges::upper_bound(places_, path, walks_before);
}

bool PathSet::covers(const RelativePath& path) const {
    const auto after = first_after(path);
    return after != places_.begin() && path.is_within(*std::prev(after));
}

bool PathSet::has_below(const RelativePath& path) const {
    const auto after = first_after(path);
    return after != places_.end() && after->is_within(path);
}

}  // namespace dr
