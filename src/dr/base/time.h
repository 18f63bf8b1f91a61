#pragma once
// Timestamp: nanoseconds since 1970-01-01 UTC, and its two texts.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "dr/base/result.h"

namespace dr {

class Timestamp {
public:
    Timestamp() = default;
    explicit Timestamp(std::int64_t nanoseconds) : nanoseconds_(nanoseconds) {}
    static Timestamp from_seconds(std::int64_t seconds) { return Timestamp{seconds * 1'000'000'000}; }

    std::int64_t nanoseconds() const { return nanoseconds_; }
    std::int64_t seconds() const { return nanoseconds_ / 1'000'000'000; }
    auto operator<=>(const Timestamp&) const = default;

    // "2026-11-23T17:08:42.123456Z": ISO 8601 UTC with microseconds, as SnapshotMeta has it.
    std::string iso8601() const;
    // "2026-11-23 17:08 UTC", for people.
    std::string human() const;
    // Reads what iso8601() writes; the fraction may have 0 to 9 digits. Fails with BadRequest.
    static Result<Timestamp> parse(std::string_view text);

private:
    std::int64_t nanoseconds_ = 0;
};

inline constexpr std::int64_t kNanosecondsPerDay = 86'400LL * 1'000'000'000LL;

}  // namespace dr
