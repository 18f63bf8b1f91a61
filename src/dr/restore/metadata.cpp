#include "dr/restore/metadata.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "dr/repository/tree_reader.h"
#include "dr/restore/present_metadata.h"

namespace dr {
namespace {

constexpr mode_t kSetIdBits = S_ISUID | S_ISGID;
constexpr mode_t kUnknownMode = ~mode_t{0};  // equal to no mode: it is set
constexpr std::uint32_t kFrozen = FS_IMMUTABLE_FL | FS_APPEND_FL;
// The flags a user may set; the others describe how the file system stores the file.
constexpr std::uint32_t kFlags = FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL |
                                 FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_COMPR_FL | FS_NOCOW_FL;

std::array<timespec, 2> times_of(const Entry& entry) {
    timespec modified{};
    modified.tv_sec = entry.mtime_seconds;
    modified.tv_nsec = static_cast<long>(entry.mtime_nanoseconds % 1'000'000'000U);
    return {timespec{0, UTIME_OMIT}, modified};
}

// "Umask:\t0022" in /proc/self/status: asking umask() itself would change it for other threads.
mode_t read_umask() {
    const FileDescriptor file{::open("/proc/self/status", O_RDONLY | O_CLOEXEC)};
    char text[4096];
    const ssize_t size = file ? ::read(file.get(), text, sizeof text - 1) : -1;
    if (size <= 0) return 0777;
    text[size] = 0;
    const char* at = std::strstr(text, "\nUmask:");
    return at == nullptr ? 0777 : static_cast<mode_t>(std::strtoul(at + 7, nullptr, 8)) & 0777;
}

std::optional<std::uint32_t> flags_of(int fd) {
    int flags[2] = {0, 0};  // the kernel writes an int, whatever the header's macro says
    if (::ioctl(fd, FS_IOC_GETFLAGS, flags) != 0) return std::nullopt;
    return static_cast<std::uint32_t>(flags[0]);
}

bool set_flags(int fd, std::uint32_t flags) {
    const int wanted[2] = {static_cast<int>(flags), 0};
    return ::ioctl(fd, FS_IOC_SETFLAGS, wanted) == 0;
}

// Who may not freeze a file may still set its other flags. False where one could not be set; errno says why.
bool change_flags(int fd, std::uint32_t present, std::uint32_t wanted) {
    if (present == wanted || set_flags(fd, wanted)) return true;
    const int number = errno;
    const std::uint32_t others = (wanted & ~kFrozen) | (present & kFrozen);
    if (number == EPERM && others != wanted && others != present) (void)set_flags(fd, others);
    errno = number;
    return false;
}

}  // namespace

Restorer Restorer::current() { return {::geteuid(), ::getegid(), read_umask()}; }

// True if the entry now has the recorded owner and group.
bool MetadataWriter::set_owner(int fd, const char* name, const DirectoryPtr& parent, const Entry& entry,
                               bool owner_unknown) {
    if (!owner_unknown && entry.uid == who_.uid && entry.gid == who_.gid) return true;
    const auto chown = [&](uid_t uid, gid_t gid) {
        return name == nullptr ? ::fchown(fd, uid, gid) : ::fchownat(fd, name, uid, gid, AT_SYMLINK_NOFOLLOW);
    };
    if (who_.is_root()) {
        if (chown(entry.uid, entry.gid) == 0) return true;
        losses_.add("the owner", parent->path(entry.name), errno);
        return false;
    }
    const bool same_owner = entry.uid == who_.uid;
    // Of what was there the owner is no difference to this user, and no news.
    if (!same_owner && !owner_unknown) losses_.add("the owner", parent->path(entry.name), EPERM);
    if ((owner_unknown || entry.gid != who_.gid) && chown(static_cast<uid_t>(-1), entry.gid) != 0) {
        if (owner_unknown && errno == EPERM) return false;
        losses_.add("the group", parent->path(entry.name), errno);
        return false;
    }
    return same_owner;
}

mode_t MetadataWriter::allowed_mode(const DirectoryPtr& parent, const Entry& entry, bool owner_set) {
    const mode_t mode = entry.mode & 07777;
    if (entry.kind == EntryKind::Directory || (mode & kSetIdBits) == 0) return mode;
    if (who_.is_root() && owner_set) return mode;
    losses_.add("the set-user-ID or set-group-ID bit", parent->path(entry.name), EPERM);
    return mode & ~kSetIdBits;
}

template <typename SetAttribute>
Result<void> MetadataWriter::set_attributes(const DirectoryPtr& parent, const Entry& entry, const SetAttribute& set) {
    if (entry.xattrs.empty() && !entry.xattrs_in_blob) return {};
    for (const ExtendedAttribute& attribute : DR_TRY(xattrs_of(source_, entry))) {
        if (set(attribute) == 0) continue;
        const char* what = attribute.name == "security.capability"          ? "a file capability"
                           : attribute.name.starts_with("system.posix_acl") ? "an access control list"
                           : attribute.name.starts_with("user.")            ? "an extended attribute"
                                                                            : "an extended attribute of the system";
        losses_.add(what, parent->path(entry.name), errno);
    }
    return {};
}

void MetadataWriter::defer(int fd, const DirectoryPtr& parent, const Entry& entry, mode_t mode, bool set_mode) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return losses_.add("the inode flags", parent->path(entry.name), errno);
    const std::scoped_lock lock{mutex_};
    late_.push_back({parent, entry.name, info.st_dev, info.st_ino, entry.inode_flags & kFlags, mode, set_mode});
}

// All but the flags. True if the mode has to wait until the entry is at its place.
Result<bool> MetadataWriter::put(int fd, const DirectoryPtr& parent, const Entry& entry, mode_t present_mode,
                                 bool owner_unknown) {
    const bool owner_set = set_owner(fd, nullptr, parent, entry, owner_unknown);
    const mode_t mode = allowed_mode(parent, entry, owner_set);
    // Only who may write to a directory can move it to its place.
    const bool wait = entry.kind == EntryKind::Directory && !who_.is_root() && (mode & S_IWUSR) == 0 && parent->real();
    const mode_t now = wait ? mode | S_IRWXU : mode;
    const bool owner_was_changed = entry.uid != who_.uid || entry.gid != who_.gid;
    if (now != present_mode || (owner_was_changed && (now & kSetIdBits) != 0)) {
        if (::fchmod(fd, now) != 0) losses_.add("the mode", parent->path(entry.name), errno);
    }
    DR_TRY(set_attributes(parent, entry, [&](const ExtendedAttribute& attribute) {
        return ::fsetxattr(fd, attribute.name.c_str(), attribute.value.data(), attribute.value.size(), 0);
    }));
    if (::futimens(fd, times_of(entry).data()) != 0) losses_.add("the time of change", parent->path(entry.name), errno);
    return wait;
}

Result<void> MetadataWriter::apply(int fd, const DirectoryPtr& parent, const Entry& entry, mode_t present_mode,
                                   bool owner_unknown) {
    const bool wait = DR_TRY(put(fd, parent, entry, present_mode, owner_unknown));
    if (wait || (entry.inode_flags & kFlags) != 0) defer(fd, parent, entry, entry.mode & 07777, wait);
    return {};
}

Result<bool> MetadataWriter::refresh(int fd, const DirectoryPtr& parent, const Entry& entry) {
    struct stat info;
    if (::fstat(fd, &info) != 0) return Error::from_errno(errno, "cannot look at the entry");
    if (DR_TRY(has_metadata_of(entry, fd, info, source_, CompareTime::Yes))) return false;
    const bool only_time = S_ISDIR(info.st_mode) && DR_TRY(has_metadata_of(entry, fd, info, source_, CompareTime::No));

    // An immutable one takes nothing until it is that no more.
    const std::optional<std::uint32_t> before = flags_of(fd);
    if (before && (*before & kFrozen) != 0) (void)set_flags(fd, *before & ~kFrozen);
    // Before the mode: an ACL that goes leaves its mask in it.
    for (const std::string& name : DR_TRY(foreign_attributes(entry, fd, source_))) {
        if (::fremovexattr(fd, name.c_str()) != 0 && errno != ENODATA)
            losses_.add("the absence of an extended attribute", parent->path(entry.name), errno);
    }
    DR_TRY(put(fd, parent, entry, kUnknownMode, true));
    if (before) {
        const std::uint32_t wanted = (*before & ~compared_flags(~0U)) | compared_flags(entry.inode_flags);
        if (!change_flags(fd, flags_of(fd).value_or(~wanted), wanted))
            losses_.add("the inode flags", parent->path(entry.name), errno);
    }
    if (::fstat(fd, &info) != 0) return Error::from_errno(errno, "cannot look at the entry");
    return !only_time && DR_TRY(has_metadata_of(entry, fd, info, source_, CompareTime::Yes));
}

Result<void> MetadataWriter::apply_unopened(int directory, const DirectoryPtr& parent, const Entry& entry) {
    const char* name = entry.name.c_str();
    const bool owner_set = set_owner(directory, name, parent, entry, false);
    if (entry.kind != EntryKind::Symlink &&
        ::fchmodat(directory, name, allowed_mode(parent, entry, owner_set), 0) != 0) {
        losses_.add("the mode", parent->path(entry.name), errno);
    }
    const std::string beneath = "/proc/self/fd/" + std::to_string(directory) + '/' + entry.name;
    DR_TRY(set_attributes(parent, entry, [&](const ExtendedAttribute& attribute) {
        return ::lsetxattr(beneath.c_str(), attribute.name.c_str(), attribute.value.data(), attribute.value.size(), 0);
    }));
    if (::utimensat(directory, name, times_of(entry).data(), AT_SYMLINK_NOFOLLOW) != 0) {
        losses_.add("the time of change", parent->path(entry.name), errno);
    }
    return {};
}

void MetadataWriter::apply_late(const LateMetadata& late) {
    const auto parent = handles_.get(late.parent);
    if (!parent.ok())
        return losses_.add("the inode flags", late.parent->path(late.name), parent.error().system_errno());
    // Non-blocking, and the inode is compared: somebody may have put something else here by now.
    const FileDescriptor fd{
        ::openat(parent.value()->get(), late.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    struct stat info;
    const bool same = fd && ::fstat(fd.get(), &info) == 0 && info.st_dev == late.device && info.st_ino == late.inode;
    if (!same) return losses_.add("the inode flags", late.parent->path(late.name), fd ? ESTALE : errno);
    if (late.set_mode && ::fchmod(fd.get(), late.mode) != 0)
        losses_.add("the mode", late.parent->path(late.name), errno);
    if (late.inode_flags == 0) return;
    if (const std::optional<std::uint32_t> flags = flags_of(fd.get())) {
        const std::uint32_t wanted = (*flags & ~kFlags) | late.inode_flags;
        if (change_flags(fd.get(), *flags, wanted)) return;
    }
    losses_.add("the inode flags", late.parent->path(late.name), errno);
}

void MetadataWriter::forget(const std::set<ino_t>& inodes) {
    const std::scoped_lock lock{mutex_};
    std::erase_if(late_, [&](const LateMetadata& late) { return inodes.contains(late.inode); });
}

void MetadataWriter::apply_late() {
    const std::scoped_lock lock{mutex_};
    // Files of a directory were finished before it: it freezes after them.
    for (const LateMetadata& late : late_) apply_late(late);
    late_.clear();
}

}  // namespace dr
