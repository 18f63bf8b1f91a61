#pragma once
// Policy: a backup, its schedule, where it goes and how long it stays, in one document (SPEC 5).

#include <optional>
#include <string>
#include <string_view>

#include "dr/base/result.h"
#include "dr/models/backup_spec.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"
#include "dr/models/retention_rule.h"
#include "dr/models/schedule_spec.h"
#include "dr/models/storage_target.h"

namespace dr {

struct Policy {
    Identifier policy_id;
    std::string name;  // for people; up to 256 bytes
    std::optional<BackupSpec> backup_spec;
    RetentionRule retention;
    std::optional<ScheduleSpec> schedule;
    std::optional<StorageTarget> storage_target;

    bool operator==(const Policy&) const = default;
};

// Fails with BadRequest, also if the schedule is for another spec_id, or the backup for another target, than the policy
// holds.
Result<Policy> parse_policy(std::string_view json);

void write(JsonWriter& json, const Policy& policy);
std::string print(const Policy& policy);

// What `prune --policy` takes: a RetentionRule, or a Policy, whose `retention` it returns. Fails with BadRequest.
Result<RetentionRule> parse_retention_policy(std::string_view json);

}  // namespace dr
