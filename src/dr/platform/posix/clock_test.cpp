#include "dr/platform/posix/clock.h"

#include <gtest/gtest.h>

#include <ctime>

namespace dr {
namespace {

TEST(PosixClock, TellsTheTimeOfDay) {
    const std::int64_t before = std::time(nullptr);
    const Timestamp now = PosixClock{}.now();
    const std::int64_t after = std::time(nullptr);
    // time() may lag by one tick behind the precise clock.
    EXPECT_GE(now.seconds(), before);
    EXPECT_LE(now.seconds(), after + 1);
}

TEST(PosixClock, TheMonotonicCountNeverGoesBack) {
    const PosixClock clock;
    std::int64_t last = clock.monotonic_nanoseconds();
    const std::int64_t first = last;
    for (int i = 0; i < 10'000; ++i) {
        const std::int64_t next = clock.monotonic_nanoseconds();
        ASSERT_GE(next, last);
        last = next;
    }
    EXPECT_GT(last, first);
}

}  // namespace
}  // namespace dr
