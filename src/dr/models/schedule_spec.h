#pragma once
// ScheduleSpec: when a backup runs by itself (SPEC 5, 9).

#include <optional>
#include <string>
#include <string_view>

#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/models/cron.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"

namespace dr {

struct ScheduleSpec {
    Identifier schedule_id;
    Identifier spec_id;
    CronExpression cron_expr;
    bool enabled = true;
    std::optional<Timestamp> next_run_at;

    bool operator==(const ScheduleSpec&) const = default;
};

// Both fail with BadRequest.
Result<ScheduleSpec> parse_schedule_spec(std::string_view json);
Result<ScheduleSpec> read_schedule_spec(const JsonValue& value);

void write(JsonWriter& json, const ScheduleSpec& schedule);
std::string print(const ScheduleSpec& schedule);

}  // namespace dr
