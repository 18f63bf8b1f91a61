#include "dr/snapshot/directory_handle.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>

namespace dr {
namespace {

constexpr std::size_t kMaxLink = 65'535;

// A name of at most 255 bytes with its terminator, without an allocation.
class TerminatedName {
public:
    explicit TerminatedName(std::string_view name) {
        DR_CHECK(name.size() < bytes_.size());
        std::memcpy(bytes_.data(), name.data(), name.size());
        bytes_[name.size()] = '\0';
    }
    const char* c_str() const { return bytes_.data(); }

private:
    std::array<char, 256> bytes_;
};

Result<EntryKind> kind_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG: return EntryKind::File;
        case S_IFDIR: return EntryKind::Directory;
        case S_IFLNK: return EntryKind::Symlink;
        case S_IFIFO: return EntryKind::Fifo;
        case S_IFCHR: return EntryKind::CharDevice;
        case S_IFBLK: return EntryKind::BlockDevice;
        case S_IFSOCK: return EntryKind::Socket;
        default: return Error{ErrorCode::Unsupported, "it is of a kind that is not known"};
    }
}

Result<FileStat> ask(int fd, const char* name, int flags) {
    struct statx status;
    // What a network file system has cached may be older than the file: change detection rests on these times.
    if (::statx(fd, name, flags | AT_NO_AUTOMOUNT | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &status) != 0) {
        return Error::from_errno(errno, "cannot look at it");
    }
    FileStat stat;
    stat.kind = DR_TRY(kind_of(status.stx_mode));
    stat.mode = status.stx_mode & 07777;
    stat.uid = status.stx_uid;
    stat.gid = status.stx_gid;
    stat.mtime_seconds = status.stx_mtime.tv_sec;
    stat.mtime_nanoseconds = status.stx_mtime.tv_nsec;
    stat.ctime_seconds = status.stx_ctime.tv_sec;
    stat.ctime_nanoseconds = status.stx_ctime.tv_nsec;
    stat.device = (std::uint64_t{status.stx_dev_major} << 32) | status.stx_dev_minor;
    stat.inode = status.stx_ino;
    stat.link_count = status.stx_nlink;
    stat.size = status.stx_size;
    stat.allocated = status.stx_blocks * 512;
    stat.device_major = status.stx_rdev_major;
    stat.device_minor = status.stx_rdev_minor;
    return stat;
}

Result<FileDescriptor> open_directory(int at, const char* name, int flags) {
    const int fd = ::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (fd < 0) return Error::from_errno(errno, "cannot open the directory");
    return FileDescriptor{fd};
}

// The eight bytes behind a prefix that all names share, so that most comparisons look at one number.
std::uint64_t sort_key(std::string_view name, std::size_t prefix) {
    std::uint64_t key = 0;
    const std::size_t size = std::min<std::size_t>(8, name.size() - prefix);
    std::memcpy(&key, name.data() + prefix, size);
    return std::byteswap(key);
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
    return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

FileStat FileStat::from(const struct stat& status) {
    FileStat stat;
    const Result<EntryKind> kind = kind_of(status.st_mode);
    stat.kind = kind.ok() ? kind.value() : EntryKind::Socket;
    stat.mode = status.st_mode & 07777;
    stat.uid = status.st_uid;
    stat.gid = status.st_gid;
    stat.mtime_seconds = status.st_mtim.tv_sec;
    stat.mtime_nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
    stat.ctime_seconds = status.st_ctim.tv_sec;
    stat.ctime_nanoseconds = static_cast<std::uint32_t>(status.st_ctim.tv_nsec);
    stat.device = (std::uint64_t{major(status.st_dev)} << 32) | minor(status.st_dev);
    stat.inode = status.st_ino;
    stat.link_count = status.st_nlink;
    stat.size = static_cast<std::uint64_t>(status.st_size);
    stat.allocated = static_cast<std::uint64_t>(status.st_blocks) * 512;
    stat.device_major = major(status.st_rdev);
    stat.device_minor = minor(status.st_rdev);
    return stat;
}

void NameList::add(std::string_view name) {
    names_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size())});
    text_ += name;
}

void NameList::sort() {
    if (names_.size() < 2) return;
    const std::string_view first = (*this)[0];
    std::size_t prefix = first.size();
    for (std::size_t i = 1; i < names_.size() && prefix > 0; ++i)
        prefix = std::min(prefix, common_prefix(first, (*this)[i]));
    struct Keyed {
        std::uint64_t key;
        Name name;
    };
    std::vector<Keyed> keyed(names_.size());
    for (std::size_t i = 0; i < names_.size(); ++i) keyed[i] = {sort_key((*this)[i], prefix), names_[i]};
    std::ranges::sort(keyed, [this](const Keyed& a, const Keyed& b) {
        if (a.key != b.key) return a.key < b.key;
        return text_of(a.name) < text_of(b.name);
    });
    for (std::size_t i = 0; i < names_.size(); ++i) names_[i] = keyed[i].name;
    const auto again = std::ranges::unique(names_, {}, [this](const Name& name) { return text_of(name); });
    names_.erase(again.begin(), again.end());
}

bool NameList::contains(std::string_view name) const {
    const auto found = std::ranges::lower_bound(names_, name, {}, [this](const Name& at) { return text_of(at); });
    return found != names_.end() && text_of(*found) == name;
}

Result<std::shared_ptr<DirectoryHandle>> DirectoryHandle::open(const std::string& path) {
    FileDescriptor fd = DR_TRY(open_directory(AT_FDCWD, path.c_str(), 0));
    return std::shared_ptr<DirectoryHandle>(new DirectoryHandle{std::move(fd)});
}

Result<std::shared_ptr<DirectoryHandle>> DirectoryHandle::open_below(std::string_view name, bool follow) const {
    FileDescriptor fd = DR_TRY(open_directory(number(), TerminatedName{name}.c_str(), follow ? 0 : O_NOFOLLOW));
    return std::shared_ptr<DirectoryHandle>(new DirectoryHandle{std::move(fd)});
}

Result<FileStat> DirectoryHandle::stat(std::string_view name, bool follow) const {
    return ask(number(), TerminatedName{name}.c_str(), follow ? 0 : AT_SYMLINK_NOFOLLOW);
}

Result<FileStat> DirectoryHandle::stat() const { return ask(number(), "", AT_EMPTY_PATH); }

Result<NameList> DirectoryHandle::list(Bytes& buffer) const {
    if (buffer.empty()) buffer.resize(256U << 10);
    NameList names;
    std::uint64_t text = 0;
    while (true) {
        const long got = ::syscall(SYS_getdents64, number(), buffer.data(), buffer.size());
        if (got < 0) return Error::from_errno(errno, "cannot list the directory");
        if (got == 0) break;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            // The kernel aligns records to eight bytes within the buffer, as the struct needs.
            const auto* found = reinterpret_cast<const struct dirent64*>(buffer.data() + at);
            at += found->d_reclen;
            const std::string_view name{found->d_name};
            if (name == "." || name == "..") continue;
            text += name.size();
            if (text > std::numeric_limits<std::uint32_t>::max())
                return Error{ErrorCode::Unsupported, "the directory has too many names"};
            names.add(name);
        }
    }
    names.sort();
    return names;
}

Result<std::string> DirectoryHandle::read_link(std::string_view name) const {
    const TerminatedName terminated{name};
    for (std::size_t room = 256; room <= kMaxLink + 1; room *= 4) {
        std::string target(room, '\0');
        const ssize_t got = ::readlinkat(number(), terminated.c_str(), target.data(), room);
        if (got < 0) return Error::from_errno(errno, "cannot read the symbolic link");
        if (static_cast<std::size_t>(got) == room) continue;
        target.resize(static_cast<std::size_t>(got));
        return target;
    }
    return Error{ErrorCode::Unsupported, "the symbolic link is too long"};
}

}  // namespace dr
