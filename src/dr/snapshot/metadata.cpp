#include "dr/snapshot/metadata.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "dr/repository/tree_codec.h"

namespace dr {
namespace {

// Set by people or by what they run; the others (extents, index, encryption, inline data …) describe how the file
// system keeps the file and would be refused when set.
constexpr std::uint32_t kUserFlags = FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_IMMUTABLE_FL |
                                     FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_JOURNAL_DATA_FL | FS_NOTAIL_FL |
                                     FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_NOCOW_FL | FS_DAX_FL | FS_PROJINHERIT_FL;

// flistxattr and fgetxattr, or their siblings on paths.
struct AttributeCalls {
    std::function<ssize_t(char*, std::size_t)> list;
    std::function<ssize_t(const char*, void*, std::size_t)> get;
};

// Calls with a buffer on the stack, then with one of the size that is needed. -1 and errno where that fails.
ssize_t with_room(Bytes& buffer, const std::function<ssize_t(void*, std::size_t)>& call) {
    for (int attempt = 0; attempt < 4; ++attempt) {
        const ssize_t got = call(buffer.data(), buffer.size());
        if (got >= 0 || errno != ERANGE) return got;
        const ssize_t needed = call(nullptr, 0);
        if (needed < 0) return needed;
        buffer.resize(static_cast<std::size_t>(needed) + 256);
    }
    errno = ERANGE;
    return -1;
}

void read_one(const AttributeCalls& calls, const char* name, Bytes& buffer, AttributesRead& found) {
    const ssize_t got = with_room(buffer, [&](void* to, std::size_t size) { return calls.get(name, to, size); });
    if (got >= 0) {
        found.attributes.push_back({name, Bytes(buffer.begin(), buffer.begin() + got)});
        return;
    }
    // Gone meanwhile, or listed by a file system that does not give it out.
    if (errno == ENODATA || errno == EOPNOTSUPP) return;
    if (found.problem.empty())
        found.problem = Error::from_errno(errno, "cannot read its extended attribute " + std::string{name}).what();
}

void keep_within_limit(AttributesRead& found) {
    std::size_t total = 10;
    const auto too_much = std::ranges::find_if(found.attributes, [&](const ExtendedAttribute& attribute) {
        total += attribute.name.size() + attribute.value.size() + 6;
        return total > kMaxAttributesSize;
    });
    if (too_much == found.attributes.end()) return;
    found.attributes.erase(too_much, found.attributes.end());
    if (found.problem.empty()) found.problem = "it has more than 1 MiB of extended attributes; not all are stored";
}

AttributesRead read_all(const AttributeCalls& calls) {
    AttributesRead found;
    std::array<char, 512> small;
    ssize_t size = calls.list(small.data(), small.size());
    if (size == 0) return found;
    Bytes names(small.begin(), small.end());
    if (size < 0 && errno == ERANGE) {
        size = with_room(names, [&](void* to, std::size_t room) { return calls.list(static_cast<char*>(to), room); });
    }
    if (size < 0) {
        const bool has_none = errno == EOPNOTSUPP || errno == ENOENT;
        if (!has_none) found.problem = Error::from_errno(errno, "cannot list its extended attributes").what();
        return found;
    }
    Bytes buffer(4096);
    const std::string list{names.begin(), names.begin() + size};
    for (std::size_t at = 0; at < list.size(); at = list.find('\0', at) + 1)
        read_one(calls, list.c_str() + at, buffer, found);
    std::ranges::sort(found.attributes, {}, &ExtendedAttribute::name);
    keep_within_limit(found);
    return found;
}

}  // namespace

void set_metadata(Entry& entry, const FileStat& stat) {
    entry.kind = stat.kind;
    entry.mode = stat.mode;
    entry.uid = stat.uid;
    entry.gid = stat.gid;
    entry.mtime_seconds = stat.mtime_seconds;
    entry.mtime_nanoseconds = stat.mtime_nanoseconds;
    entry.ctime_seconds = stat.ctime_seconds;
    entry.ctime_nanoseconds = stat.ctime_nanoseconds;
    entry.inode = stat.inode;
    const bool is_device = stat.kind == EntryKind::CharDevice || stat.kind == EntryKind::BlockDevice;
    entry.device_major = is_device ? stat.device_major : 0;
    entry.device_minor = is_device ? stat.device_minor : 0;
}

AttributesRead read_attributes(int fd) {
    // Nearly no file has any: find that out without building anything.
    if (::flistxattr(fd, nullptr, 0) == 0) return {};
    return read_all(
        {.list = [fd](char* to, std::size_t size) { return ::flistxattr(fd, to, size); },
         .get = [fd](const char* name, void* to, std::size_t size) { return ::fgetxattr(fd, name, to, size); }});
}

AttributesRead read_attributes_of(int directory, std::string_view name) {
    // There is no llistxattrat; through the directory's descriptor the path stays short and leads nowhere else.
    const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + std::string{name};
    return read_all({.list = [&](char* to, std::size_t size) { return ::llistxattr(path.c_str(), to, size); },
                     .get = [&](const char* attribute, void* to,
                                std::size_t size) { return ::lgetxattr(path.c_str(), attribute, to, size); }});
}

std::uint32_t read_inode_flags(int fd) {
    // The kernel writes an int, whatever the header's macro says.
    std::uint32_t flags[2] = {0, 0};
    if (::ioctl(fd, FS_IOC_GETFLAGS, flags) != 0) return 0;
    return flags[0] & kUserFlags;
}

}  // namespace dr
