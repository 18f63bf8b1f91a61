#pragma once
// Counting days on from a moment. Records of a foreign repository may claim any moment and any number of days: a sum
// that 64 bits of nanoseconds do not hold is the last moment that they do hold.

#include <cstdint>
#include <limits>

#include "dr/base/time.h"

namespace dr {

inline Timestamp days_after(Timestamp at, std::uint64_t days) {
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    // In unsigned numbers neither the difference nor a sum within it can overflow.
    const std::uint64_t room = static_cast<std::uint64_t>(kLast) - static_cast<std::uint64_t>(at.nanoseconds());
    if (days > room / kNanosecondsPerDay) return Timestamp{kLast};
    return Timestamp{static_cast<std::int64_t>(static_cast<std::uint64_t>(at.nanoseconds()) +
                                               days * static_cast<std::uint64_t>(kNanosecondsPerDay))};
}

}  // namespace dr
