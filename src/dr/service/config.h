#pragma once
// The configuration file: TOML text, parsed once into what it says and nothing more. What it means together with
// options and the environment is the business of settings.h.
//
//   storage_path = "/mnt/backups"        backend = "local"
//   key_file = "/etc/qnwis_dr/dr_key.json"
//   passphrase_file = "…"                kek_file = "…"
//   allowed_targets = ["/mnt/restore"]   state_dir = "/var/lib/qnwis_dr"    scratch_dir = "/tmp"
//   memory_mib = 64                      workers = 2
//   [mapping]
//   catalog = ["data/catalog"]           audit_packs = ["audit_packs"]
//   config = [".env.example"]            pii = ["data/personal/**"]
//   [targets.local-prod]                 # a StorageTarget, its id being the name of the table
//   backend = "local"                    base_path = "/mnt/backups"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"
#include "dr/models/storage_target.h"

namespace dr {

struct ConfigFile {
    std::string path;  // where it was read; for messages and `config show`
    std::optional<std::string> storage_path;
    std::optional<std::string> backend;
    std::optional<std::string> key_file;
    std::optional<std::string> passphrase_file;
    std::optional<std::string> kek_file;
    std::optional<std::vector<std::string>> allowed_targets;
    std::optional<std::string> state_dir;
    std::optional<std::string> scratch_dir;
    std::optional<std::uint64_t> memory_mib;
    std::optional<std::uint64_t> workers;
    // [mapping]
    std::optional<std::vector<std::string>> catalog;
    std::optional<std::vector<std::string>> audit_packs;
    std::optional<std::vector<std::string>> config;
    std::optional<std::vector<std::string>> pii;
    // [targets.<id>]
    std::map<std::string, StorageTarget> targets;
};

inline constexpr std::size_t kMaxConfigFile = 1U << 20;  // bytes

// Paths of files and directories that are not absolute count from the directory of the file, so that the configuration
// means the same from everywhere; those of [mapping] are relative to a workspace and stay as they are. Fails with
// BadRequest, naming the file and the line: no TOML, an unknown key (with the nearest known one), a value of the wrong
// kind or out of range.
Result<ConfigFile> parse_config(std::string_view toml, const std::string& path);

}  // namespace dr
