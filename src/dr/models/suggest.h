#pragma once
// Did-you-mean: the known name nearest to what somebody typed.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dr {

// Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, changes and swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `name`, case ignored, the first one among equals; nothing if even the nearest is too far to
// be meant (more than a third of the longer name, at least 1 and at most 4 edits), or if `name` is longer than 256
// bytes.
std::optional<std::string> nearest(std::string_view name, std::span<const std::string_view> candidates);

// "; did you mean 'datasets'?", or nothing.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace dr
