#include "dr/restore/staging.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <vector>

#include "dr/restore/each_name.h"

namespace dr {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// Opens a directory that may have been made unreadable for its owner.
FileDescriptor open_to_empty(int parent, const std::string& name) {
    FileDescriptor fd{::openat(parent, name.c_str(), kDirectoryFlags)};
    struct stat info;
    if (fd.is_open() && ::fstat(fd.get(), &info) == 0 && (info.st_mode & S_IRWXU) == S_IRWXU) return fd;
    if (::fchmodat(parent, name.c_str(), 0700, 0) != 0) return fd;
    return fd.is_open() ? std::move(fd) : FileDescriptor{::openat(parent, name.c_str(), kDirectoryFlags)};
}

// Takes all out of `directory`: files go, subdirectories that are not empty move up into `top` under new names.
Result<void> empty_one_level(int top, int directory, std::deque<std::string>& moved, std::uint64_t& counter) {
    std::vector<std::string> subdirectories;
    DR_TRY(each_name(directory, [&](std::string_view name_view) -> Result<void> {
        const std::string name{name_view};
        if (::unlinkat(directory, name.c_str(), 0) == 0) return {};
        if (errno != EISDIR && errno != EPERM) return Error::from_errno(errno, "cannot remove what a restore left");
        if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) == 0) return {};
        subdirectories.push_back(name);
        return {};
    }));
    for (const std::string& name : subdirectories) {
        // Moving a directory needs the right to write to it.
        std::string at_top = "removed-" + std::to_string(counter++);
        if (::renameat(directory, name.c_str(), top, at_top.c_str()) != 0 &&
            (::fchmodat(directory, name.c_str(), 0700, 0) != 0 ||
             ::renameat(directory, name.c_str(), top, at_top.c_str()) != 0)) {
            return Error::from_errno(errno, "cannot remove what a restore left");
        }
        moved.push_back(std::move(at_top));
    }
    return {};
}

// True if the directory of this name is still the one that is open.
bool still_there(int target, const std::string& name, int directory) {
    struct stat by_name;
    struct stat by_handle;
    return ::fstatat(target, name.c_str(), &by_name, AT_SYMLINK_NOFOLLOW) == 0 && ::fstat(directory, &by_handle) == 0 &&
           by_name.st_dev == by_handle.st_dev && by_name.st_ino == by_handle.st_ino;
}

void remove_if_dead(int target, const std::string& name) {
    const FileDescriptor stale{::openat(target, name.c_str(), kDirectoryFlags)};
    struct stat info;
    if (!stale.is_open() || ::fstat(stale.get(), &info) != 0 || info.st_uid != ::geteuid()) return;
    if (::flock(stale.get(), LOCK_EX | LOCK_NB) != 0) return;  // its restore lives
    // What cannot be removed stays for a next time: it is no reason not to restore.
    if (remove_content(stale.get()).ok()) (void)::unlinkat(target, name.c_str(), AT_REMOVEDIR);
}

// A target may hand its group and default ACL down; in staging everything must start from the process alone.
void make_plain(int directory) {
    (void)::fremovexattr(directory, "system.posix_acl_default");
    (void)::fremovexattr(directory, "system.posix_acl_access");
    [[maybe_unused]] const int group =
        ::fchown(directory, static_cast<uid_t>(-1), ::getegid());  // may not be ours to change
    (void)::fchmod(directory, 0700);
}

}  // namespace

Result<void> remove_content(int directory) {
    std::deque<std::string> moved;
    std::uint64_t counter = 0;
    DR_TRY(each_name(directory, [&](std::string_view name_view) -> Result<void> {
        const std::string name{name_view};
        if (::unlinkat(directory, name.c_str(), 0) == 0) return {};
        if (errno != EISDIR && errno != EPERM) return Error::from_errno(errno, "cannot remove what a restore left");
        if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0) moved.push_back(name);
        return {};
    }));
    // Names of an earlier, interrupted removal are still taken.
    for (const std::string& name : moved) {
        if (name.starts_with("removed-"))
            counter = std::max<std::uint64_t>(counter, std::strtoull(name.c_str() + 8, nullptr, 10) + 1);
    }
    while (!moved.empty()) {
        const std::string name = std::move(moved.front());
        moved.pop_front();
        const FileDescriptor level = open_to_empty(directory, name);
        if (!level.is_open()) return Error::from_errno(errno, "cannot remove what a restore left");
        DR_TRY(empty_one_level(directory, level.get(), moved, counter));
        if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0)
            return Error::from_errno(errno, "cannot remove what a restore left");
    }
    return {};
}

void Staging::remove_dead(int target) {
    std::vector<std::string> found;
    const Result<void> listed = each_name(target, [&](std::string_view name) -> Result<void> {
        if (name.starts_with(kStagingPrefix)) found.emplace_back(name);
        return {};
    });
    // A target that cannot be listed may hide one: untidy, but no reason not to restore.
    if (!listed.ok()) return;
    for (const std::string& name : found) remove_if_dead(target, name);
}

Result<Staging> Staging::create(int target, std::string_view id) {
    FileDescriptor own{::openat(target, ".", kDirectoryFlags)};
    if (!own.is_open()) return Error::from_errno(errno, "cannot open the target");
    std::string name = std::string{kStagingPrefix} + std::string{id};
    if (::mkdirat(target, name.c_str(), 0700) != 0) {
        if (errno == EEXIST)
            return Error{ErrorCode::AlreadyExists, "another restore with the id '" + std::string{id} + "' is running"};
        return Error::from_errno(errno, "cannot write to the target");
    }
    FileDescriptor directory{::openat(target, name.c_str(), kDirectoryFlags)};
    if (!directory.is_open()) return Error::from_errno(errno, "cannot open the staging directory");
    // Another restore may have taken the new directory for a dead one before it was locked.
    if (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0 || !still_there(target, name, directory.get())) {
        return Error{ErrorCode::AlreadyExists, "another restore into this target started at the same moment"}.next(
            "start the restore again");
    }
    make_plain(directory.get());
    return Staging{std::move(own), std::move(directory), std::move(name)};
}

Staging::~Staging() {
    if (!directory_.is_open()) return;  // moved from
    if (remove_content(directory_.get()).ok()) (void)::unlinkat(target_.get(), name_.c_str(), AT_REMOVEDIR);
}

}  // namespace dr
