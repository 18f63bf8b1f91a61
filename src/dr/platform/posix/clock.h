#pragma once
// The system's clocks: CLOCK_REALTIME and CLOCK_MONOTONIC.

#include "dr/platform/clock.h"

namespace dr {

class PosixClock final : public Clock {
public:
    Timestamp now() const override;
    std::int64_t monotonic_nanoseconds() const override;
};

}  // namespace dr
