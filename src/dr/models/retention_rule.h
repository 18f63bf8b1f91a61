#pragma once
// RetentionRule: how many snapshots to keep (SPEC 5, 9). What the numbers mean is the business of the retention module.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dr/base/result.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"

namespace dr {

struct RetentionRule {
    static constexpr std::uint64_t kMaxKeep = 100'000;

    Identifier rule_id;
    std::uint64_t keep_daily = 7;  // these three: 0 to kMaxKeep
    std::uint64_t keep_weekly = 4;
    std::uint64_t keep_monthly = 12;
    std::uint64_t min_age_days = 1;  // 0 to 36500

    // Extensions: not there means that the rule does not exist.
    std::optional<std::uint64_t> keep_last;
    std::optional<std::uint64_t> keep_hourly;
    std::optional<std::uint64_t> keep_yearly;
    std::optional<std::uint64_t> keep_within_days;

    bool operator==(const RetentionRule&) const = default;
};

// Both fail with BadRequest.
Result<RetentionRule> parse_retention_rule(std::string_view json);
Result<RetentionRule> read_retention_rule(const JsonValue& value);

void write(JsonWriter& json, const RetentionRule& rule);
std::string print(const RetentionRule& rule);

}  // namespace dr
