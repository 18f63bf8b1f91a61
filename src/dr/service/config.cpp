// The only file that knows toml++.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "dr/models/json.h"
#include "dr/models/relative_path.h"
#include "dr/models/suggest.h"
#include "dr/service/config.h"
#include "dr/service/settings.h"

namespace dr {
namespace {

constexpr std::size_t kMaxListItems = 10'000;

// Reads one table. Every complaint names the file and the line.
class TableReader {
public:
    TableReader(const toml::table& table, std::string name, const std::string& file)
        : table_(table), name_(std::move(name)), file_(file) {}

    Error wrong(const toml::node& node, std::string_view key, const std::string& complaint) const {
        return Error{ErrorCode::BadRequest, "'" + full(key) + "' " + complaint + " ('" + file_ + "', line " +
                                                std::to_string(node.source().begin.line) + ")"}
            .means("nothing was done: a configuration that is half understood is worse than none")
            .next("qnwis_dr config show --config /dev/null");
    }

    Result<void> only(std::initializer_list<std::string_view> known) const {
        for (const auto& [key, node] : table_) {
            if (std::ranges::find(known, key.str()) != known.end()) continue;
            const std::vector<std::string_view> names{known};
            return wrong(node, key.str(), "is no setting" + did_you_mean(key.str(), names));
        }
        return {};
    }

    Result<std::optional<std::string>> text(std::string_view key) const {
        const toml::node* node = table_.get(key);
        if (node == nullptr) return std::optional<std::string>{};
        return std::optional{DR_TRY(text_of(*node, key))};
    }

    Result<std::optional<std::vector<std::string>>> texts(std::string_view key) const {
        const toml::node* node = table_.get(key);
        if (node == nullptr) return std::optional<std::vector<std::string>>{};
        const toml::array* items = node->as_array();
        if (items == nullptr) return wrong(*node, key, "must be a list of texts");
        if (items->size() > kMaxListItems) return wrong(*node, key, "has more than 10000 entries");
        std::vector<std::string> list;
        for (const toml::node& item : *items) list.push_back(DR_TRY(text_of(item, key)));
        return std::optional{std::move(list)};
    }

    Result<std::optional<std::uint64_t>> natural(std::string_view key, std::uint64_t min, std::uint64_t max) const {
        const toml::node* node = table_.get(key);
        if (node == nullptr) return std::optional<std::uint64_t>{};
        const auto* number = node->as_integer();
        if (number == nullptr) return wrong(*node, key, "must be a whole number");
        const Result<std::uint64_t> value = parse_natural(std::to_string(number->get()), min, max);
        if (!value.ok()) return wrong(*node, key, value.error().what());
        return std::optional{value.value()};
    }

    Result<std::optional<std::string>> backend() const {
        std::optional<std::string> name = DR_TRY(text("backend"));
        if (!name || parse_backend(*name).ok()) return name;
        return wrong(*table_.get("backend"), "backend", "must be 'local', 'archive' or 'object_store'");
    }

    Result<const toml::table*> table(std::string_view key) const {
        const toml::node* node = table_.get(key);
        if (node == nullptr) return static_cast<const toml::table*>(nullptr);
        const toml::table* inner = node->as_table();
        if (inner == nullptr) return wrong(*node, key, "must be a table: [" + full(key) + "]");
        return inner;
    }

private:
    std::string full(std::string_view key) const {
        const std::string shown = printable(key.substr(0, 128));
        return name_.empty() ? shown : name_ + "." + shown;
    }

    Result<std::string> text_of(const toml::node& node, std::string_view key) const {
        const auto* value = node.as_string();
        if (value == nullptr) return wrong(node, key, node.is_array() ? "must be one text" : "must be text, in quotes");
        if (value->get().empty()) return wrong(node, key, "must not be empty");
        if (value->get().size() > 4096 || value->get().find('\0') != std::string::npos)
            return wrong(node, key, "is no usable text");
        return value->get();
    }

    const toml::table& table_;
    std::string name_;
    const std::string& file_;
};

bool is_location(std::string_view text) {
    return text.find("://") != std::string_view::npos || text.starts_with("rclone:");
}

// From the directory of the configuration file, unless it says where by itself.
void settle(std::string& path, const std::string& file) {
    if (path.starts_with('/') || is_location(path)) return;
    const std::size_t slash = file.rfind('/');
    if (slash != std::string::npos) path = file.substr(0, slash + 1) + path;
}
void settle(std::optional<std::string>& path, const std::string& file) {
    if (path) settle(*path, file);
}

Result<void> read_top(const TableReader& top, ConfigFile& config) {
    DR_TRY(top.only({"storage_path", "backend", "key_file", "passphrase_file", "kek_file", "allowed_targets",
                     "state_dir", "scratch_dir", "memory_mib", "workers", "mapping", "targets"}));
    config.storage_path = DR_TRY(top.text("storage_path"));
    config.backend = DR_TRY(top.backend());
    config.key_file = DR_TRY(top.text("key_file"));
    config.passphrase_file = DR_TRY(top.text("passphrase_file"));
    config.kek_file = DR_TRY(top.text("kek_file"));
    config.allowed_targets = DR_TRY(top.texts("allowed_targets"));
    config.state_dir = DR_TRY(top.text("state_dir"));
    config.scratch_dir = DR_TRY(top.text("scratch_dir"));
    config.memory_mib = DR_TRY(top.natural("memory_mib", kMinMemoryMib, kMaxMemoryMib));
    config.workers = DR_TRY(top.natural("workers", 1, kMaxWorkers));
    for (auto* path : {&config.storage_path, &config.key_file, &config.passphrase_file, &config.kek_file,
                       &config.state_dir, &config.scratch_dir}) {
        settle(*path, config.path);
    }
    if (config.allowed_targets) {
        for (std::string& target : *config.allowed_targets) settle(target, config.path);
    }
    return {};
}

Result<void> read_mapping(const toml::table& table, ConfigFile& config) {
    const TableReader mapping{table, "mapping", config.path};
    DR_TRY(mapping.only({"catalog", "audit_packs", "config", "pii"}));
    config.catalog = DR_TRY(mapping.texts("catalog"));
    config.audit_packs = DR_TRY(mapping.texts("audit_packs"));
    config.config = DR_TRY(mapping.texts("config"));
    config.pii = DR_TRY(mapping.texts("pii"));
    return {};
}

// A target's table is its document without the id; the document's own parser checks it.
Result<StorageTarget> read_target(std::string_view id, const toml::table& table, const std::string& file) {
    std::string json;
    {
        std::ostringstream text;
        text << toml::json_formatter{table};
        json = text.str();
    }
    JsonValue document = DR_TRY(parse_json(json));
    if (document.find("target_id") == nullptr) {
        JsonValue name;
        name.kind = JsonValue::Kind::Text;
        name.text = std::string(id);
        document.members.emplace_back("target_id", std::move(name));
    }
    StorageTarget target = DR_TRY(read_storage_target(document));
    if (target.target_id.text() != id) return Error{ErrorCode::BadRequest, "'target_id' is not the name of the table"};
    settle(target.base_path, file);
    return target;
}

Result<void> read_targets(const toml::table& table, ConfigFile& config) {
    for (const auto& [key, node] : table) {
        const toml::table* inner = node.as_table();
        const TableReader targets{table, "targets", config.path};
        if (inner == nullptr) return targets.wrong(node, key.str(), "must be a table");
        Result<StorageTarget> target = read_target(key.str(), *inner, config.path);
        if (!target.ok()) return targets.wrong(node, key.str(), "is no storage target: " + target.error().what());
        config.targets.emplace(key.str(), std::move(target).value());
    }
    return {};
}

Result<ConfigFile> read_config(const toml::table& table, const std::string& path) {
    ConfigFile config;
    config.path = path;
    const TableReader top{table, "", config.path};
    DR_TRY(read_top(top, config));
    if (const toml::table* mapping = DR_TRY(top.table("mapping"))) DR_TRY(read_mapping(*mapping, config));
    if (const toml::table* targets = DR_TRY(top.table("targets"))) DR_TRY(read_targets(*targets, config));
    return config;
}

}  // namespace

Result<ConfigFile> parse_config(std::string_view toml, const std::string& path) {
    const toml::parse_result parsed = toml::parse(toml, path);
    if (!parsed) {
        return Error{ErrorCode::BadRequest, "the configuration '" + path + "' is not TOML at line " +
                                                std::to_string(parsed.error().source().begin.line) + ": " +
                                                printable(parsed.error().description())}
            .next("qnwis_dr config show --config /dev/null");
    }
    Result<ConfigFile> config = read_config(parsed.table(), path);
    if (config.ok() || !config.error().next_step().empty()) return config;
    return std::move(config).error().next("qnwis_dr config show --config /dev/null");
}

}  // namespace dr
