#include "dr/service/settings.h"

#include <cstdlib>

#include "dr/models/relative_path.h"
#include "dr/models/suggest.h"

namespace dr {
namespace {

std::string variable(const Variables& environment, std::string_view name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string{} : found->second;
}

// A directory of the XDG specification: absolute, or as if it were not set.
std::string xdg_directory(const Variables& environment, std::string_view name, std::string_view below_home) {
    std::string named = variable(environment, name);
    if (named.starts_with('/')) return named;
    const std::string home = variable(environment, "HOME");
    return home.empty() ? std::string{} : home + std::string(below_home);
}

std::string user_config_directory(const Variables& environment) {
    const std::string base = xdg_directory(environment, "XDG_CONFIG_HOME", "/.config");
    return base.empty() ? base : base + "/qnwis_dr";
}

std::string joined(const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& item : list) text += (text.empty() ? "" : ":") + item;
    return text;
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(':', at), text.size());
        if (end > at) parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

// One value after the other, in the order of `config show`.
class Resolver {
public:
    explicit Resolver(const SettingsInput& input) : input_(input) {}

    Result<ResolvedSettings> resolve();

private:
    struct Candidate {
        ValueSource source;
        std::string value;
        std::string origin;
    };

    std::string config_path() const { return input_.config ? input_.config->path : std::string{}; }
    void show(std::string name, const Candidate& candidate) {
        out_.values.push_back({std::move(name), candidate.value, candidate.source, candidate.origin});
    }
    void show_unset(std::string name) {
        out_.values.push_back({std::move(name), std::nullopt, ValueSource::Unset, ""});
    }

    // The first of the four that is there; shown under `name`.
    std::optional<Candidate> pick(const std::string& name, const std::string& option, std::string_view option_name,
                                  std::string_view variable_name, std::optional<std::string> ConfigFile::* field,
                                  const std::string& fallback) {
        std::optional<Candidate> found;
        if (!option.empty()) {
            found = Candidate{ValueSource::Option, option, std::string(option_name)};
        } else if (std::string text = variable(input_.environment, variable_name); !text.empty()) {
            found = Candidate{ValueSource::Environment, std::move(text), std::string(variable_name)};
        } else if (input_.config && (*input_.config).*field) {
            found = Candidate{ValueSource::Config, *((*input_.config).*field), config_path()};
        } else if (!fallback.empty()) {
            found = Candidate{ValueSource::Default, fallback, ""};
        }
        if (found)
            show(name, *found);
        else
            show_unset(name);
        return found;
    }

    // A file with a secret, and all others that would be in its place if this one were not named.
    std::optional<Candidate> pick_secret(const std::string& name, const std::string& option,
                                         std::string_view option_name, std::string_view variable_name,
                                         std::optional<std::string> ConfigFile::* field,
                                         const std::vector<std::string>& fallback) {
        std::vector<std::string>& named = out_.settings.named_secrets;
        named.push_back(option);
        named.push_back(variable(input_.environment, variable_name));
        if (input_.config) named.push_back(((*input_.config).*field).value_or(""));
        named.insert(named.end(), fallback.begin(), fallback.end());
        std::erase(named, "");
        return pick(name, option, option_name, variable_name, field, joined(fallback));
    }

    void storage();
    Result<void> backend();
    void key_file();
    void key_sources();
    Result<void> allowed_targets();
    void directories();
    Result<void> sizes();
    void mapping();
    void mapping_list(const std::string& name, const std::optional<std::vector<std::string>>& configured,
                      std::vector<std::string>& list);
    void targets();

    const SettingsInput& input_;
    ResolvedSettings out_;
    ValueSource storage_source_ = ValueSource::Default;
};

void Resolver::storage() {
    const auto path = pick("storage_path", input_.options.storage_path, "--storage-path", "QNWIS_DR_STORAGE_PATH",
                           &ConfigFile::storage_path, "/mnt/backups");
    out_.settings.storage_path = path->value;
    storage_source_ = path->source;
}

// A backend of the configuration belongs to its storage path: it says nothing about one that was typed.
Result<void> Resolver::backend() {
    const bool configured = storage_source_ == ValueSource::Config && input_.config->backend;
    if (!input_.options.backend.empty()) {
        DR_TRY(parse_backend(input_.options.backend));
        out_.settings.backend = input_.options.backend;
        show("backend", {ValueSource::Option, out_.settings.backend, "--backend"});
    } else if (configured) {
        out_.settings.backend = *input_.config->backend;
        show("backend", {ValueSource::Config, out_.settings.backend, config_path()});
    } else {
        show_unset("backend");
    }
    return {};
}

void Resolver::key_file() {
    std::vector<std::string> defaults{"dr_key.json"};
    if (input_.is_root)
        defaults.emplace_back("/etc/qnwis_dr/dr_key.json");
    else if (const std::string own = user_config_directory(input_.environment); !own.empty())
        defaults.push_back(own + "/dr_key.json");
    const auto file = pick_secret("key_file", input_.options.key_file, "--key-file", "QNWIS_DR_KEY_FILE",
                                  &ConfigFile::key_file, defaults);
    const bool named = file->source != ValueSource::Default;
    out_.settings.key_file_explicit = named;
    out_.settings.key_files = named ? std::vector{file->value} : defaults;
}

void Resolver::key_sources() {
    KeySources& keys = out_.settings.keys;
    const auto passphrase =
        pick_secret("passphrase_file", "", "", "QNWIS_DR_PASSPHRASE_FILE", &ConfigFile::passphrase_file, {});
    if (passphrase)
        (passphrase->source == ValueSource::Config ? keys.configured_passphrase_file : keys.passphrase_file) =
            passphrase->value;

    if (input_.is_root)
        keys.default_kek_files = {"/etc/qnwis_dr/kek"};
    else if (const std::string own = user_config_directory(input_.environment); !own.empty())
        keys.default_kek_files = {own + "/kek"};
    const auto kek =
        pick_secret("kek_file", "", "", "QNWIS_DR_KEK_FILE", &ConfigFile::kek_file, keys.default_kek_files);
    if (!kek || kek->source == ValueSource::Default) return;
    (kek->source == ValueSource::Config ? keys.configured_kek_file : keys.kek_file) = kek->value;
}

Result<void> Resolver::allowed_targets() {
    std::vector<std::string>& allowed = out_.settings.allowed_targets;
    Candidate from{ValueSource::Default, "", ""};
    if (const std::string text = variable(input_.environment, "QNWIS_DR_ALLOWED_TARGETS"); !text.empty()) {
        from = {ValueSource::Environment, "", "QNWIS_DR_ALLOWED_TARGETS"};
        allowed = split(text);
    } else if (input_.config && input_.config->allowed_targets) {
        from = {ValueSource::Config, "", config_path()};
        allowed = *input_.config->allowed_targets;
    } else {
        allowed = {"/mnt/restore"};
    }
    for (const std::string& directory : allowed) {
        if (directory.starts_with('/')) continue;
        return Error{ErrorCode::BadRequest, "the allowed target '" + printable(directory) + "' of " +
                                                printable(from.origin) + " is not an absolute path"}
            .means("nothing was restored: what is allowed must not depend on where a command is typed")
            .next("qnwis_dr config show");
    }
    from.value = joined(allowed);
    show("allowed_targets", from);
    return {};
}

void Resolver::directories() {
    const std::string own = xdg_directory(input_.environment, "XDG_STATE_HOME", "/.local/state");
    const std::string state = input_.is_root || own.empty() ? "/var/lib/qnwis_dr" : own + "/qnwis_dr";
    out_.settings.state_directory =
        pick("state_dir", "", "", "QNWIS_DR_STATE_DIR", &ConfigFile::state_dir, state)->value;
    out_.settings.scratch_directory = pick("scratch_dir", "", "", "TMPDIR", &ConfigFile::scratch_dir, "/tmp")->value;
}

Result<void> Resolver::sizes() {
    const std::uint64_t usual = out_.settings.memory_budget >> 20;
    const bool configured = input_.config && input_.config->memory_mib;
    const std::uint64_t memory = configured ? *input_.config->memory_mib : usual;
    out_.settings.memory_budget = static_cast<std::size_t>(memory) << 20;
    show("memory_mib", {configured ? ValueSource::Config : ValueSource::Default, std::to_string(memory),
                        configured ? config_path() : ""});

    if (!input_.options.workers.empty()) {
        const Result<std::uint64_t> workers = parse_natural(input_.options.workers, 1, kMaxWorkers);
        if (!workers.ok())
            return Error{ErrorCode::BadRequest, "--workers " + workers.error().what()}.next("qnwis_dr --help");
        out_.settings.workers = static_cast<unsigned>(workers.value());
        show("workers", {ValueSource::Option, std::to_string(workers.value()), "--workers"});
    } else if (input_.config && input_.config->workers) {
        out_.settings.workers = static_cast<unsigned>(*input_.config->workers);
        show("workers", {ValueSource::Config, std::to_string(*input_.config->workers), config_path()});
    } else {
        show_unset("workers");  // one for each core
    }
    return {};
}

void Resolver::mapping_list(const std::string& name, const std::optional<std::vector<std::string>>& configured,
                            std::vector<std::string>& list) {
    if (configured) list = *configured;
    if (list.empty() && !configured) return show_unset(name);
    show(name,
         {configured ? ValueSource::Config : ValueSource::Default, joined(list), configured ? config_path() : ""});
}

void Resolver::mapping() {
    const ConfigFile none;
    const ConfigFile& config = input_.config ? *input_.config : none;
    mapping_list("mapping.catalog", config.catalog, out_.settings.mapping.catalog_directories);
    mapping_list("mapping.audit_packs", config.audit_packs, out_.settings.mapping.audit_pack_directories);
    mapping_list("mapping.config", config.config, out_.settings.mapping.config_paths);
    mapping_list("mapping.pii", config.pii, out_.settings.mapping.pii_patterns);
}

void Resolver::targets() {
    if (!input_.config) return;
    out_.settings.targets = input_.config->targets;
    for (const auto& [id, target] : input_.config->targets) {
        show("targets." + id, {ValueSource::Config, target.base_path, config_path()});
    }
}

Result<ResolvedSettings> Resolver::resolve() {
    out_.config_file = config_path();
    out_.settings.allow_older_history = input_.options.accept_history;
    storage();
    DR_TRY(backend());
    key_file();
    key_sources();
    DR_TRY(allowed_targets());
    directories();
    DR_TRY(sizes());
    mapping();
    targets();
    return std::move(out_);
}

// What the session is asked for: "none", "zstd", or "zstd:" and a level, as parsed.
int compression_setting(const StorageTarget& target) {
    if (target.compression == "none") return kNoCompression;
    if (target.compression == "zstd") return kLevelByContent;
    return std::atoi(target.compression.c_str() + std::string_view{"zstd:"}.size());
}

Error unknown_target(const ResolvedSettings& resolved, const std::string& name) {
    std::vector<std::string_view> known;
    for (const auto& [id, target] : resolved.settings.targets) known.push_back(id);
    return Error{ErrorCode::NotFound,
                 "the plan's storage target '" + name + "' is not configured" + did_you_mean(name, known)}
        .means("nothing was written: nobody said where '" + name + "' is");
}

}  // namespace

std::string_view label(ValueSource source) {
    switch (source) {
        case ValueSource::Option: return "option";
        case ValueSource::Environment: return "environment";
        case ValueSource::Config: return "config";
        case ValueSource::Default: return "default";
        case ValueSource::Unset: return "unset";
    }
    return "unset";
}

ConfigChoice choose_config(const SettingOptions& options, const Variables& environment) {
    if (!options.config.empty()) return {{options.config}, true, "--config"};
    if (std::string named = variable(environment, "QNWIS_DR_CONFIG"); !named.empty())
        return {{std::move(named)}, true, "QNWIS_DR_CONFIG"};
    ConfigChoice choice{{"/etc/qnwis_dr/config.toml"}, false, ""};
    if (const std::string own = user_config_directory(environment); !own.empty())
        choice.files.push_back(own + "/config.toml");
    return choice;
}

Result<ResolvedSettings> resolve_settings(const SettingsInput& input) { return Resolver{input}.resolve(); }

Result<bool> apply_storage_target(ResolvedSettings& resolved, const Identifier& target) {
    if (target.empty()) return false;
    ShownValue& storage = resolved.values.front();  // storage_path, always the first
    DR_CHECK(storage.name == "storage_path");
    if (storage.source == ValueSource::Option || storage.source == ValueSource::Environment) return false;
    const auto found = resolved.settings.targets.find(target.text());
    if (found == resolved.settings.targets.end()) return unknown_target(resolved, target.text());
    resolved.settings.storage_path = found->second.base_path;
    if (resolved.values[1].source != ValueSource::Option)
        resolved.settings.backend = std::string(name_of(found->second.backend));
    resolved.settings.compression = compression_setting(found->second);
    storage.value = found->second.base_path;
    storage.source = ValueSource::Config;
    storage.origin = resolved.config_file;
    return found->second.worm;
}

}  // namespace dr
