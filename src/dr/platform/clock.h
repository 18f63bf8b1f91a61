#pragma once
// Clock: the time of day, which may jump either way, and a steady count for durations, which may not.

#include <cstdint>

#include "dr/base/time.h"

namespace dr {

class Clock {
public:
    virtual ~Clock() = default;

    // The time of day in UTC. It goes back when somebody sets it back; nothing may rest on its order. Thread-safe.
    virtual Timestamp now() const = 0;

    // Nanoseconds since some fixed moment; never less than an earlier answer of this clock. Thread-safe.
    virtual std::int64_t monotonic_nanoseconds() const = 0;
};

}  // namespace dr
