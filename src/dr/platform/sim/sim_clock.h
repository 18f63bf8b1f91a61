#pragma once
// SimClock: a clock that a test holds in its hand.

#include <atomic>
#include <cstdint>

#include "dr/platform/clock.h"

namespace dr {

// Stands still until it is set or advanced. With a step, every now() moves it on by that much afterwards, and so does
// every monotonic_nanoseconds(); each of the two counts for itself. Thread-safe.
class SimClock final : public Clock {
public:
    explicit SimClock(Timestamp start, std::int64_t step_nanoseconds = 0)
        : now_(start.nanoseconds()), step_(step_nanoseconds) {}

    Timestamp now() const override { return Timestamp{now_.fetch_add(step_)}; }
    std::int64_t monotonic_nanoseconds() const override { return monotonic_.fetch_add(step_); }

    // Sets the time of day, forward or back. The monotonic count does not notice, as on a real machine.
    void set(Timestamp now) { now_ = now.nanoseconds(); }
    // Lets time pass on both; `nanoseconds` is not negative.
    void advance(std::int64_t nanoseconds);

private:
    mutable std::atomic<std::int64_t> now_;
    mutable std::atomic<std::int64_t> monotonic_{0};
    const std::int64_t step_;
};

}  // namespace dr
