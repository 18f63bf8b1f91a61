#include "dr/models/policy.h"

namespace dr {
namespace {

// A policy whose parts name different things would run something else than what it shows.
Result<void> check_parts_agree(const ObjectReader& object, const Policy& policy) {
    if (policy.schedule && policy.backup_spec && policy.schedule->spec_id != policy.backup_spec->spec_id) {
        return object.wrong("schedule", "is for spec '" + policy.schedule->spec_id.text() +
                                            "', but the policy holds '" + policy.backup_spec->spec_id.text() + "'");
    }
    const bool names_target = policy.backup_spec && !policy.backup_spec->storage_target.empty();
    if (names_target && policy.storage_target &&
        policy.backup_spec->storage_target != policy.storage_target->target_id) {
        return object.wrong("backup_spec", "is for target '" + policy.backup_spec->storage_target.text() +
                                               "', but the policy holds '" + policy.storage_target->target_id.text() +
                                               "'");
    }
    return {};
}

Result<Policy> read_policy(const JsonValue& value) {
    const ObjectReader object = DR_TRY(ObjectReader::open(
        value, "policy", {"policy_id", "name", "backup_spec", "retention", "schedule", "storage_target"}));
    Policy policy;
    policy.policy_id = DR_TRY(object.identifier("policy_id"));
    policy.name = DR_TRY(object.text_or("name", {}, {.max_bytes = 256}));
    if (const JsonValue* spec = object.child("backup_spec")) policy.backup_spec = DR_TRY(read_backup_spec(*spec));
    const JsonValue* retention = DR_TRY(object.object("retention"));
    policy.retention = DR_TRY(read_retention_rule(*retention));
    if (const JsonValue* schedule = object.child("schedule")) policy.schedule = DR_TRY(read_schedule_spec(*schedule));
    if (const JsonValue* target = object.child("storage_target"))
        policy.storage_target = DR_TRY(read_storage_target(*target));
    DR_TRY(check_parts_agree(object, policy));
    return policy;
}

}  // namespace

Result<Policy> parse_policy(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    return read_policy(value);
}

void write(JsonWriter& json, const Policy& policy) {
    json.begin_object();
    json.field("policy_id", policy.policy_id);
    json.field("name", policy.name);
    if (policy.backup_spec) {
        json.key("backup_spec");
        write(json, *policy.backup_spec);
    }
    json.key("retention");
    write(json, policy.retention);
    if (policy.schedule) {
        json.key("schedule");
        write(json, *policy.schedule);
    }
    if (policy.storage_target) {
        json.key("storage_target");
        write(json, *policy.storage_target);
    }
    json.end_object();
}

std::string print(const Policy& policy) {
    return json_text(JsonLayout::Indented, [&policy](JsonWriter& json) { write(json, policy); });
}

Result<RetentionRule> parse_retention_policy(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    const bool is_policy = value.find("policy_id") != nullptr || value.find("retention") != nullptr;
    if (!is_policy) return read_retention_rule(value);
    const Policy policy = DR_TRY(read_policy(value));
    return policy.retention;
}

}  // namespace dr
