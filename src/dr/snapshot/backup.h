#pragma once
// A snapshot's content: walks what a plan selects, stores what is new, and gives back the root and what happened.
//
// One unreadable file does not end a backup: it is left out or stored as read, and reported. The sequence of blobs
// given to the sink, and the root, depend on the sources, the keys and the limits only, never on the number of threads.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/base/time.h"
#include "dr/codec/chunker.h"
#include "dr/models/selection.h"
#include "dr/platform/clock.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/blob_sink.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

// A place on a mounted file system.
struct FileIdentity {
    std::uint64_t device = 0;  // as statx has it: major << 32 | minor
    std::uint64_t inode = 0;
    bool operator==(const FileIdentity&) const = default;
    // Of what `path` leads to, symlinks followed. NotFound, Io.
    static Result<FileIdentity> of(const std::string& path);
};

// What to back up. Borrowed for the call.
struct BackupSources {
    const Selection& selection;
    std::string workspace;                   // absolute; the directory the selection was made for
    std::optional<FileIdentity> repository;  // left out wherever it is met
    std::vector<FileIdentity> secrets{};     // files that open the repository: left out by the plan's default excludes
};

// The snapshot that this one follows. It must be the parent of the session that the sink writes for: what has not
// changed since is taken over from it without asking the sink.
struct ParentTree {
    BlobSource& source;
    DirRef root;
    Timestamp scan_start;              // of that snapshot
    bool private_keys_skipped = true;  // as its options had it
    // What cannot be read of it, or leads to blobs that `source` does not find, is read from the sources again, and
    // reported as a warning; without this it ends the backup with Damaged.
    bool is_damaged = false;
};

// What names and cuts content. Borrowed for the call; of one repository.
struct ContentKeys {
    const Chunker& chunker;
    const BlobNamer& namer;
    std::uint64_t tree_seed;  // FORMAT 4, "Derived"
};

struct BackupOptions {
    std::size_t inline_limit = 64;  // files up to this size are held by their entry
    bool one_file_system = false;   // mount points are stored empty and counted
    // Each file system of the sources is written out once, when the walk comes to it: see SourceWalk.
    bool sync_sources = true;
    bool skip_private_keys = true;  // by content (content_marks.h): the plan's default_excludes
    // What the caller expects, for progress; 0: not known.
    std::uint64_t expected_files = 0;
    std::uint64_t expected_bytes = 0;
    // For tests: called on a worker with the name of a file before it is opened, and after it was opened.
    std::function<void(std::string_view)> before_open;
    std::function<void(std::string_view)> after_open;
};

struct UnreadableFile {
    std::string path;  // in the snapshot, bytes
    std::string reason;
    bool operator==(const UnreadableFile&) const = default;
};

inline constexpr std::size_t kMaxUnreadableListed = 1000;

struct SnapshotContent {
    DirRef root;
    Timestamp scan_start;       // before the first look at the sources
    std::uint64_t entries = 0;  // of any kind
    std::uint64_t files = 0;    // regular
    std::uint64_t directories = 0;
    std::uint64_t bytes = 0;  // sizes of the regular files
    std::uint64_t files_new = 0;
    std::uint64_t files_changed = 0;     // known to the parent, but read again
    std::uint64_t files_unmodified = 0;  // taken over
    std::uint64_t bytes_read = 0;
    std::vector<UnreadableFile> unreadable;  // at most kMaxUnreadableListed
    std::uint64_t unreadable_count = 0;
    std::map<std::string, std::uint64_t> skipped;  // entries left out, by reason
    std::vector<Identifier> datasets_missing;      // of the plan, of which no file was stored
    std::vector<Identifier> datasets_left_out;     // … though files match: they could not be read or are left out
    std::vector<std::string> parts_missing;        // "audit_packs", "config": selected, and nothing of it is there
};

// Walks and stores. Fails with Cancelled, with what the sink fails with, BadRequest where two sources would have the
// same place in the snapshot, NotFound or Io where the workspace cannot be opened. Nothing is final until the caller
// finishes the sink and commits. The calling thread works too.
Result<SnapshotContent> scan_and_store(const BackupSources& sources, const ParentTree* parent, const ContentKeys& keys,
                                       BlobSink& sink, TaskPool& pool, Clock& clock, Monitor& monitor,
                                       const BackupOptions& options);

// Stores what `fd` yields to its end as the one file of a snapshot, called `name` (a component), owned by the caller.
Result<SnapshotContent> store_stream(int fd, std::string_view name, const ContentKeys& keys, BlobSink& sink,
                                     Clock& clock, Monitor& monitor, const BackupOptions& options);

}  // namespace dr
