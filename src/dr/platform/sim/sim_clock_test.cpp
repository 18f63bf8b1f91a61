#include "dr/platform/sim/sim_clock.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(SimClock, StandsStillUntilItIsMoved) {
    SimClock clock{Timestamp{1000}};
    EXPECT_EQ(clock.now(), Timestamp{1000});
    EXPECT_EQ(clock.now(), Timestamp{1000});
    EXPECT_EQ(clock.monotonic_nanoseconds(), clock.monotonic_nanoseconds());

    const std::int64_t before = clock.monotonic_nanoseconds();
    clock.advance(5);
    EXPECT_EQ(clock.now(), Timestamp{1005});
    EXPECT_EQ(clock.monotonic_nanoseconds(), before + 5);
}

TEST(SimClock, SettingItBackLeavesTheMonotonicCount) {
    SimClock clock{Timestamp{1000}};
    const std::int64_t before = clock.monotonic_nanoseconds();
    clock.set(Timestamp{10});
    EXPECT_EQ(clock.now(), Timestamp{10});
    EXPECT_EQ(clock.monotonic_nanoseconds(), before);
}

TEST(SimClock, WithAStepEveryLookMovesIt) {
    SimClock clock{Timestamp{1000}, 3};
    EXPECT_EQ(clock.now(), Timestamp{1000});
    EXPECT_EQ(clock.now(), Timestamp{1003});
    EXPECT_EQ(clock.monotonic_nanoseconds(), 0);
    EXPECT_EQ(clock.monotonic_nanoseconds(), 3);
}

}  // namespace
}  // namespace dr
