#include "dr/platform/posix/random.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dr {
namespace {

TEST(PosixRandom, FillsEveryByteOfALongSpan) {
    PosixRandom random;
    Bytes ever_set(100'000, 0);
    // A byte that stays zero four times in a row is rare (2^-32 each), one that is never filled is certain.
    for (int round = 0; round < 4; ++round) {
        Bytes bytes(ever_set.size(), 0);
        random.fill(bytes);
        for (std::size_t i = 0; i < bytes.size(); ++i) ever_set[i] |= bytes[i];
    }
    EXPECT_EQ(std::ranges::count(ever_set, 0), 0);
}

TEST(PosixRandom, NeverRepeatsItself) {
    PosixRandom random;
    EXPECT_NE(random.array<32>(), random.array<32>());
}

TEST(PosixRandom, AnEmptySpanIsFilledAtOnce) {
    PosixRandom random;
    random.fill({});
}

}  // namespace
}  // namespace dr
