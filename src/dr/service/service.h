#pragma once
// Service: the only door. The command line, and later the HTTP API and the scheduler, ask here and get the same
// answers.
//
// Each verb takes a request of plain values, opens what it needs, does the work and returns a result of plain values;
// it prints nothing and reads no environment. Long verbs report to a Monitor and stop when it says cancelled. One
// Service may serve one verb at a time.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/browse/diff.h"
#include "dr/browse/list.h"
#include "dr/keys/slot.h"
#include "dr/models/backup_spec.h"
#include "dr/models/key_material.h"
#include "dr/models/restore_plan.h"
#include "dr/models/retention_rule.h"
#include "dr/models/snapshot_meta.h"
#include "dr/models/verification_report.h"
#include "dr/restore/restore.h"
#include "dr/service/world.h"

namespace dr {

using Timings = std::vector<std::pair<std::string, double>>;  // phase, milliseconds; "total" last

// --- keys
struct KeysInitRequest {
    std::string output = "dr_key.json";
};
struct KeysInitResult {
    KeyMaterial key;
    std::string path;           // where the key file was written
    std::string made_kek_file;  // not empty: a new key-encryption-key file, to be kept apart from this machine
};
struct KeyStatus {
    KeyMaterial key;
    std::string path;
    std::string opens_with;                       // "passphrase", "kek-file:…"
    bool opened = false;                          // whether what is configured opens it
    std::string problem;                          // why not
    std::vector<std::string> readable_by_others;  // the key file, and what opens it
};
struct SlotInfo {
    std::string slot_id;
    std::string kind;  // "passphrase", "kek_file"; "lost": its file is not there or damaged
    PublicKey actor;
    std::string name;
    std::uint32_t roles = 0;
    bool in_use = false;  // the one that opened the repository, where one did
};
struct SlotAddRequest {
    std::string name;
    std::string output;  // key file to write; empty: none
    KeySources new_key;  // what wraps the new slot
};
struct KeysExportRequest {
    std::string output;
    std::string slot_id;  // empty: the slot in use
};

// --- repository
struct InitRequest {
    Encryption encryption = Encryption::Aes256Gcm;
};
struct InitResult {
    RepositoryId repository;
    std::string storage_path;
    bool encrypted = true;
};

// --- backup
struct StdinSource {
    int fd = -1;
    std::string name;  // file name in the snapshot
    std::function<Result<void>()>
        finished;  // asked before the commit: an error abandons the backup (a command that failed)
};
struct BackupRequest {
    BackupSpec spec;
    bool worm = false;      // --worm, or the spec's
    std::string workspace;  // default: the current directory
    std::string spec_file;  // as the user named the plan, for lines to type
    std::optional<StdinSource> standard_input;
    bool one_file_system = false;
    bool any_encryption = false;  // no plan says how content is sealed: as the repository does
};
struct BackupResult {
    SnapshotMeta meta;
    bool repository_created = false;
    std::optional<std::string> parent;
    std::uint64_t files_new = 0, files_changed = 0, files_unmodified = 0, files_unreadable = 0, directories = 0;
    std::uint64_t bytes_read = 0, bytes_stored = 0, bytes_deduplicated = 0, bytes_resumed = 0;
    bool resumed = false;
    std::vector<std::pair<std::string, std::string>> unreadable;  // path, reason; at most 1000
    std::vector<std::pair<std::string, std::uint64_t>> skipped;   // reason, count
    Timings timings;
};

// --- list
struct ListRequest {
    std::string tag;  // empty: all
};
struct ListResult {
    std::vector<SnapshotMeta> snapshots;  // oldest first
    RepositoryId repository;
    bool encrypted = true;
    std::uint64_t head = 0;  // last record
    RecordHash head_hash;
    Timestamp head_time;
    bool first_sight = false;  // show head, time and hash: compare them with what you know
};

// --- verify
struct VerifyServiceRequest {
    std::string snapshot;             // id, prefix, latest, latest:TAG
    std::uint64_t sample_count = 10;  // at least 1: no file proves nothing
    bool all = false;
};
struct VerifyResult {
    VerificationReport report;
    bool damage_recorded = false;  // the log knows the damaged packs: the next backup does not rely on them
    Timings timings;
};

// --- restore
struct RestoreServiceRequest {
    std::string snapshot;
    std::string target_path;
    bool dry_run = false;
    bool overwrite = false;
    bool devices = false;
    std::vector<std::string> paths, include, exclude;
};
struct RestoreResult {
    RestoreOutcome outcome;
    SnapshotMeta meta;
    Timings timings;
};

// --- prune
struct PruneRequest {
    std::optional<RetentionRule> rule;   // nothing: the default one, and each snapshot's own retention_days
    std::vector<std::string> snapshots;  // forget these instead of asking a rule
    bool dry_run = false;
};
struct PruneDecision {
    SnapshotMeta meta;
    bool keep = true;
    std::vector<std::string> reasons;
};
struct PruneResult {
    std::optional<RetentionRule> rule;     // that was used; nothing: snapshots were named
    std::vector<PruneDecision> decisions;  // oldest first
    std::uint64_t forgotten = 0;
    std::uint64_t packs_condemned = 0, packs_removed = 0, bytes_freed = 0;
    std::uint64_t orphans_removed = 0, sessions_abandoned = 0;
    // False: without the read key, or with an index of which a part cannot be read, only whole packs known to be unused
    // were collected.
    bool marked = false;
    Timings timings;
};

// --- browse
struct FindHit {
    std::string path;
    Entry entry;
    std::vector<SnapshotMeta> snapshots;  // that hold this version
};
struct DiffRequest {
    std::string before;  // snapshot
    std::string after;   // snapshot, or empty with `live`
    std::string live;    // directory
    bool checksum = false;
};
struct StatsResult {
    std::uint64_t snapshots = 0, packs = 0, index_runs = 0, log_records = 0;
    std::uint64_t stored_bytes = 0;   // in packs
    std::uint64_t restore_bytes = 0;  // sum of total_bytes
    std::uint64_t unique_blobs = 0, unique_bytes = 0, files = 0;
    bool counted = false;  // the trees were walked (needs the key)
};

class Service {
public:
    // Borrows both.
    Service(const World& world, const Settings& settings) : world_(world), settings_(settings) {}

    Result<KeysInitResult> keys_init(const KeysInitRequest& request);
    Result<KeyStatus> keys_status();
    Result<std::vector<SlotInfo>> slot_list(Monitor& monitor);
    Result<SlotInfo> slot_add(const SlotAddRequest& request, Monitor& monitor);
    Result<void> slot_remove(const std::string& slot_id, Monitor& monitor);
    Result<KeysInitResult> keys_export(const KeysExportRequest& request, Monitor& monitor);

    Result<InitResult> init(const InitRequest& request, Monitor& monitor);
    Result<BackupResult> backup(const BackupRequest& request, Monitor& monitor);
    Result<ListResult> list(const ListRequest& request, Monitor& monitor);
    Result<VerifyResult> verify(const VerifyServiceRequest& request, Monitor& monitor);
    Result<RestoreResult> restore(const RestoreServiceRequest& request, Monitor& monitor);
    Result<PruneResult> prune(const PruneRequest& request, Monitor& monitor);

    Result<void> ls(const std::string& snapshot, const std::string& path, bool recursive, Monitor& monitor,
                    const EntryVisitor& visit);
    Result<void> find(const std::string& pattern, const std::string& tag, Monitor& monitor,
                      const std::function<Result<void>(const FindHit&)>& visit);
    Result<void> diff(const DiffRequest& request, Monitor& monitor, const DifferenceVisitor& visit);
    // A file as it is, anything else (or `tar`) as a pax archive.
    Result<void> dump(const std::string& snapshot, const std::string& path, bool tar, Monitor& monitor,
                      const std::function<Result<void>(ByteSpan)>& sink);
    enum class ManifestForm : std::uint8_t { Json, Sha256Sum };
    Result<void> manifest(const std::string& snapshot, ManifestForm form, Monitor& monitor,
                          const std::function<Result<void>(std::string_view)>& sink);
    Result<StatsResult> stats(bool count, Monitor& monitor);

private:
    const World& world_;
    const Settings& settings_;
};

}  // namespace dr
