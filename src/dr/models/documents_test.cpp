// What holds for every document of SPEC 5: printing and parsing are inverse, and each kind of bad input is refused in
// words.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "dr/models/key_material.h"
#include "dr/models/manifest.h"
#include "dr/models/policy.h"
#include "dr/models/restore_plan.h"
#include "dr/models/snapshot_meta.h"
#include "dr/models/verification_report.h"

namespace dr {
namespace {

struct Document {
    std::string schema;  // name below docs/schemas
    std::string full;    // a good text with every field
    std::function<Result<std::string>(std::string_view)> reprint;
    std::string number;      // `"field": 1` that is a bounded whole number
    std::string identifier;  // `"field": "value"` that is a required identifier
};

template <typename Parse>
auto reprinting(Parse parse) {
    return [parse](std::string_view text) -> Result<std::string> {
        const auto document = DR_TRY(parse(text));
        return print(document);
    };
}

const std::string kHash = std::string(64, 'a');
const std::string kSpec =
    R"({"spec_id": "daily-1", "tag": "daily", "datasets": ["A", "B"], "audit_packs": true, "config": true,
  "storage_target": "local-prod", "encryption": "none", "retention_days": 31, "paths": ["/usr", "x"], "exclude": ["*.tmp"],
  "config_paths": ["/etc/x"], "default_excludes": false, "hooks": {"before": ["true"], "after": []}, "worm": true})";
const std::string kRule =
    R"({"rule_id": "r", "keep_daily": 1, "keep_weekly": 2, "keep_monthly": 3, "min_age_days": 0, "keep_last": 4,
  "keep_hourly": 5, "keep_yearly": 6, "keep_within_days": 7})";
const std::string kSchedule = R"({"schedule_id": "s", "spec_id": "daily-1", "cron_expr": "0 2 * * *", "enabled": false,
  "next_run_at": "2026-11-24T02:00:00.000000Z"})";
const std::string kTarget =
    R"({"target_id": "local-prod", "backend": "archive", "base_path": "/b", "worm": true, "compression": "zstd:3",
  "options": {"region": "x"}})";

std::vector<Document> documents() {
    return {
        {"backup_spec", kSpec, reprinting([](auto t) { return parse_backup_spec(t); }), "\"retention_days\": 31",
         "\"tag\": \"daily\""},
        {"storage_target", kTarget, reprinting([](auto t) { return parse_storage_target(t); }), "",
         "\"target_id\": \"local-prod\""},
        {"key_material",
         R"({"key_id": "k", "algorithm": "x", "created_at": "2026-11-23T17:08:42.123456Z",
           "rotated_at": "2026-11-23T17:08:42.123456Z", "wrapped_key": "AAEC", "kms_key_id": "file:/etc/kek", "repository_id": ")" +
             kHash + "\"}",
         reprinting([](auto t) { return parse_key_material(t); }), "", "\"key_id\": \"k\""},
        {"snapshot_meta",
         R"({"snapshot_id": "s", "spec_id": "p", "tag": "daily", "created_at": "2026-11-23T17:08:42.123456Z",
           "total_bytes": 5, "file_count": 2, "manifest_hash": ")" +
             kHash + R"(", "encrypted": true, "storage_backend": "local",
           "storage_path": "/b", "retain_until": "2026-12-23T17:08:42.123456Z", "worm": true, "files_unreadable": 1, "parent": "q",
           "record": 9, "signed_by": ")" +
             kHash + R"(", "signature": "AAEC", "signer_pinned": true})",
         reprinting([](auto t) { return parse_snapshot_meta(t); }), "\"file_count\": 2", "\"tag\": \"daily\""},
        {"manifest",
         R"({"manifest_version": 1, "snapshot_id": "s", "created_at": "2026-11-23T17:08:42.123456Z", "entries": [
           {"path": "a/b", "size_bytes": 5, "sha256": ")" +
             kHash + R"(", "encrypted": true}],
           "metadata": {"spec_id": "p", "tag": "daily", "encryption": "aes_256_gcm"}})",
         reprinting([](auto t) { return parse_manifest(t); }), "\"size_bytes\": 5", "\"snapshot_id\": \"s\""},
        {"restore_plan",
         R"({"plan_id": "p", "snapshot_id": "s", "target_path": "/mnt/restore", "dry_run": true, "verify_hashes": true,
           "overwrite": false, "files_to_create": 1, "files_to_replace": 2, "files_to_skip": 3, "files_refused": 1, "bytes_to_read": 5,
           "bytes_to_write": 6, "refused": [{"path": "x", "error": "differs"}]})",
         reprinting([](auto t) { return parse_restore_plan(t); }), "\"files_to_skip\": 3", "\"plan_id\": \"p\""},
        {"verification_report", R"({"report_id": "r", "snapshot_id": "s", "verified_at": "2026-11-23T17:08:42.123456Z",
           "manifest_ok": true, "sample_files_ok": true, "decrypt_ok": true, "restore_smoke_ok": true, "errors": ["e"],
           "files_checked": 7, "bytes_checked": 8, "everything_read": true, "files_restored": 1, "bytes_restored": 2})",
         reprinting([](auto t) { return parse_verification_report(t); }), "\"files_checked\": 7",
         "\"report_id\": \"r\""},
        {"retention_rule", kRule, reprinting([](auto t) { return parse_retention_rule(t); }), "\"keep_daily\": 1",
         "\"rule_id\": \"r\""},
        {"schedule_spec", kSchedule, reprinting([](auto t) { return parse_schedule_spec(t); }), "",
         "\"schedule_id\": \"s\""},
        {"policy",
         R"({"policy_id": "p", "name": "all", "backup_spec": )" + kSpec + ", \"retention\": " + kRule +
             ", \"schedule\": " + kSchedule + ", \"storage_target\": " + kTarget + "}",
         reprinting([](auto t) { return parse_policy(t); }), "\"retention_days\": 31", "\"policy_id\": \"p\""},
    };
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), with);
}

// Equal JSON whatever the white space.
std::string canonical(const JsonValue& value) {
    switch (value.kind) {
        case JsonValue::Kind::Null: return "null";
        case JsonValue::Kind::Boolean: return value.boolean ? "true" : "false";
        case JsonValue::Kind::Number: return value.text;
        case JsonValue::Kind::Text: return "'" + value.text + "'";
        case JsonValue::Kind::Array:
        case JsonValue::Kind::Object: break;
    }
    std::string all;
    for (const JsonValue& item : value.items) all += canonical(item) + ",";
    for (const auto& [name, member] : value.members) all += name + ":" + canonical(member) + ",";
    return "(" + all + ")";
}
std::string canonical(std::string_view text) { return canonical(parse_json(text).value()); }

TEST(Documents, PrintWhatTheyParsedFieldByField) {
    for (const Document& document : documents()) {
        SCOPED_TRACE(document.schema);
        const std::string printed = document.reprint(document.full).value();
        EXPECT_EQ(canonical(printed), canonical(document.full));
        EXPECT_EQ(document.reprint(printed).value(), printed);
        EXPECT_TRUE(printed.ends_with("}\n"));
    }
}

TEST(Documents, RefuseEveryKindOfBadInput) {
    for (const Document& document : documents()) {
        SCOPED_TRACE(document.schema);
        const auto refused = [&](const std::string& text, std::string_view words) {
            const Result<std::string> outcome = document.reprint(text);
            ASSERT_FALSE(outcome.ok()) << text;
            EXPECT_EQ(outcome.error().code(), ErrorCode::BadRequest);
            EXPECT_NE(outcome.error().what().find(words), std::string::npos) << outcome.error().what();
        };
        const std::string& good = document.full;
        const std::string name = document.identifier.substr(0, document.identifier.find(':'));
        refused("", "empty");
        refused("[]", "must be an object");
        refused(good.substr(0, good.size() / 2), "this is not JSON");
        refused(replaced(good, "{", "{\"unheard_of\": 1, "), "unknown key 'unheard_of'");
        refused(replaced(good, "{", "{" + document.identifier + ", "), "is there twice");
        refused(replaced(good, document.identifier, name + ": \"\""), "must not be empty");
        refused(replaced(good, document.identifier, name + ": \"" + std::string(129, 'x') + "\""), "129 characters");
        refused(replaced(good, document.identifier, name + ": \"a/b\""), "may hold only");
        refused(replaced(good, document.identifier, name + ": \"\xFF\""), "not UTF-8");
        refused(replaced(good, document.identifier, name + ": 7"), "must be a text");
        refused(replaced(good, document.identifier, "\"unheard_of\": " + std::string(40, '[')), "nested deeper");
        if (document.number.empty()) continue;
        const std::string field = document.number.substr(0, document.number.find(':') + 1);
        refused(replaced(good, document.number, field + " -1"), "must not be negative");
        refused(replaced(good, document.number, field + " 1.5"), "must be a whole number");
        refused(replaced(good, document.number, field + " 1e400"), "must be a whole number");
        refused(replaced(good, document.number, field + " NaN"), "is not a number");
        refused(replaced(good, document.number, field + " 99999999999999999999999999"), "is too large");
        refused(replaced(good, document.number, field + " \"1\""), "must be a number");
    }
}

// The part of JSON Schema that docs/schemas uses for shape: no field unnamed, none that is required missing.
void expect_shape(const JsonValue& root, const JsonValue& given_schema, const JsonValue& value) {
    const JsonValue* schema = &given_schema;
    while (const JsonValue* reference = schema->find("$ref")) {
        schema =
            root.find("$defs")->find(std::string_view{reference->text}.substr(std::string_view{"#/$defs/"}.size()));
        ASSERT_NE(schema, nullptr) << reference->text;
    }
    const JsonValue* items = schema->find("items");
    if (items != nullptr) {
        for (const JsonValue& item : value.items) expect_shape(root, *items, item);
    }
    const JsonValue* properties = schema->find("properties");
    if (properties == nullptr) return;
    EXPECT_FALSE(schema->find("additionalProperties")->boolean);
    for (const auto& [name, member] : value.members) {
        const JsonValue* property = properties->find(name);
        ASSERT_NE(property, nullptr) << "the schema has no field " << name;
        EXPECT_NE(property->find("description"), nullptr) << name;
        expect_shape(root, *property, member);
    }
    for (const JsonValue& required : schema->find("required")->items)
        EXPECT_NE(value.find(required.text), nullptr) << required.text;
}

TEST(Documents, FollowTheirSchemasAndTheSchemasNameNothingElse) {
    const auto directory = std::filesystem::path(DR_SOURCE_DIR) / "docs/schemas";
    for (const Document& document : documents()) {
        SCOPED_TRACE(document.schema);
        std::ifstream file{directory / (document.schema + ".schema.json")};
        std::stringstream text;
        text << file.rdbuf();
        const JsonValue schema = parse_json(text.str()).value();
        const JsonValue printed = parse_json(document.reprint(document.full).value()).value();
        expect_shape(schema, schema, printed);
        for (const auto& [name, property] : schema.find("properties")->members) {
            const bool exact_bytes = name.ends_with("_base64");
            EXPECT_TRUE(exact_bytes || printed.find(name) != nullptr) << "the document has no field " << name;
        }
    }
}

}  // namespace
}  // namespace dr
