#include "dr/models/snapshot_meta.h"

#include <limits>

#include "dr/base/hex.h"

namespace dr {
namespace {

// Every number fits a signed 64-bit integer, which is what the tools that read the output have.
constexpr std::uint64_t kMaxNumber = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

Result<void> read_extensions(const ObjectReader& object, SnapshotMeta& meta) {
    meta.retain_until = DR_TRY(object.optional_timestamp("retain_until"));
    meta.worm = DR_TRY(object.boolean_or("worm", false));
    meta.files_unreadable = DR_TRY(object.natural_or("files_unreadable", 0, 0, kMaxNumber));
    meta.parent = DR_TRY(object.optional_identifier("parent"));
    meta.record = DR_TRY(object.natural_or("record", 0, 0, kMaxNumber));
    if (object.has("signed_by")) {
        const Sha256 key = DR_TRY(object.sha256("signed_by"));
        meta.signed_by = PublicKey{key.array()};
    }
    Result<Bytes> signature = parse_base64(DR_TRY(object.text_or("signature", {}, {.max_bytes = 4096})));
    if (!signature.ok()) return object.wrong("signature", "must be base64");
    meta.signature = std::move(signature).value();
    if (object.has("signer_pinned")) meta.signer_pinned = DR_TRY(object.boolean("signer_pinned"));
    return {};
}

}  // namespace

Result<SnapshotMeta> parse_snapshot_meta(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    return read_snapshot_meta(value);
}

Result<SnapshotMeta> read_snapshot_meta(const JsonValue& value) {
    const ObjectReader object = DR_TRY(
        ObjectReader::open(value, "snapshot metadata",
                           {"snapshot_id", "spec_id", "tag", "created_at", "total_bytes", "file_count", "manifest_hash",
                            "encrypted", "storage_backend", "storage_path", "retain_until", "worm", "files_unreadable",
                            "parent", "record", "signed_by", "signature", "signer_pinned"}));
    SnapshotMeta meta;
    meta.snapshot_id = DR_TRY(object.identifier("snapshot_id"));
    meta.spec_id = DR_TRY(object.identifier("spec_id"));
    meta.tag = DR_TRY(object.identifier("tag"));
    meta.created_at = DR_TRY(object.timestamp("created_at"));
    meta.total_bytes = DR_TRY(object.natural("total_bytes", 0, kMaxNumber));
    meta.file_count = DR_TRY(object.natural("file_count", 0, kMaxNumber));
    meta.manifest_hash = DR_TRY(object.sha256("manifest_hash"));
    meta.encrypted = DR_TRY(object.boolean("encrypted"));
    meta.storage_backend =
        static_cast<Backend>(DR_TRY(object.choice("storage_backend", {"local", "archive", "object_store"})));
    meta.storage_path = DR_TRY(object.text("storage_path"));
    DR_TRY(read_extensions(object, meta));
    return meta;
}

void write(JsonWriter& json, const SnapshotMeta& meta) {
    json.begin_object();
    json.field("snapshot_id", meta.snapshot_id);
    json.field("spec_id", meta.spec_id);
    json.field("tag", meta.tag);
    json.field("created_at", meta.created_at);
    json.field("total_bytes", meta.total_bytes);
    json.field("file_count", meta.file_count);
    json.field("manifest_hash", meta.manifest_hash);
    json.field("encrypted", meta.encrypted);
    json.field("storage_backend", name_of(meta.storage_backend));
    json.field("storage_path", meta.storage_path);
    json.field("retain_until", meta.retain_until);
    json.field("worm", meta.worm);
    json.field("files_unreadable", meta.files_unreadable);
    json.field("parent", meta.parent);
    json.field("record", meta.record);
    json.field("signed_by", meta.signed_by);
    json.key("signature");
    if (meta.signature.empty())
        json.null();
    else
        json.text(to_base64(meta.signature));
    json.field("signer_pinned", meta.signer_pinned);
    json.end_object();
}

std::string print(const SnapshotMeta& meta) {
    return json_text(JsonLayout::Indented, [&meta](JsonWriter& json) { write(json, meta); });
}

}  // namespace dr
