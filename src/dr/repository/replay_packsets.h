#pragma once
// Packsets: for each snapshot the packs that its tree may use. Thousands of snapshots share most of theirs, so a set is
// kept as its difference from another: what was added to it, or taken away from it. Sets never change once made.
//
// A pack is a number here: its place in the state's table of packs.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dr/base/bytes.h"

namespace dr {

using PackNumber = std::uint32_t;
using PackNumbers = std::vector<PackNumber>;  // ascending, each once

class PackSets {
public:
    using Id = std::uint32_t;
    static constexpr Id kEmpty = 0;

    // Difference from `base`, which is an older set.
    struct Node {
        Id base = kEmpty;
        PackNumbers added;
        std::shared_ptr<const PackNumbers> removed;  // shared by all sets that one record made smaller; else null
        bool operator==(const Node& other) const;
    };

    // `base` itself when there is nothing to add.
    Id extended(Id base, PackNumbers added);
    Id reduced(Id base, std::shared_ptr<const PackNumbers> removed);

    PackNumbers numbers(Id set) const;
    bool contains(Id set, PackNumber pack) const;

    // For each pack (index by number, `packs` long) which of `sets` holds it: the place of the first one, or kNone.
    // Costs about what the sets do not share.
    static constexpr std::uint32_t kNone = UINT32_MAX;
    std::vector<std::uint32_t> first_holders(std::span<const Id> sets, std::size_t packs) const;

    // For checkpoints. Set n (from 1) is nodes()[n - 1].
    const std::vector<Node>& nodes() const { return nodes_; }
    // False, changing nothing, when the base does not exist yet.
    bool restore(Node node);

    bool operator==(const PackSets&) const = default;

private:
    std::vector<Node> nodes_;
};

}  // namespace dr
