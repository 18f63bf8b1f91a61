#pragma once
// Settings from everything that may give them: option > environment > configuration file > default (SPEC 4), each value
// with its origin.
//
// A pure function: the shells read the environment and the files, and hand them in.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/models/backup_spec.h"
#include "dr/service/config.h"
#include "dr/service/world.h"

namespace dr {

inline constexpr std::uint64_t kMinMemoryMib = 8;
inline constexpr std::uint64_t kMaxMemoryMib = 65'536;
inline constexpr std::uint64_t kMaxWorkers = 1024;

// Variables that the settings look at; an empty one counts as not set.
using Variables = std::map<std::string, std::string, std::less<>>;

// What the line itself says. Empty: not given.
struct SettingOptions {
    std::string config;
    std::string storage_path;
    std::string backend;
    std::string key_file;
    std::string workers;
    bool accept_history = false;
};

enum class ValueSource : std::uint8_t { Option, Environment, Config, Default, Unset };
std::string_view label(ValueSource source);  // "option", "environment", "config", "default", "unset"

// A line of `config show`. Never a secret: paths of secrets only.
struct ShownValue {
    std::string name;                  // as in the configuration file
    std::optional<std::string> value;  // lists joined by colons
    ValueSource source = ValueSource::Unset;
    std::string origin;  // "--storage-path", "QNWIS_DR_KEY_FILE", the file; empty for defaults
};

// Which configuration file to read.
struct ConfigChoice {
    std::vector<std::string> files;  // the first one that exists
    bool must_exist = false;         // it was named
    std::string origin;              // "--config", "QNWIS_DR_CONFIG"; empty: the default places
};
ConfigChoice choose_config(const SettingOptions& options, const Variables& environment);

struct SettingsInput {
    SettingOptions options;
    Variables environment;
    std::optional<ConfigFile> config;
    bool is_root = false;
};

struct ResolvedSettings {
    Settings settings;               // without KeySources::ask: the shell has the terminal
    std::vector<ShownValue> values;  // in a fixed order
    std::string config_file;         // empty: none was read
};

// Fails with BadRequest, naming the option or variable.
Result<ResolvedSettings> resolve_settings(const SettingsInput& input);

// What a plan's storage_target makes of it: a storage path of the line or the environment beats it; else the configured
// target of that name decides. NotFound where there is none (a storage path of the configuration or the built-in one
// would be a guess: the plan asked for another place). Its compression goes with it. True: the target asks for WORM.
Result<bool> apply_storage_target(ResolvedSettings& resolved, const Identifier& target);

}  // namespace dr
