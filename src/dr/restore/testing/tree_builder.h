#pragma once
// For tests: trees built by hand, and trees scanned from a directory as a backup would.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>

#include "dr/platform/posix/file_descriptor.h"
#include "dr/repository/tree_writer.h"
#include "dr/restore/each_name.h"
#include "dr/restore/testing/memory_blobs.h"

namespace dr::testing {

inline constexpr std::uint64_t kSeed = 42;

inline Entry named(std::string name, EntryKind kind, std::uint32_t mode) {
    Entry entry;
    entry.name = std::move(name);
    entry.kind = kind;
    entry.mode = mode;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    entry.mtime_seconds = 1'600'000'000;
    entry.mtime_nanoseconds = 123'456'789;
    return entry;
}

// Content as a writer would store it: inline, one blob, or extents of `chunk` bytes with `holes` (of whole zero
// chunks).
inline void set_content(MemoryBlobs& blobs, Entry& entry, ByteSpan bytes, std::size_t chunk = 100'000) {
    entry.size = bytes.size();
    entry.content = {};
    if (bytes.empty()) return;
    if (bytes.size() <= 64) {
        entry.content.form = FileContent::Form::Inline;
        entry.content.inline_bytes.assign(bytes.begin(), bytes.end());
        return;
    }
    entry.content.sha256 = sha256(bytes);
    if (bytes.size() <= chunk) {
        entry.content.form = FileContent::Form::Single;
        blobs.store(BlobType::Data, bytes);
        return;
    }
    entry.content.form = FileContent::Form::List;
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
        const ByteSpan part = bytes.subspan(at, std::min(chunk, bytes.size() - at));
        const bool zero = std::ranges::all_of(part, [](std::uint8_t b) { return b == 0; });
        entry.content.extents.push_back({zero, zero ? BlobId{} : blobs.store(BlobType::Data, part), part.size()});
    }
}

inline Entry file(MemoryBlobs& blobs, std::string name, std::string_view content, std::uint32_t mode = 0644) {
    Entry entry = named(std::move(name), EntryKind::File, mode);
    set_content(blobs, entry, as_bytes(content));
    return entry;
}
inline Entry symlink_to(std::string name, std::string target) {
    Entry entry = named(std::move(name), EntryKind::Symlink, 0777);
    entry.target = std::move(target);
    return entry;
}

// Entries in any order; extents beyond what an entry holds go into blobs.
inline DirRef tree(MemoryBlobs& blobs, std::vector<Entry> entries) {
    std::ranges::sort(entries, {}, &Entry::name);
    const TreeOutput output{blobs, blobs.namer(), kSeed};
    DirectoryWriter writer{output};
    for (Entry& entry : entries) {
        move_large_parts(entry, output).value();
        writer.add(entry).value();
    }
    return writer.finish().value();
}
inline Entry directory(MemoryBlobs& blobs, std::string name, std::vector<Entry> entries, std::uint32_t mode = 0755) {
    Entry entry = named(std::move(name), EntryKind::Directory, mode);
    entry.directory = tree(blobs, std::move(entries));
    return entry;
}

// A directory of the file system as a snapshot has it.
class Scanner {
public:
    explicit Scanner(MemoryBlobs& blobs) : blobs_(blobs) {}

    DirRef scan(int directory_fd) {
        std::vector<Entry> entries;
        each_name(directory_fd, [&](std::string_view name) -> Result<void> {
            entries.push_back(look(directory_fd, std::string{name}));
            return {};
        }).value();
        return tree(blobs_, std::move(entries));
    }
    DirRef scan(const std::string& path) {
        return scan(FileDescriptor{::open(path.c_str(), O_RDONLY | O_DIRECTORY)}.get());
    }

private:
    Entry look(int parent, const std::string& name) {
        struct stat info;
        DR_CHECK(::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0);
        Entry entry = named(name, kind_of(info.st_mode), info.st_mode & 07777);
        entry.uid = info.st_uid;
        entry.gid = info.st_gid;
        entry.mtime_seconds = info.st_mtim.tv_sec;
        entry.mtime_nanoseconds = static_cast<std::uint32_t>(info.st_mtim.tv_nsec);
        entry.inode = info.st_ino;
        if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) {
            entry.hard_link = true;
            entry.link_count = info.st_nlink;
        }
        read_attributes("/proc/self/fd/" + std::to_string(parent) + "/" + name, entry);
        if (entry.kind == EntryKind::Symlink) {
            entry.target.resize(65536);
            entry.target.resize(
                static_cast<std::size_t>(::readlinkat(parent, name.c_str(), entry.target.data(), entry.target.size())));
        }
        entry.device_major =
            entry.kind == EntryKind::CharDevice || entry.kind == EntryKind::BlockDevice ? major(info.st_rdev) : 0;
        entry.device_minor =
            entry.kind == EntryKind::CharDevice || entry.kind == EntryKind::BlockDevice ? minor(info.st_rdev) : 0;
        if (entry.kind == EntryKind::Directory || entry.kind == EntryKind::File) {
            const FileDescriptor fd{::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW)};
            DR_CHECK(static_cast<bool>(fd));
            int flags = 0;
            if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) == 0) entry.inode_flags = static_cast<std::uint32_t>(flags);
            if (entry.kind == EntryKind::Directory)
                entry.directory = scan(fd.get());
            else
                read_content(fd.get(), static_cast<std::uint64_t>(info.st_size), entry);
        }
        return entry;
    }

    static EntryKind kind_of(mode_t mode) {
        if (S_ISREG(mode)) return EntryKind::File;
        if (S_ISDIR(mode)) return EntryKind::Directory;
        if (S_ISLNK(mode)) return EntryKind::Symlink;
        if (S_ISFIFO(mode)) return EntryKind::Fifo;
        if (S_ISCHR(mode)) return EntryKind::CharDevice;
        return S_ISBLK(mode) ? EntryKind::BlockDevice : EntryKind::Socket;
    }

    static void read_attributes(const std::string& path, Entry& entry) {
        std::string names(65536, 0);
        const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
        for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size);) {
            const std::string name = names.c_str() + at;
            at += name.size() + 1;
            Bytes value(65536);
            const ssize_t got = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
            if (got < 0) continue;
            value.resize(static_cast<std::size_t>(got));
            entry.xattrs.push_back({name, std::move(value)});
        }
        std::ranges::sort(entry.xattrs, {}, &ExtendedAttribute::name);
    }

    // Data and holes as the file system has them, in chunks of 1 MiB; the hash of a file with huge holes is left out.
    void read_content(int fd, std::uint64_t size, Entry& entry) {
        if (size <= 100'000) {
            Bytes bytes(size);
            DR_CHECK(::pread(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(size));
            return set_content(blobs_, entry, bytes);
        }
        entry.size = size;
        entry.content.form = FileContent::Form::List;
        Sha256Stream whole;
        for (std::uint64_t at = 0; at < size;) {
            const off_t found = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
            const std::uint64_t data = found < 0 ? size : static_cast<std::uint64_t>(found);
            if (data > at) entry.content.extents.push_back({true, {}, data - at});
            if (data >= size) break;
            const std::uint64_t hole = static_cast<std::uint64_t>(::lseek(fd, static_cast<off_t>(data), SEEK_HOLE));
            for (at = data; at < hole;) {
                Bytes bytes(std::min<std::uint64_t>(1U << 20, hole - at));
                DR_CHECK(::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
                         static_cast<ssize_t>(bytes.size()));
                whole.update(bytes);
                entry.content.extents.push_back({false, blobs_.store(BlobType::Data, bytes), bytes.size()});
                at += bytes.size();
            }
        }
        entry.content.sha256 = whole.finish();
    }

    MemoryBlobs& blobs_;
};

}  // namespace dr::testing
