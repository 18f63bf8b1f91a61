#include "dr/platform/sim/sim_random.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(SeededRandom, TheSeedAloneDecidesTheStream) {
    SeededRandom one{7};
    SeededRandom same{7};
    SeededRandom other{8};
    const auto bytes = one.array<100>();
    EXPECT_EQ(bytes, same.array<100>());
    EXPECT_NE(bytes, other.array<100>());
    EXPECT_NE(bytes, one.array<100>());
}

TEST(SeededRandom, HowTheStreamIsCutMakesNoDifference) {
    SeededRandom whole{3};
    SeededRandom pieces{3};
    Bytes expected(60);
    whole.fill(expected);

    Bytes got;
    for (std::size_t size : {0U, 1U, 7U, 8U, 9U, 35U}) {
        Bytes piece(size);
        pieces.fill(piece);
        append(got, piece);
    }
    EXPECT_EQ(got, expected);
}

// Tests and golden files are written down with seeds: the streams behind them must not change.
TEST(SeededRandom, TheStreamOfASeedNeverChanges) {
    SeededRandom random{0};
    // SplitMix64 of 0 begins with 0xE220A8397B1DCDAF.
    EXPECT_EQ((random.array<8>()), (std::array<std::uint8_t, 8>{0xAF, 0xCD, 0x1D, 0x7B, 0x39, 0xA8, 0x20, 0xE2}));
}

TEST(StuckRandom, AlwaysGivesTheSameByte) {
    StuckRandom random{0x5A};
    EXPECT_EQ((random.array<3>()), (std::array<std::uint8_t, 3>{0x5A, 0x5A, 0x5A}));
}

}  // namespace
}  // namespace dr
