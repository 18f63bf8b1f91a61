#pragma once
// BackupSpec: what to back up and how (SPEC 5). `plan` writes it, `backup --spec` reads it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"

namespace dr {

enum class Encryption : std::uint8_t { Aes256Gcm, None };

std::string_view name_of(Encryption encryption);  // "aes_256_gcm", "none"
Result<Encryption> parse_encryption(std::string_view name);

// Commands run by the shell around a backup, in order.
struct Hooks {
    std::vector<std::string> before;
    std::vector<std::string> after;
    bool empty() const { return before.empty() && after.empty(); }
    bool operator==(const Hooks&) const = default;
};

inline constexpr std::uint64_t kMaxRetentionDays = 36'500;

struct BackupSpec {
    Identifier spec_id;
    Identifier tag;
    std::vector<Identifier> datasets;
    bool audit_packs = false;
    bool config = false;
    Identifier storage_target;  // empty: none named
    Encryption encryption = Encryption::Aes256Gcm;
    std::uint64_t retention_days = 30;  // 1 to kMaxRetentionDays

    // Extensions.
    std::vector<std::string> paths;         // bytes; absolute, or relative to the workspace, without '..'
    std::vector<std::string> exclude;       // globs (glob.h)
    std::vector<std::string> config_paths;  // more of what `config` selects, as `paths`
    bool default_excludes = true;
    Hooks hooks;
    bool worm = false;

    bool operator==(const BackupSpec&) const = default;
};

// Both fail with BadRequest. Globs and paths are checked; whether anything is there is not.
Result<BackupSpec> parse_backup_spec(std::string_view json);
Result<BackupSpec> read_backup_spec(const JsonValue& value);
// The same checks for a spec made from options. parse_backup_spec has done them.
Result<void> check(const BackupSpec& spec);

void write(JsonWriter& json, const BackupSpec& spec);
std::string print(const BackupSpec& spec);

}  // namespace dr
