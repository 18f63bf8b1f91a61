#pragma once
// Phases: how long each part of a verb took, on a clock that does not jump.

#include <string>
#include <utility>
#include <vector>

#include "dr/platform/clock.h"

namespace dr {

class Phases {
public:
    explicit Phases(const Clock& clock) : clock_(clock), begin_(clock.monotonic_nanoseconds()), last_(begin_) {}

    // The time since the last call, or since the beginning, was spent on `name`.
    void ended(std::string name) {
        const std::int64_t now = clock_.monotonic_nanoseconds();
        timings_.emplace_back(std::move(name), static_cast<double>(now - last_) / 1e6);
        last_ = now;
    }
    std::vector<std::pair<std::string, double>> finish() {
        timings_.emplace_back("total", static_cast<double>(clock_.monotonic_nanoseconds() - begin_) / 1e6);
        return std::move(timings_);
    }

private:
    const Clock& clock_;
    const std::int64_t begin_;
    std::int64_t last_;
    std::vector<std::pair<std::string, double>> timings_;
};

}  // namespace dr
