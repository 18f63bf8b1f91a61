#include "dr/models/suggest.h"

#include <algorithm>
#include <vector>

namespace dr {
namespace {

constexpr std::size_t kMaxName = 256;  // the distance takes time proportional to the product of both lengths

std::string lower(std::string_view text) {
    std::string low{text};
    for (char& c : low) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return low;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows of the usual table: a swap looks back two.
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before.swap(last);
        last.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row[b.size()];
}

std::optional<std::string> nearest(std::string_view name, std::span<const std::string_view> candidates) {
    if (name.size() > kMaxName) return std::nullopt;
    const std::string typed = lower(name);
    std::optional<std::string> best;
    std::size_t best_distance = 0;
    for (const std::string_view candidate : candidates) {
        if (candidate.size() > kMaxName) continue;
        const std::size_t distance = edit_distance(typed, lower(candidate));
        const std::size_t allowed = std::clamp<std::size_t>(std::max(name.size(), candidate.size()) / 3, 1, 4);
        if (distance > allowed || (best && distance >= best_distance)) continue;
        best = std::string(candidate);
        best_distance = distance;
    }
    return best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
    const std::optional<std::string> meant = nearest(name, candidates);
    return meant ? "; did you mean '" + *meant + "'?" : std::string{};
}

}  // namespace dr
