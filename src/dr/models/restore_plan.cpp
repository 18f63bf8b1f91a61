#include "dr/models/restore_plan.h"

#include <limits>

namespace dr {
namespace {

constexpr std::uint64_t kMaxNumber = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

Result<std::vector<PathProblem>> read_refused(const ObjectReader& object) {
    std::vector<PathProblem> refused;
    if (!object.has("refused")) return refused;
    const std::vector<JsonValue>* items = DR_TRY(object.array("refused", RestorePlan::kMaxListed));
    for (const JsonValue& item : *items) {
        const ObjectReader entry = DR_TRY(ObjectReader::open(item, "refused file", {"path", "path_base64", "error"}));
        PathProblem problem;
        problem.path = DR_TRY(entry.path_bytes("path"));
        problem.error = DR_TRY(entry.text("error", {.max_bytes = 65'536}));
        refused.push_back(std::move(problem));
    }
    return refused;
}

}  // namespace

Result<RestorePlan> parse_restore_plan(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    const ObjectReader object =
        DR_TRY(ObjectReader::open(value, "restore plan",
                                  {"plan_id", "snapshot_id", "target_path", "target_path_base64", "dry_run",
                                   "verify_hashes", "overwrite", "files_to_create", "files_to_replace", "files_to_skip",
                                   "files_refused", "bytes_to_read", "bytes_to_write", "refused"}));
    RestorePlan plan;
    plan.plan_id = DR_TRY(object.identifier("plan_id"));
    plan.snapshot_id = DR_TRY(object.identifier("snapshot_id"));
    plan.target_path = DR_TRY(object.path_bytes("target_path"));
    plan.dry_run = DR_TRY(object.boolean("dry_run"));
    plan.verify_hashes = DR_TRY(object.boolean("verify_hashes"));
    plan.overwrite = DR_TRY(object.boolean("overwrite"));
    plan.files_to_create = DR_TRY(object.natural_or("files_to_create", 0, 0, kMaxNumber));
    plan.files_to_replace = DR_TRY(object.natural_or("files_to_replace", 0, 0, kMaxNumber));
    plan.files_to_skip = DR_TRY(object.natural_or("files_to_skip", 0, 0, kMaxNumber));
    plan.files_refused = DR_TRY(object.natural_or("files_refused", 0, 0, kMaxNumber));
    plan.bytes_to_read = DR_TRY(object.natural_or("bytes_to_read", 0, 0, kMaxNumber));
    plan.bytes_to_write = DR_TRY(object.natural_or("bytes_to_write", 0, 0, kMaxNumber));
    plan.refused = DR_TRY(read_refused(object));
    return plan;
}

void write(JsonWriter& json, const PathProblem& problem) {
    json.begin_object();
    json.path_fields("path", problem.path);
    json.field("error", problem.error);
    json.end_object();
}

void write(JsonWriter& json, const RestorePlan& plan) {
    json.begin_object();
    json.field("plan_id", plan.plan_id);
    json.field("snapshot_id", plan.snapshot_id);
    json.path_fields("target_path", plan.target_path);
    json.field("dry_run", plan.dry_run);
    json.field("verify_hashes", plan.verify_hashes);
    json.field("overwrite", plan.overwrite);
    json.field("files_to_create", plan.files_to_create);
    json.field("files_to_replace", plan.files_to_replace);
    json.field("files_to_skip", plan.files_to_skip);
    json.field("files_refused", plan.files_refused);
    json.field("bytes_to_read", plan.bytes_to_read);
    json.field("bytes_to_write", plan.bytes_to_write);
    json.key("refused");
    json.begin_array();
    for (const PathProblem& problem : plan.refused) write(json, problem);
    json.end_array();
    json.end_object();
}

std::string print(const RestorePlan& plan) {
    return json_text(JsonLayout::Indented, [&plan](JsonWriter& json) { write(json, plan); });
}

}  // namespace dr
