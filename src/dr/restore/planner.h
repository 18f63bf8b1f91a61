#pragma once
// The plan of a restore: the snapshot's tree beside what is in the target. Writes nothing.
//
// For every entry in a directory that exists on both sides there is one Action, in the order of the walk; what lies
// below a new directory is new and needs none. The restore walks the same way again and takes them one by one.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/models/restore_plan.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree_codec.h"
#include "dr/restore/directory.h"
#include "dr/restore/restore.h"
#include "dr/restore/seen_file.h"

namespace dr {

enum class Action : std::uint8_t {
    Omit,     // not selected
    Create,   // not there
    Replace,  // there, and different
    Skip,     // there, and equal; without `overwrite` perhaps only in content
    Refresh,  // there, equal in content, with other metadata: they become the snapshot's. Only where nobody can hold it
              // open who must not write to what it becomes; otherwise Replace
    Merge,    // a directory on both sides
    Refuse,   // will not be made; the plan says why
};

using KeptFiles = std::unordered_map<std::size_t, SeenFile>;  // by the number of the action

struct PlannedRestore {
    RestorePlan plan;
    std::vector<Action> actions;
    KeptFiles kept;               // of Refresh, and of Skip where the entry has several names
    std::uint64_t conflicts = 0;  // differing entries where nothing may be replaced; counted in files_refused too
    std::vector<std::string> conflict_paths;  // at most RestorePlan::kMaxListed
    std::vector<std::string> created;         // the topmost of what is new; at most RestorePlan::kMaxListed
    std::vector<std::string> replaced;        // likewise
    WithheldEntries withheld;
    std::vector<std::string> mounts;  // directories where something else is mounted and something would be put
    MetadataDifferences metadata;
};

struct PlanContext {
    const RestoreRequest& request;
    BlobSource& source;
    DirectoryHandles& handles;
    TaskPool& pool;
    Monitor& monitor;
    // Look into new directories too: exact counts; neither holes nor further names of a file count as bytes. Otherwise
    // their totals are taken as recorded.
    bool exact = false;
};

// `target` is null where the target does not exist. Fails with Damaged, NotFound (a path of the filter, or the filter
// selects nothing), Io, Cancelled.
Result<PlannedRestore> plan_restore(const PlanContext& context, const DirRef& root, const DirectoryPtr& target);

// Why an entry is never made by this request, or nothing.
struct Refusal {
    RefusalKind kind;
    const char* why;
};
std::optional<Refusal> refusal(const EntryView& entry, const RestoreRequest& request);

}  // namespace dr
