#include "dr/models/backup_spec.h"

#include "dr/base/hex.h"
#include "dr/models/glob.h"
#include "dr/models/place.h"
#include "dr/models/utf8.h"

namespace dr {
namespace {

constexpr std::size_t kMaxItems = 10'000;
constexpr std::size_t kMaxHooks = 32;
constexpr TextLimits kCommand{.min_bytes = 1, .max_bytes = 4096};
constexpr const char* kDocument = "backup spec";

// A path is a text, or, where its bytes are no text, an object of `path` and `path_base64`.
Result<std::vector<std::string>> read_paths(const ObjectReader& object, std::string_view name) {
    std::vector<std::string> paths;
    if (!object.has(name)) return paths;
    const std::vector<JsonValue>* items = DR_TRY(object.array(name, kMaxItems));
    for (const JsonValue& item : *items) {
        if (item.kind == JsonValue::Kind::Object) {
            const ObjectReader exact =
                DR_TRY(ObjectReader::open(item, "path of the backup spec", {"path", "path_base64"}));
            paths.push_back(DR_TRY(exact.path_bytes("path")));
            continue;
        }
        if (item.kind != JsonValue::Kind::Text) return object.wrong(name, "must hold texts");
        if (item.text.find('\0') != std::string::npos) return object.wrong(name, "must not hold a NUL character");
        paths.push_back(item.text);
    }
    return paths;
}

void write_paths(JsonWriter& json, std::string_view name, const std::vector<std::string>& paths) {
    json.key(name);
    json.begin_array();
    for (const std::string& path : paths) {
        if (is_utf8(path)) {
            json.text(path);
            continue;
        }
        json.begin_object();
        json.path_fields("path", path);
        json.end_object();
    }
    json.end_array();
}

Result<Hooks> read_hooks(const JsonValue& value) {
    const ObjectReader object = DR_TRY(ObjectReader::open(value, "hooks of the backup spec", {"before", "after"}));
    Hooks hooks;
    hooks.before = DR_TRY(object.texts("before", kMaxHooks, kCommand));
    hooks.after = DR_TRY(object.texts("after", kMaxHooks, kCommand));
    return hooks;
}

Error bad_spec(std::string sentence) { return Error{ErrorCode::BadRequest, std::move(sentence)}; }

}  // namespace

std::string_view name_of(Encryption encryption) { return encryption == Encryption::None ? "none" : "aes_256_gcm"; }

Result<Encryption> parse_encryption(std::string_view name) {
    if (name == "aes_256_gcm") return Encryption::Aes256Gcm;
    if (name == "none") return Encryption::None;
    return bad_spec("encryption must be one of 'aes_256_gcm', 'none', not '" + printable(name.substr(0, 80)) + "'");
}

Result<BackupSpec> parse_backup_spec(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    return read_backup_spec(value);
}

Result<BackupSpec> read_backup_spec(const JsonValue& value) {
    const ObjectReader object = DR_TRY(ObjectReader::open(
        value, kDocument,
        {"spec_id", "tag", "datasets", "audit_packs", "config", "storage_target", "encryption", "retention_days",
         "paths", "exclude", "config_paths", "default_excludes", "hooks", "worm"}));
    BackupSpec spec;
    spec.spec_id = DR_TRY(object.identifier("spec_id"));
    spec.tag = DR_TRY(object.identifier("tag"));
    spec.datasets = DR_TRY(object.identifiers("datasets", kMaxItems));
    spec.audit_packs = DR_TRY(object.boolean_or("audit_packs", false));
    spec.config = DR_TRY(object.boolean_or("config", false));
    spec.storage_target = DR_TRY(object.optional_identifier("storage_target")).value_or(Identifier{});
    if (object.has("encryption")) {
        const std::size_t choice = DR_TRY(object.choice("encryption", {"aes_256_gcm", "none"}));
        spec.encryption = choice == 0 ? Encryption::Aes256Gcm : Encryption::None;
    }
    spec.retention_days = DR_TRY(object.natural_or("retention_days", spec.retention_days, 1, kMaxRetentionDays));
    spec.paths = DR_TRY(read_paths(object, "paths"));
    spec.exclude = DR_TRY(object.texts("exclude", kMaxItems, {.min_bytes = 1, .max_bytes = Glob::kMaxBytes}));
    spec.config_paths = DR_TRY(read_paths(object, "config_paths"));
    spec.default_excludes = DR_TRY(object.boolean_or("default_excludes", true));
    if (const JsonValue* hooks = object.child("hooks")) spec.hooks = DR_TRY(read_hooks(*hooks));
    spec.worm = DR_TRY(object.boolean_or("worm", false));
    DR_TRY(check(spec));
    return spec;
}

Result<void> check(const BackupSpec& spec) {
    if (spec.spec_id.empty()) return bad_spec("the backup spec needs a 'spec_id'");
    if (spec.tag.empty()) return bad_spec("the backup spec needs a 'tag'");
    for (const Identifier& id : spec.datasets) {
        if (id.empty()) return bad_spec("a dataset ID must not be empty");
    }
    if (spec.retention_days < 1 || spec.retention_days > kMaxRetentionDays) {
        return bad_spec("'retention_days' must be from 1 to " + std::to_string(kMaxRetentionDays) + ", not " +
                        std::to_string(spec.retention_days));
    }
    for (const std::string& pattern : spec.exclude) DR_TRY(Glob::parse(pattern));
    for (const std::string& path : spec.paths) DR_TRY(parse_place(path));
    for (const std::string& path : spec.config_paths) DR_TRY(parse_place(path));
    // Otherwise they would silently not be in the backup.
    if (!spec.config_paths.empty() && !spec.config) return bad_spec("'config_paths' needs '\"config\": true'");
    return {};
}

void write(JsonWriter& json, const BackupSpec& spec) {
    json.begin_object();
    json.field("spec_id", spec.spec_id);
    json.field("tag", spec.tag);
    json.field("datasets", spec.datasets);
    json.field("audit_packs", spec.audit_packs);
    json.field("config", spec.config);
    if (!spec.storage_target.empty()) json.field("storage_target", spec.storage_target);
    json.field("encryption", name_of(spec.encryption));
    json.field("retention_days", spec.retention_days);
    write_paths(json, "paths", spec.paths);
    json.field("exclude", spec.exclude);
    if (!spec.config_paths.empty()) write_paths(json, "config_paths", spec.config_paths);
    json.field("default_excludes", spec.default_excludes);
    if (!spec.hooks.empty()) {
        json.key("hooks");
        json.begin_object();
        json.field("before", spec.hooks.before);
        json.field("after", spec.hooks.after);
        json.end_object();
    }
    json.field("worm", spec.worm);
    json.end_object();
}

std::string print(const BackupSpec& spec) {
    return json_text(JsonLayout::Indented, [&spec](JsonWriter& json) { write(json, spec); });
}

}  // namespace dr
