#include "dr/restore/present_metadata.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "dr/repository/tree_reader.h"
#include "dr/snapshot/metadata.h"

namespace dr {
namespace {

constexpr std::uint32_t kComparedFlags =
    FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_DIRSYNC_FL;

bool set_by_people(std::string_view name) {
    return name.starts_with("user.") || name.starts_with("system.posix_acl") || name == "security.capability";
}

bool is_root() { return ::geteuid() == 0; }

// Others do not see the former, and cannot set the latter.
bool only_for_root(std::string_view name) { return name.starts_with("trusted.") || name.starts_with("security."); }

bool in_group(gid_t group) {
    if (group == ::getegid()) return true;
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    return count > 0 && std::ranges::find(groups, group) != groups.end();
}

// Others than root give nothing away, and only to a group of theirs.
bool same_owner(const Entry& entry, const struct stat& info) {
    if (is_root()) return info.st_uid == entry.uid && info.st_gid == entry.gid;
    return info.st_gid == entry.gid || !in_group(entry.gid);
}

// The bits that this process can set. As in MetadataWriter::allowed_mode(), only root sets those that give rights; of a
// directory the kernel drops set-group-ID if its group is not the caller's.
mode_t settable_mode(const Entry& entry, const struct stat& info) {
    constexpr mode_t kAll = 07777;
    if (is_root()) return kAll;
    if (!S_ISDIR(info.st_mode)) return kAll & ~(entry.mode & (S_ISUID | S_ISGID));
    return in_group(info.st_gid) ? kAll : kAll & ~static_cast<mode_t>(S_ISGID);
}

// Whoever runs it gets rights that are not his.
Result<bool> gives_rights(const Entry& entry, BlobSource& source) {
    if ((entry.mode & (S_ISUID | S_ISGID)) != 0) return true;
    if (entry.xattrs.empty() && !entry.xattrs_in_blob) return false;
    const std::vector<ExtendedAttribute> wanted = DR_TRY(xattrs_of(source, entry));
    return std::ranges::find(wanted, "security.capability", &ExtendedAttribute::name) != wanted.end();
}

// Others than the owner could write to it who, by the snapshot, may not. An access list shows in the bits of the group:
// they are its mask.
bool too_many_could_write(const Entry& entry, int fd, const struct stat& info) {
    constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
    const mode_t could = info.st_mode & kOthersWrite;
    if (could == 0) return false;
    return (could & ~entry.mode) != 0 || info.st_gid != entry.gid ||
           ::fgetxattr(fd, "system.posix_acl_access", nullptr, 0) >= 0;
}

bool same_stat(const Entry& entry, const struct stat& info, CompareTime time) {
    if (!same_owner(entry, info)) return false;
    // A symbolic link has no mode of its own.
    if (!S_ISLNK(info.st_mode) && ((info.st_mode ^ entry.mode) & settable_mode(entry, info)) != 0) return false;
    return time == CompareTime::No || (info.st_mtim.tv_sec == entry.mtime_seconds &&
                                       info.st_mtim.tv_nsec == static_cast<long>(entry.mtime_nanoseconds));
}

std::vector<std::string> foreign(const std::vector<ExtendedAttribute>& wanted, const AttributesRead& present) {
    std::vector<std::string> names;
    for (const ExtendedAttribute& attribute : present.attributes) {
        if (set_by_people(attribute.name) && (is_root() || !only_for_root(attribute.name)) &&
            std::ranges::find(wanted, attribute.name, &ExtendedAttribute::name) == wanted.end())
            names.push_back(attribute.name);
    }
    return names;
}

Result<bool> same_attributes(const Entry& entry, const AttributesRead& present, BlobSource& source) {
    const bool none_wanted = entry.xattrs.empty() && !entry.xattrs_in_blob;
    if (!present.problem.empty() || (none_wanted && present.attributes.empty())) return true;
    const std::vector<ExtendedAttribute> wanted = DR_TRY(xattrs_of(source, entry));
    if (!foreign(wanted, present).empty()) return false;
    const bool root = is_root();
    return std::ranges::all_of(wanted, [&](const ExtendedAttribute& attribute) {
        return std::ranges::find(present.attributes, attribute) != present.attributes.end() ||
               (!root && only_for_root(attribute.name));
    });
}

bool same_flags(const Entry& entry, int fd) {
    int flags[2] = {0, 0};  // the kernel writes an int, whatever the header's macro says
    if (::ioctl(fd, FS_IOC_GETFLAGS, flags) != 0) return true;
    return compared_flags(static_cast<std::uint32_t>(flags[0])) == compared_flags(entry.inode_flags);
}

}  // namespace

std::uint32_t compared_flags(std::uint32_t flags) {
    return flags & (is_root() ? kComparedFlags : kComparedFlags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL));
}

Result<bool> has_metadata_of(const Entry& entry, int fd, const struct stat& info, BlobSource& source,
                             CompareTime time) {
    // A directory of somebody else cannot be changed, and is not replaced either.
    if (S_ISDIR(info.st_mode) && !is_root() && info.st_uid != ::geteuid()) return true;
    if (!same_stat(entry, info, time) || !same_flags(entry, fd)) return false;
    return same_attributes(entry, read_attributes(fd), source);
}

Result<bool> unopened_has_metadata_of(const Entry& entry, int directory, const struct stat& info, BlobSource& source) {
    if (!same_stat(entry, info, CompareTime::Yes)) return false;
    return same_attributes(entry, read_attributes_of(directory, entry.name), source);
}

Result<bool> may_be_given_metadata_of(const Entry& entry, int fd, const struct stat& info, BlobSource& source) {
    // A name that somebody linked to a file of his choice must not hand that file's owner and mode over.
    if (info.st_nlink > 1) return false;
    const bool ours = info.st_uid == ::geteuid();
    if (!ours && (!is_root() || info.st_uid != entry.uid)) return false;
    // Only root restores what gives rights.
    if (!is_root() || !DR_TRY(gives_rights(entry, source))) return !too_many_could_write(entry, fd, info);
    const bool same_owner = info.st_uid == entry.uid && info.st_gid == entry.gid;
    return ours && same_owner && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

Result<std::vector<std::string>> foreign_attributes(const Entry& entry, int fd, BlobSource& source) {
    const AttributesRead present = read_attributes(fd);
    if (present.attributes.empty()) return std::vector<std::string>{};
    return foreign(DR_TRY(xattrs_of(source, entry)), present);
}

}  // namespace dr
