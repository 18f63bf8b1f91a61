#include "dr/repository/replay_packsets.h"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "dr/base/check.h"

namespace dr {
namespace {

bool holds(const PackNumbers& numbers, PackNumber pack) { return std::ranges::binary_search(numbers, pack); }

// Packs taken away on the way down from a set: filter 0 takes nothing, every other one what another takes and a list
// more. Sets that one record made smaller share that list, and so the filter.
class Filters {
public:
    using Id = std::uint32_t;

    Id with(Id filter, const PackNumbers* removed) {
        const auto [found, is_new] = known_.try_emplace({filter, removed}, static_cast<Id>(filters_.size() + 1));
        if (is_new) {
            std::vector<bool> taken = filter == 0 ? std::vector<bool>{} : filters_[filter - 1];
            if (!removed->empty() && removed->back() >= taken.size()) taken.resize(std::size_t{removed->back()} + 1);
            for (const PackNumber pack : *removed) taken[pack] = true;
            filters_.push_back(std::move(taken));
        }
        return found->second;
    }
    bool takes(Id filter, PackNumber pack) const {
        return filter != 0 && pack < filters_[filter - 1].size() && filters_[filter - 1][pack];
    }

private:
    std::map<std::pair<Id, const PackNumbers*>, Id> known_;
    std::vector<std::vector<bool>> filters_;
};

}  // namespace

bool PackSets::Node::operator==(const Node& other) const {
    if (base != other.base || added != other.added || (removed == nullptr) != (other.removed == nullptr)) return false;
    return removed == nullptr || *removed == *other.removed;
}

PackSets::Id PackSets::extended(Id base, PackNumbers added) {
    DR_CHECK(base <= nodes_.size());
    if (added.empty()) return base;
    std::ranges::sort(added);
    added.erase(std::ranges::unique(added).begin(), added.end());
    nodes_.push_back({base, std::move(added), nullptr});
    return static_cast<Id>(nodes_.size());
}

PackSets::Id PackSets::reduced(Id base, std::shared_ptr<const PackNumbers> removed) {
    DR_CHECK(base <= nodes_.size());
    if (base == kEmpty || removed->empty()) return base;
    nodes_.push_back({base, {}, std::move(removed)});
    return static_cast<Id>(nodes_.size());
}

bool PackSets::restore(Node node) {
    if (node.base > nodes_.size()) return false;
    nodes_.push_back(std::move(node));
    return true;
}

bool PackSets::contains(Id set, PackNumber pack) const {
    while (set != kEmpty) {
        const Node& node = nodes_[set - 1];
        if (holds(node.added, pack)) return true;
        if (node.removed && holds(*node.removed, pack)) return false;
        set = node.base;
    }
    return false;
}

PackNumbers PackSets::numbers(Id set) const {
    Filters filters;
    Filters::Id filter = 0;
    PackNumbers found;
    for (; set != kEmpty; set = nodes_[set - 1].base) {
        const Node& node = nodes_[set - 1];
        std::ranges::copy_if(node.added, std::back_inserter(found),
                             [&](PackNumber pack) { return !filters.takes(filter, pack); });
        if (node.removed) filter = filters.with(filter, node.removed.get());
    }
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
}

std::vector<std::uint32_t> PackSets::first_holders(std::span<const Id> sets, std::size_t packs) const {
    std::vector<std::uint32_t> holders(packs, kNone);
    Filters filters;
    // Where the walk from an earlier set has been, with the same filter or with none, there is nothing new.
    std::unordered_set<std::uint64_t> seen;
    const auto seen_key = [](Id set, Filters::Id filter) { return std::uint64_t{filter} << 32 | set; };
    for (std::size_t place = 0; place < sets.size(); ++place) {
        Filters::Id filter = 0;
        for (Id set = sets[place]; set != kEmpty; set = nodes_[set - 1].base) {
            if (seen.contains(seen_key(set, 0)) || !seen.insert(seen_key(set, filter)).second) break;
            const Node& node = nodes_[set - 1];
            for (const PackNumber pack : node.added) {
                if (holders[pack] == kNone && !filters.takes(filter, pack))
                    holders[pack] = static_cast<std::uint32_t>(place);
            }
            if (node.removed) filter = filters.with(filter, node.removed.get());
        }
    }
    return holders;
}

}  // namespace dr
