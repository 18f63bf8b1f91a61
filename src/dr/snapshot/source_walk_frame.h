#pragma once
// What SourceWalk remembers of where it is; for its own files only.

#include "dr/repository/tree_reader.h"
#include "dr/snapshot/metadata.h"
#include "dr/snapshot/source_walk.h"

namespace dr {

// Why a source could not be read, for people.
inline std::string reason_of(const Error& error) {
    if (error.code() == ErrorCode::NotFound) return "it vanished before it could be read";
    return error.what();
}

// A directory on the way from the root to where the walk is.
struct SourceWalk::Frame {
    std::shared_ptr<DirectoryHandle> handle;  // none: reopen with handle_of()
    std::string name;
    FileStat stat;
    std::uint64_t device = 0;  // of the source it belongs to
    Region region = Region::Workspace;
    bool follow = false;  // opened through a symlink if need be: a directory above an outside place
    bool only_if_filled = false;
    bool filled = false;  // something below is stored
    const VirtualPlace* place = nullptr;
    NameList names;
    std::size_t next = 0;
    std::unique_ptr<Entry> entry;  // of this directory, where it is not as the parent has it

    // The same directory of the parent snapshot, if it has one.
    std::unique_ptr<DirectoryReader> before;
    DirRefView before_ref;
    std::shared_ptr<const void> before_owner;
    const EntryView* at = nullptr;  // its current entry; none at its end
    std::shared_ptr<const void> at_owner;
    bool taken = true;          // `at` has had its turn
    bool unmatched = false;     // … and turned out to be different
    std::uint64_t matched = 0;  // entries from its start that are as they were
    bool diverged = true;       // nothing more can be added to `matched`
    bool same_metadata = false;
};

// An entry that is being looked at.
struct SourceWalk::Visit {
    std::string_view name;
    RelativePath path;
    Region region;
    FileStat stat;
    const EntryView* before = nullptr;  // what the parent snapshot has by this name
    bool only_if_filled = false;
    bool follow = false;
    const VirtualPlace* place = nullptr;
};

}  // namespace dr
