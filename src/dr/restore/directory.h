#pragma once
// Directories that a restore works in, by handle: a chain of single names from the target, each opened without
// following symlinks.
//
// A tree may be 100,000 levels deep and a process has a thousand descriptors, so handles are closed when many are open
// and opened again from the nearest ancestor that is. Names are looked up one component at a time from a handle that is
// held; nothing renamed or planted meanwhile leads out of the target.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dr/base/result.h"
#include "dr/platform/posix/file_descriptor.h"

namespace dr {

class RestoreDirectory {
public:
    RestoreDirectory(std::shared_ptr<RestoreDirectory> parent, std::string name)
        : parent_(std::move(parent)), name_(std::move(name)), depth_(parent_ ? parent_->depth_ + 1 : 0) {}
    // Lets go of the chain above without recursion.
    ~RestoreDirectory();
    RestoreDirectory(const RestoreDirectory&) = delete;
    RestoreDirectory& operator=(const RestoreDirectory&) = delete;

    // The path in the snapshot: what a message names. `name` is that of an entry in this directory; empty: the
    // directory itself.
    std::string path(std::string_view name = {}) const;

    // A shadow holds new entries for `real` until they are renamed into it. Set before others see this.
    void stand_for(std::shared_ptr<RestoreDirectory> real) { stands_for_ = std::move(real); }
    const std::shared_ptr<RestoreDirectory>& real() const { return stands_for_; }
    const std::shared_ptr<RestoreDirectory>& parent() const { return parent_; }

private:
    friend class DirectoryHandles;

    std::shared_ptr<RestoreDirectory> parent_;
    std::string name_;
    std::uint32_t depth_;
    std::shared_ptr<RestoreDirectory> stands_for_;
    bool published_ = false;                        // a shadow whose entries have moved to stands_for_
    std::shared_ptr<const FileDescriptor> handle_;  // guarded by DirectoryHandles
};

using DirectoryPtr = std::shared_ptr<RestoreDirectory>;

// Thread-safe.
class DirectoryHandles {
public:
    // At most about `capacity` handles stay open, and one for each 256 levels.
    explicit DirectoryHandles(std::size_t capacity = 256) : ring_(capacity) {}

    // A directory that is open already and stays so.
    DirectoryPtr hold(FileDescriptor fd);
    // The handle of `directory`; valid as long as the pointer. Fails with Io, NotFound, or Refused where a symlink
    // stands now.
    Result<std::shared_ptr<const FileDescriptor>> get(const DirectoryPtr& directory);
    // The entries of `shadow` have been renamed into the directory it stands for: what lay below it is found there now.
    void published(const DirectoryPtr& shadow);

private:
    void keep(const DirectoryPtr& directory, std::shared_ptr<const FileDescriptor> handle);

    std::mutex mutex_;
    std::vector<std::weak_ptr<RestoreDirectory>> ring_;  // who has a handle, oldest overwritten first
    std::size_t next_ = 0;
};

// Opens the directory `name` in `parent`, not following a symlink. Refused where there is one.
Result<FileDescriptor> open_directory(int parent, const std::string& name);

}  // namespace dr
