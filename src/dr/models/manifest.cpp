#include "dr/models/manifest.h"

#include <limits>

namespace dr {
namespace {

constexpr std::uint64_t kMaxNumber = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr JsonLimits kLimits{.max_bytes = 4ULL << 30, .max_depth = 8, .max_values = 1024};

Result<ManifestEntry> read_entry(const JsonValue& value) {
    const ObjectReader object = DR_TRY(
        ObjectReader::open(value, "manifest entry", {"path", "path_base64", "size_bytes", "sha256", "encrypted"}));
    ManifestEntry entry;
    const std::string path = DR_TRY(object.path_bytes("path"));
    entry.path = DR_TRY(RelativePath::parse(path));
    entry.size_bytes = DR_TRY(object.natural("size_bytes", 0, kMaxNumber));
    entry.sha256 = DR_TRY(object.sha256("sha256"));
    entry.encrypted = DR_TRY(object.boolean("encrypted"));
    return entry;
}

Result<ManifestHeader> read_header(const JsonValue& value) {
    const ObjectReader object = DR_TRY(ObjectReader::open(
        value, "manifest", {"manifest_version", "snapshot_id", "created_at", "entries", "metadata"}));
    ManifestHeader header;
    header.manifest_version = DR_TRY(object.natural("manifest_version", 1, kMaxNumber));
    if (header.manifest_version > ManifestHeader::kVersion) {
        return Error{ErrorCode::Unsupported, "the manifest has version " + std::to_string(header.manifest_version) +
                                                 ": this program reads version 1"};
    }
    header.snapshot_id = DR_TRY(object.identifier("snapshot_id"));
    header.created_at = DR_TRY(object.timestamp("created_at"));
    DR_TRY(object.array("entries", 0));
    const JsonValue* metadata_value = DR_TRY(object.object("metadata"));
    const ObjectReader metadata =
        DR_TRY(ObjectReader::open(*metadata_value, "metadata of the manifest", {"spec_id", "tag", "encryption"}));
    header.spec_id = DR_TRY(metadata.identifier("spec_id"));
    header.tag = DR_TRY(metadata.identifier("tag"));
    const std::size_t choice = DR_TRY(metadata.choice("encryption", {"aes_256_gcm", "none"}));
    header.encryption = choice == 0 ? Encryption::Aes256Gcm : Encryption::None;
    return header;
}

}  // namespace

ManifestWriter::ManifestWriter(const ManifestHeader& header, JsonWriter::Sink sink, JsonLayout layout)
    : header_(header), json_(std::move(sink), layout) {
    json_.begin_object();
    json_.field("manifest_version", header_.manifest_version);
    json_.field("snapshot_id", header_.snapshot_id);
    json_.field("created_at", header_.created_at);
    json_.key("entries");
    json_.begin_array();
}

void ManifestWriter::add(const ManifestEntry& entry) {
    json_.begin_object();
    json_.path_fields("path", entry.path.bytes());
    json_.field("size_bytes", entry.size_bytes);
    json_.field("sha256", entry.sha256);
    json_.field("encrypted", entry.encrypted);
    json_.end_object();
}

Result<void> ManifestWriter::finish() {
    json_.end_array();
    json_.key("metadata");
    json_.begin_object();
    json_.field("spec_id", header_.spec_id);
    json_.field("tag", header_.tag);
    json_.field("encryption", name_of(header_.encryption));
    json_.end_object();
    json_.end_object();
    return json_.finish();
}

Result<ManifestHeader> parse_manifest(std::string_view json, const ManifestVisitor& visit) {
    const JsonStream entries{"entries", [&visit](JsonValue&& value) -> Result<void> {
                                 ManifestEntry entry = DR_TRY(read_entry(value));
                                 return visit(std::move(entry));
                             }};
    const JsonValue value = DR_TRY(parse_json_stream(json, entries, kLimits));
    return read_header(value);
}

Result<Manifest> parse_manifest(std::string_view json) {
    Manifest manifest;
    manifest.header = DR_TRY(parse_manifest(json, [&manifest](ManifestEntry&& entry) -> Result<void> {
        manifest.entries.push_back(std::move(entry));
        return {};
    }));
    return manifest;
}

std::string print(const Manifest& manifest) {
    std::string text;
    ManifestWriter writer{manifest.header, [&text](std::string_view piece) -> Result<void> {
                              text += piece;
                              return {};
                          }};
    for (const ManifestEntry& entry : manifest.entries) writer.add(entry);
    writer.finish().value();
    return text;
}

std::string sha256sum_line(const Sha256& sha256, std::string_view path) {
    std::string name;
    name.reserve(path.size());
    for (const char c : path) {
        if (c == '\\') {
            name += "\\\\";
        } else if (c == '\n') {
            name += "\\n";
        } else if (c == '\r') {
            name += "\\r";
        } else {
            name += c;
        }
    }
    // The backslash in front tells sha256sum that the name is escaped.
    return (name.size() == path.size() ? "" : "\\") + sha256.hex() + "  " + name + "\n";
}

}  // namespace dr
