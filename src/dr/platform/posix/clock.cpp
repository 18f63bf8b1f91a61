#include "dr/platform/posix/clock.h"

#include <ctime>

#include "dr/base/check.h"

namespace dr {
namespace {

std::int64_t read_clock(clockid_t which) {
    timespec time{};
    DR_CHECK(clock_gettime(which, &time) == 0);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Timestamp PosixClock::now() const { return Timestamp{read_clock(CLOCK_REALTIME)}; }

std::int64_t PosixClock::monotonic_nanoseconds() const { return read_clock(CLOCK_MONOTONIC); }

}  // namespace dr
