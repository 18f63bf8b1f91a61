#include "dr/platform/sim/sim_clock.h"

#include "dr/base/check.h"

namespace dr {

void SimClock::advance(std::int64_t nanoseconds) {
    DR_CHECK(nanoseconds >= 0);
    now_ += nanoseconds;
    monotonic_ += nanoseconds;
}

}  // namespace dr
