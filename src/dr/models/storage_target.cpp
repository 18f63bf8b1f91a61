#include "dr/models/storage_target.h"

namespace dr {
namespace {

constexpr std::size_t kMaxOptions = 256;

Result<std::string> read_compression(const ObjectReader& object) {
    constexpr std::string_view kName = "compression";
    const JsonValue* value = object.child(kName);
    if (value == nullptr) return std::string("zstd");
    if (value->kind == JsonValue::Kind::Boolean) return std::string(value->boolean ? "zstd" : "none");
    std::string name = DR_TRY(object.text(kName));
    if (name == "none" || name == "zstd") return name;
    const bool has_level = name.starts_with("zstd:") && name.size() <= 7 && name.find('0') != 5;
    if (has_level && parse_natural(std::string_view{name}.substr(5), 1, 19).ok()) return name;
    return object.wrong(kName, "must be 'none', 'zstd', or 'zstd:1' to 'zstd:19'");
}

Result<std::map<std::string, std::string>> read_options(const ObjectReader& object) {
    std::map<std::string, std::string> options;
    if (!object.has("options")) return options;
    const JsonValue* value = DR_TRY(object.object("options"));
    if (value->members.size() > kMaxOptions) return object.wrong("options", "has more than 256 entries");
    for (const auto& [name, option] : value->members) {
        const bool usable = option.kind == JsonValue::Kind::Text && option.text.size() <= 4096 &&
                            option.text.find('\0') == std::string::npos;
        if (!usable) return object.wrong("options", "must hold texts of at most 4096 bytes");
        const Identifier key = DR_TRY(Identifier::parse(name, "the name of an option of the storage target"));
        options.emplace(key.text(), option.text);
    }
    return options;
}

}  // namespace

std::string_view name_of(Backend backend) {
    switch (backend) {
        case Backend::Local: return "local";
        case Backend::Archive: return "archive";
        case Backend::ObjectStore: return "object_store";
    }
    return "local";
}

Result<Backend> parse_backend(std::string_view name) {
    for (const Backend backend : {Backend::Local, Backend::Archive, Backend::ObjectStore}) {
        if (name == name_of(backend)) return backend;
    }
    return Error{ErrorCode::BadRequest, "backend must be one of 'local', 'archive', 'object_store', not '" +
                                            printable(name.substr(0, 80)) + "'"};
}

Result<StorageTarget> parse_storage_target(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    return read_storage_target(value);
}

Result<StorageTarget> read_storage_target(const JsonValue& value) {
    const ObjectReader object = DR_TRY(ObjectReader::open(
        value, "storage target", {"target_id", "backend", "base_path", "worm", "compression", "options"}));
    StorageTarget target;
    target.target_id = DR_TRY(object.identifier("target_id"));
    target.backend = static_cast<Backend>(DR_TRY(object.choice("backend", {"local", "archive", "object_store"})));
    target.base_path = DR_TRY(object.text("base_path", {.min_bytes = 1}));
    target.worm = DR_TRY(object.boolean_or("worm", false));
    target.compression = DR_TRY(read_compression(object));
    target.options = DR_TRY(read_options(object));
    return target;
}

void write(JsonWriter& json, const StorageTarget& target) {
    json.begin_object();
    json.field("target_id", target.target_id);
    json.field("backend", name_of(target.backend));
    json.field("base_path", target.base_path);
    json.field("worm", target.worm);
    json.field("compression", target.compression);
    json.key("options");
    json.begin_object();
    for (const auto& [name, option] : target.options) json.field(name, option);
    json.end_object();
    json.end_object();
}

std::string print(const StorageTarget& target) {
    return json_text(JsonLayout::Indented, [&target](JsonWriter& json) { write(json, target); });
}

}  // namespace dr
