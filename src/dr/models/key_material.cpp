#include "dr/models/key_material.h"

#include "dr/base/hex.h"

namespace dr {

Result<KeyMaterial> parse_key_material(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json, {.max_bytes = 256U << 10, .max_depth = 4, .max_values = 64}));
    const ObjectReader object = DR_TRY(ObjectReader::open(
        value, "key file",
        {"key_id", "algorithm", "created_at", "rotated_at", "wrapped_key", "kms_key_id", "repository_id"}));
    KeyMaterial key;
    key.key_id = DR_TRY(object.identifier("key_id"));
    key.algorithm = DR_TRY(object.identifier("algorithm"));
    key.created_at = DR_TRY(object.timestamp("created_at"));
    key.rotated_at = DR_TRY(object.optional_timestamp("rotated_at"));
    const std::string wrapped = DR_TRY(object.text("wrapped_key", {.min_bytes = 1, .max_bytes = 128U << 10}));
    Result<Bytes> bytes = parse_base64(wrapped);
    if (!bytes.ok()) return object.wrong("wrapped_key", "must be base64");
    key.wrapped_key = std::move(bytes).value();
    if (key.wrapped_key.size() > KeyMaterial::kMaxWrappedBytes) {
        return object.wrong("wrapped_key", "has more than 65536 bytes");
    }
    key.kms_key_id = DR_TRY(object.text("kms_key_id", {.min_bytes = 1, .max_bytes = 2048}));
    if (object.has("repository_id")) {
        const Sha256 id = DR_TRY(object.sha256("repository_id"));
        key.repository_id = RepositoryId{id.array()};
    }
    return key;
}

void write(JsonWriter& json, const KeyMaterial& key) {
    json.begin_object();
    json.field("key_id", key.key_id);
    json.field("algorithm", key.algorithm);
    json.field("created_at", key.created_at);
    json.field("rotated_at", key.rotated_at);
    json.field("wrapped_key", to_base64(key.wrapped_key));
    json.field("kms_key_id", key.kms_key_id);
    if (key.repository_id) json.field("repository_id", *key.repository_id);
    json.end_object();
}

std::string print(const KeyMaterial& key) {
    return json_text(JsonLayout::Indented, [&key](JsonWriter& json) { write(json, key); });
}

}  // namespace dr
