#include "dr/models/schedule_spec.h"

namespace dr {

Result<ScheduleSpec> parse_schedule_spec(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    return read_schedule_spec(value);
}

Result<ScheduleSpec> read_schedule_spec(const JsonValue& value) {
    const ObjectReader object = DR_TRY(
        ObjectReader::open(value, "schedule", {"schedule_id", "spec_id", "cron_expr", "enabled", "next_run_at"}));
    ScheduleSpec schedule;
    schedule.schedule_id = DR_TRY(object.identifier("schedule_id"));
    schedule.spec_id = DR_TRY(object.identifier("spec_id"));
    const std::string cron = DR_TRY(object.text("cron_expr"));
    schedule.cron_expr = DR_TRY(CronExpression::parse(cron));
    schedule.enabled = DR_TRY(object.boolean_or("enabled", true));
    schedule.next_run_at = DR_TRY(object.optional_timestamp("next_run_at"));
    return schedule;
}

void write(JsonWriter& json, const ScheduleSpec& schedule) {
    json.begin_object();
    json.field("schedule_id", schedule.schedule_id);
    json.field("spec_id", schedule.spec_id);
    json.field("cron_expr", schedule.cron_expr.text());
    json.field("enabled", schedule.enabled);
    json.field("next_run_at", schedule.next_run_at);
    json.end_object();
}

std::string print(const ScheduleSpec& schedule) {
    return json_text(JsonLayout::Indented, [&schedule](JsonWriter& json) { write(json, schedule); });
}

}  // namespace dr
