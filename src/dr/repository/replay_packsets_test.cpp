#include "dr/repository/replay_packsets.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace dr {
namespace {

std::shared_ptr<const PackNumbers> shared(PackNumbers numbers) {
    return std::make_shared<const PackNumbers>(std::move(numbers));
}

TEST(PackSets, NothingAddedIsTheSetItself) {
    PackSets sets;
    EXPECT_EQ(sets.extended(PackSets::kEmpty, {}), PackSets::kEmpty);
    const PackSets::Id one = sets.extended(PackSets::kEmpty, {3, 1, 3});
    EXPECT_EQ(sets.extended(one, {}), one);
    EXPECT_EQ(sets.reduced(one, shared({})), one);
    EXPECT_EQ(sets.reduced(PackSets::kEmpty, shared({1})), PackSets::kEmpty);
    EXPECT_EQ(sets.numbers(one), (PackNumbers{1, 3}));
}

TEST(PackSets, WhatWasTakenAwayMayComeBack) {
    PackSets sets;
    const PackSets::Id one = sets.extended(PackSets::kEmpty, {1, 2, 3});
    const PackSets::Id two = sets.reduced(one, shared({2, 9}));
    const PackSets::Id three = sets.extended(two, {2});
    EXPECT_EQ(sets.numbers(two), (PackNumbers{1, 3}));
    EXPECT_EQ(sets.numbers(three), (PackNumbers{1, 2, 3}));
    EXPECT_FALSE(sets.contains(two, 2));
    EXPECT_TRUE(sets.contains(three, 2));
    EXPECT_FALSE(sets.contains(three, 4));
}

TEST(PackSets, ASetRestsOnOlderOnesOnly) {
    PackSets sets;
    EXPECT_FALSE(sets.restore({1, {}, nullptr}));
    EXPECT_TRUE(sets.restore({0, {1}, nullptr}));
    EXPECT_TRUE(sets.restore({1, {2}, nullptr}));
}

// Random families of sets against plain std::set.
TEST(PackSets, AgreeWithPlainSets) {
    constexpr std::size_t kPacks = 60;
    for (unsigned seed = 0; seed < 50; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random{seed};
        PackSets sets;
        std::vector<PackSets::Id> ids{PackSets::kEmpty};
        std::vector<std::set<PackNumber>> plain{{}};
        const auto some = [&](std::size_t most) {
            PackNumbers numbers;
            for (std::size_t n = random() % (most + 1); n > 0; --n)
                numbers.push_back(static_cast<PackNumber>(random() % kPacks));
            return numbers;
        };
        for (int step = 0; step < 60; ++step) {
            if (random() % 3 != 0) {
                const std::size_t base = random() % ids.size();
                const PackNumbers added = some(4);
                ids.push_back(sets.extended(ids[base], added));
                plain.push_back(plain[base]);
                plain.back().insert(added.begin(), added.end());
                continue;
            }
            PackNumbers gone = some(6);
            std::set<PackNumber> sorted(gone.begin(), gone.end());
            const auto list = shared({sorted.begin(), sorted.end()});
            for (int i = 0; i < 3; ++i) {
                const std::size_t base = random() % ids.size();
                ids.push_back(sets.reduced(ids[base], list));
                plain.push_back(plain[base]);
                for (const PackNumber pack : gone) plain.back().erase(pack);
            }
        }
        for (std::size_t i = 0; i < ids.size(); ++i) {
            EXPECT_EQ(sets.numbers(ids[i]), PackNumbers(plain[i].begin(), plain[i].end()));
            for (PackNumber pack = 0; pack < kPacks; ++pack)
                EXPECT_EQ(sets.contains(ids[i], pack), plain[i].contains(pack));
        }
        std::vector<std::size_t> order;
        for (int i = 0; i < 10; ++i) order.push_back(random() % ids.size());
        std::vector<PackSets::Id> asked;
        for (const std::size_t i : order) asked.push_back(ids[i]);
        const std::vector<std::uint32_t> holders = sets.first_holders(asked, kPacks);
        for (PackNumber pack = 0; pack < kPacks; ++pack) {
            std::uint32_t first = PackSets::kNone;
            for (std::size_t i = 0; i < order.size() && first == PackSets::kNone; ++i) {
                if (plain[order[i]].contains(pack)) first = static_cast<std::uint32_t>(i);
            }
            EXPECT_EQ(holders[pack], first);
        }
    }
}

}  // namespace
}  // namespace dr
