#pragma once
// Restore: a snapshot's tree, or a part of it, written below an approved directory.
//
// Always: nothing outside the target is touched and no symlink is followed, whatever the tree says and whoever renames
// things meanwhile; an entry appears under its name only complete and with every byte proven; without `overwrite`
// nothing that is there changes, and if something there differs, nothing at all is written. The same restore again
// changes nothing and reads no content from the repository. Stopped half-way (an error, Ctrl-C) it leaves nothing
// behind; killed half-way it leaves a hidden directory `.qnwis-restore-<id>` in the target, which the next restore by
// the same user removes.
//
// New entries are built there and renamed out at the end; before that the file system is synced, so that a name never
// survives a power cut that its content did not. Existing files that differ are built anew, from their own equal ranges
// and the missing ones.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/models/identifier.h"
#include "dr/models/restore_plan.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"
#include "dr/restore/filter.h"
#include "dr/restore/target.h"

namespace dr {

struct RestoreRequest {
    Identifier plan_id;      // names the staging directory; unique among restores into this target
    Identifier snapshot_id;  // for the plan and messages
    std::string target_path;
    bool dry_run = false;
    bool overwrite = false;
    bool devices = false;  // make device nodes; without it they are recorded in `refused`
    bool sync = true;      // durable once restore() returns
    RestoreFilter filter;
    // The words that made the filter and `devices`, as a shell takes them: what a message tells to type next must
    // select no more than was selected.
    std::string selection_words;
};

// A kind of thing that could not be restored, and how often. An ordinary user cannot give files away, for example.
struct RestoreLoss {
    std::string what;  // "the owner", "an extended attribute of the system", …
    std::uint64_t count = 0;
    std::string example;  // bytes of a path
    std::string reason;
};

// Why an entry of the snapshot is not made.
enum class RefusalKind : std::uint8_t {
    Device,    // nobody asked for devices
    Name,      // the name would lead out of the target, or is that of a restore's own directory
    InTheWay,  // something stands at its place that even `overwrite` does not replace
};

// What was asked for and is refused: the restore is not whole without it. Devices that nobody asked for are no part of
// it.
struct WithheldEntries {
    std::uint64_t count = 0;
    std::vector<PathProblem> listed;      // at most RestorePlan::kMaxListed
    std::vector<std::string> in_the_way;  // paths of those that something is in the way of; likewise

    void add(RefusalKind kind, const std::string& path, const std::string& why);
    void add(WithheldEntries more);
};

// Entries that are there and equal in content, but differ in owner, mode, time, attributes, flags or hard links; of a
// directory the time does not count. With `overwrite` they are to be brought back, without they stay.
struct MetadataDifferences {
    std::uint64_t count = 0;
    std::vector<std::string> listed;  // paths; at most RestorePlan::kMaxListed
};

struct RestoreOutcome {
    RestorePlan plan;                   // what was planned; a dry run ends with it. `refused` says why
    std::optional<Error> would_refuse;  // of a dry run: why nothing at all would be written, as it is
    std::uint64_t files_restored = 0;  // entries other than directories that were created or replaced, and are in place
    std::uint64_t files_replaced = 0;  // among them
    std::uint64_t metadata_restored = 0;  // entries that stayed and whose metadata were brought back
    std::uint64_t directories_restored = 0;
    std::uint64_t files_skipped = 0;   // equal already
    std::uint64_t bytes_restored = 0;  // their sizes without holes
    std::uint64_t bytes_read = 0;      // from the repository: frames of file content
    std::vector<std::string>
        created;  // paths as bytes; at most RestorePlan::kMaxListed, the topmost of each new subtree
    std::vector<std::string> replaced;  // likewise
    WithheldEntries withheld;           // also in plan.refused
    MetadataDifferences metadata;
    std::vector<RestoreLoss> losses;

    // Files that could not be restored although they were planned; everything else was. At most RestorePlan::kMaxListed
    // of them.
    std::vector<PathProblem> failures;
    std::uint64_t failure_count = 0;
    ErrorCode worst_failure = ErrorCode::Io;  // of the failures: Damaged if one was
};

// Fails with Refused (allowlist; something is mounted below the target where entries would be put), AlreadyExists
// (entries that differ, without overwrite: each goes to the monitor as a warning, and nothing was written), NotFound (a
// path of the filter that the snapshot does not have, or nothing that the filter selects), NoSpace (says what is
// needed), Damaged (the tree itself cannot be read), Io, Cancelled. Single files that cannot be restored do not fail
// the whole: see RestoreOutcome::failures.
Result<RestoreOutcome> restore(const RestoreRequest& request, BlobSource& source, const DirRef& root,
                               const RestoreAllowlist& allowlist, TaskPool& pool, Monitor& monitor);

}  // namespace dr
