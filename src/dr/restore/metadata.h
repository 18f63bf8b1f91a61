#pragma once
// Metadata: owner, mode, times, extended attributes (ACLs and capabilities among them) and inode flags, put onto what
// was restored.
//
// The order matters: content before owner (writing drops capabilities), owner before mode (giving a file away drops its
// set-user-ID bit), attributes after mode (an ACL carries it), times after all of these, flags last (an immutable file
// takes nothing more). What this user may not set is counted as a loss and the rest goes on. A set-user-ID or
// set-group-ID bit is set only by root and only under the recorded owner.

#include <sys/types.h>

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"
#include "dr/restore/directory.h"
#include "dr/restore/losses.h"

namespace dr {

// Who is restoring; asked once.
struct Restorer {
    uid_t uid = 0;
    gid_t gid = 0;
    mode_t umask = 077;  // of this process; all bits where it is not known
    bool is_root() const { return uid == 0; }

    static Restorer current();
};

// What has to wait until an entry is at its place: an immutable file cannot be renamed, nor can its owner move a
// directory that he may not write to.
struct LateMetadata {
    DirectoryPtr parent;
    std::string name;
    dev_t device = 0;  // what was restored: another inode under the name is not touched
    ino_t inode = 0;
    std::uint32_t inode_flags = 0;  // 0: none
    std::uint32_t mode = 0;
    bool set_mode = false;
};

// Thread-safe.
class MetadataWriter {
public:
    MetadataWriter(BlobSource& source, DirectoryHandles& handles, LossCounter& losses, const Restorer& who)
        : source_(source), handles_(handles), losses_(losses), who_(who) {}

    const Restorer& who() const { return who_; }

    // The mode to create a file with, and what the kernel makes of it.
    mode_t creation_mode(const Entry& entry) const { return entry.mode & 0777; }
    mode_t created_mode(const Entry& entry) const { return entry.mode & 0777 & ~who_.umask; }

    // Onto an open file or directory, `entry.name` in `parent`, that has the mode `present_mode` and the owner of this
    // process unless `owner_unknown`. Fails with Damaged where the attributes cannot be read from the repository.
    Result<void> apply(int fd, const DirectoryPtr& parent, const Entry& entry, mode_t present_mode,
                       bool owner_unknown = false);
    // Onto an open file or directory of the target, `entry.name` in `parent`, that has the content: where its metadata
    // differ they become the snapshot's, and attributes that people set and the snapshot does not have go. True if they
    // did and now are: a directory's time does not count. Fails with Damaged, Io.
    Result<bool> refresh(int fd, const DirectoryPtr& parent, const Entry& entry);
    // Onto what cannot be opened: a symlink, FIFO or device just made in a directory of ours.
    Result<void> apply_unopened(int directory, const DirectoryPtr& parent, const Entry& entry);
    // After everything is in its place.
    void apply_late();
    // What has one of these inodes did not get to its place: nothing of it is applied late.
    void forget(const std::set<ino_t>& inodes);

private:
    Result<bool> put(int fd, const DirectoryPtr& parent, const Entry& entry, mode_t present_mode, bool owner_unknown);
    bool set_owner(int fd, const char* name, const DirectoryPtr& parent, const Entry& entry, bool owner_unknown);
    mode_t allowed_mode(const DirectoryPtr& parent, const Entry& entry, bool owner_set);
    template <typename SetAttribute>
    Result<void> set_attributes(const DirectoryPtr& parent, const Entry& entry, const SetAttribute& set);
    void defer(int fd, const DirectoryPtr& parent, const Entry& entry, mode_t mode, bool set_mode);
    void apply_late(const LateMetadata& late);

    BlobSource& source_;
    DirectoryHandles& handles_;
    LossCounter& losses_;
    const Restorer who_;
    std::mutex mutex_;
    std::vector<LateMetadata> late_;
};

}  // namespace dr
