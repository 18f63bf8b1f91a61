#include "dr/models/retention_rule.h"

#include "dr/models/backup_spec.h"

namespace dr {
namespace {

Result<std::optional<std::uint64_t>> read_optional(const ObjectReader& object, std::string_view name,
                                                   std::uint64_t max) {
    if (!object.has(name)) return std::optional<std::uint64_t>{};
    return std::optional<std::uint64_t>{DR_TRY(object.natural(name, 0, max))};
}

}  // namespace

Result<RetentionRule> parse_retention_rule(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    return read_retention_rule(value);
}

Result<RetentionRule> read_retention_rule(const JsonValue& value) {
    const ObjectReader object =
        DR_TRY(ObjectReader::open(value, "retention rule",
                                  {"rule_id", "keep_daily", "keep_weekly", "keep_monthly", "min_age_days", "keep_last",
                                   "keep_hourly", "keep_yearly", "keep_within_days"}));
    constexpr std::uint64_t kMax = RetentionRule::kMaxKeep;
    RetentionRule rule;
    rule.rule_id = DR_TRY(object.identifier("rule_id"));
    rule.keep_daily = DR_TRY(object.natural_or("keep_daily", rule.keep_daily, 0, kMax));
    rule.keep_weekly = DR_TRY(object.natural_or("keep_weekly", rule.keep_weekly, 0, kMax));
    rule.keep_monthly = DR_TRY(object.natural_or("keep_monthly", rule.keep_monthly, 0, kMax));
    rule.min_age_days = DR_TRY(object.natural_or("min_age_days", rule.min_age_days, 0, kMaxRetentionDays));
    rule.keep_last = DR_TRY(read_optional(object, "keep_last", kMax));
    rule.keep_hourly = DR_TRY(read_optional(object, "keep_hourly", kMax));
    rule.keep_yearly = DR_TRY(read_optional(object, "keep_yearly", kMax));
    rule.keep_within_days = DR_TRY(read_optional(object, "keep_within_days", kMaxRetentionDays));
    return rule;
}

void write(JsonWriter& json, const RetentionRule& rule) {
    json.begin_object();
    json.field("rule_id", rule.rule_id);
    json.field("keep_daily", rule.keep_daily);
    json.field("keep_weekly", rule.keep_weekly);
    json.field("keep_monthly", rule.keep_monthly);
    json.field("min_age_days", rule.min_age_days);
    if (rule.keep_last) json.field("keep_last", *rule.keep_last);
    if (rule.keep_hourly) json.field("keep_hourly", *rule.keep_hourly);
    if (rule.keep_yearly) json.field("keep_yearly", *rule.keep_yearly);
    if (rule.keep_within_days) json.field("keep_within_days", *rule.keep_within_days);
    json.end_object();
}

std::string print(const RetentionRule& rule) {
    return json_text(JsonLayout::Indented, [&rule](JsonWriter& json) { write(json, rule); });
}

}  // namespace dr
