#include "dr/repository/pack_table.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dr/platform/sim/sim_random.h"

namespace dr {
namespace {

// `spread` limits how far the ids lie from each other, and `base` where: they crowd, at the end of the table too.
void expect_all_come_out_sorted(std::size_t count, std::uint64_t base, std::uint64_t spread) {
    SCOPED_TRACE(std::to_string(count) + " from " + std::to_string(base));
    SeededRandom random{count};
    PackTable table;
    std::vector<Id16> ids;
    for (std::size_t i = 0; i < count; ++i) {
        const BlobId bytes{random.array<32>()};
        Id16 id = Id16::of(bytes);
        id.high = base + (spread == 0 ? 0 : id.high % spread);
        ids.push_back(id);
        EXPECT_EQ(table.find(id), nullptr);
        table.insert(id, {static_cast<std::uint32_t>(i), static_cast<std::uint16_t>(i % 7), BlobType::Tree});
    }
    for (std::size_t i = 0; i < count; ++i) {
        const PackTable::Entry* entry = table.find(ids[i]);
        ASSERT_NE(entry, nullptr);
        EXPECT_EQ(entry->slot().frame, i);
        EXPECT_EQ(entry->slot().ordinal, i % 7);
        EXPECT_EQ(entry->slot().type, BlobType::Tree);
    }
    const std::vector<PackTable::Entry> entries = table.take_sorted();
    std::ranges::sort(ids);
    EXPECT_TRUE(std::ranges::equal(entries, ids, {}, &PackTable::Entry::id));
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.find(Id16{}), nullptr);
}

TEST(PackTable, AllComeOutSorted) {
    for (const std::size_t count : {0U, 1U, 2U, 767U, 768U, 769U, 5000U, 40'000U})
        expect_all_come_out_sorted(count, 0, ~std::uint64_t{0});
}

TEST(PackTable, AllComeOutSortedWhereManyOfThemCrowd) {
    PackTable table;
    // A third of them meet in the last places, and go on at the beginning.
    for (std::uint64_t i = 1; i <= 5000; ++i) {
        const std::uint64_t spread = i * 0x9e3779b97f4a7c15ULL;
        table.insert(i % 3 == 0 ? Id16{~std::uint64_t{0} - i % 7, spread} : Id16{spread, i}, {1, 2, BlobType::Tree});
    }
    const std::vector<PackTable::Entry> entries = table.take_sorted();
    EXPECT_EQ(entries.size(), 5000U);
    EXPECT_TRUE(std::ranges::is_sorted(entries, {}, &PackTable::Entry::id));
}

TEST(PackTable, AllComeOutSortedWhereverTheyCrowd) {
    const std::uint64_t slot = std::uint64_t{1} << 54U;  // of the first table
    for (const std::size_t count : {1U, 2U, 100U, 700U, 2000U}) {
        for (const std::uint64_t base : {std::uint64_t{0}, slot, ~std::uint64_t{0} - slot + 1, ~std::uint64_t{0} / 2}) {
            expect_all_come_out_sorted(count, base, 0);
            expect_all_come_out_sorted(count, base, slot);
        }
    }
}

}  // namespace
}  // namespace dr
