#pragma once
// The time of a file as a Timestamp. Who may write there sets it to any year; what 64 bits of nanoseconds do not hold
// is the first or the last moment that they do hold.

#include <ctime>
#include <limits>

#include "dr/base/time.h"

namespace dr {

inline Timestamp timestamp_of(const timespec& time) {
    using Limits = std::numeric_limits<std::int64_t>;
    std::int64_t nanoseconds = 0;
    if (__builtin_mul_overflow(std::int64_t{time.tv_sec}, std::int64_t{1'000'000'000}, &nanoseconds) ||
        __builtin_add_overflow(nanoseconds, std::int64_t{time.tv_nsec}, &nanoseconds))
        return Timestamp{time.tv_sec < 0 ? Limits::min() : Limits::max()};
    return Timestamp{nanoseconds};
}

}  // namespace dr
