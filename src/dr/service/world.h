#pragma once
// World: what main() builds and hands down: clock, random numbers, this machine, and what the user configured.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/codec/compress.h"
#include "dr/crypto/secret.h"
#include "dr/models/selection.h"
#include "dr/models/storage_target.h"
#include "dr/platform/clock.h"
#include "dr/platform/host.h"
#include "dr/platform/random.h"
#include "dr/retention/calendar.h"

namespace dr {

// Where the pieces of a key may come from (SPEC 10, "Order of sources"). Empty: not given.
struct KeySources {
    std::string passphrase_file;  // QNWIS_DR_PASSPHRASE_FILE
    std::string kek_file;         // QNWIS_DR_KEK_FILE
    std::string configured_passphrase_file;
    std::string configured_kek_file;
    std::vector<std::string> default_kek_files;  // the first one that exists; a new one is made at the first place
    // Asks on the terminal; empty where there is none. `confirm`: ask twice. Fails with Cancelled.
    std::function<Result<SecretBytes>(const std::string& question, bool confirm)> ask;
};

// What a command works with, resolved from option, environment, configuration and default.
struct Settings {
    std::string storage_path;
    std::string backend;                 // empty: the location decides
    std::vector<std::string> key_files;  // the first one that exists
    bool key_file_explicit = false;      // the user named it: it must be there
    KeySources keys;
    // Every key, key-encryption-key and passphrase file that anything names, also where something stronger hides it: it
    // opens backups all the same.
    std::vector<std::string> named_secrets;
    std::vector<std::string> allowed_targets;
    std::string state_directory;  // pins
    std::string scratch_directory = "/tmp";
    WorkspaceMapping mapping;
    std::map<std::string, StorageTarget> targets;
    int compression = kLevelByContent;      // as level_for() takes it; of the storage target
    std::size_t memory_budget = 64U << 20;  // bytes of blobs waiting to be written
    unsigned workers = 0;                   // 0: one for each core
    bool allow_older_history = false;       // --accept-history: pin what is there now
};

struct World {
    Clock& clock;
    Random& random;
    const HostIdentity& host;
    const SiteCalendar& calendar;
};

}  // namespace dr
