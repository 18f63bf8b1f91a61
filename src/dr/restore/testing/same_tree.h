#pragma once
// For tests: what differs between two directories, as lines; empty where nothing does.

#include <sys/stat.h>

#include <map>
#include <set>

#include "dr/restore/testing/tree_builder.h"

namespace dr::testing {

// Everything a backup keeps of an entry, as text. Inode numbers become the set of names that share one.
inline void describe(int parent, const std::string& prefix, std::map<std::string, std::string>& out,
                     std::map<ino_t, std::string>& inodes) {
    each_name(parent, [&](std::string_view name_view) -> Result<void> {
        const std::string name{name_view};
        const std::string path = prefix + name;
        struct stat info;
        DR_CHECK(::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0);
        MemoryBlobs blobs;
        std::string text = std::to_string(info.st_mode) + " " + std::to_string(info.st_uid) + ":" +
                           std::to_string(info.st_gid) + " " + std::to_string(info.st_mtim.tv_sec) + "." +
                           std::to_string(info.st_mtim.tv_nsec) + " " +
                           std::to_string(S_ISDIR(info.st_mode) ? 0 : info.st_size) + " " +
                           std::to_string(S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode) ? info.st_rdev : 0);
        const std::string by_handle = "/proc/self/fd/" + std::to_string(parent) + "/" + name;
        std::string names(65536, 0);
        const ssize_t size = ::llistxattr(by_handle.c_str(), names.data(), names.size());
        std::set<std::string> attributes;
        for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size);) {
            const std::string attribute = names.c_str() + at;
            at += attribute.size() + 1;
            std::string value(65536, 0);
            const ssize_t got = ::lgetxattr(by_handle.c_str(), attribute.c_str(), value.data(), value.size());
            attributes.insert(
                attribute + "=" +
                to_hex(as_bytes(std::string_view{value}.substr(0, got < 0 ? 0 : static_cast<std::size_t>(got)))));
        }
        for (const std::string& attribute : attributes) text += " " + attribute;
        if (S_ISLNK(info.st_mode)) {
            std::string target(65536, 0);
            target.resize(static_cast<std::size_t>(::readlinkat(parent, name.c_str(), target.data(), target.size())));
            text += " -> " + target;
        }
        if (S_ISREG(info.st_mode)) {
            const FileDescriptor file{::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW)};
            int flags = 0;
            if (::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) == 0)
                text +=
                    " flags " + std::to_string(flags & (FS_NODUMP_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NOATIME_FL));
            Sha256Stream hash;
            Bytes buffer(1U << 20);
            for (off_t at = 0; at < info.st_size;) {
                const off_t data = ::lseek(file.get(), at, SEEK_DATA);
                if (data < 0) break;
                const ssize_t got = ::pread(file.get(), buffer.data(), buffer.size(), data);
                if (got <= 0) break;
                // Zeros count as holes: where a file system puts its holes is its own affair.
                const ByteSpan bytes{buffer.data(), static_cast<std::size_t>(got)};
                for (std::size_t page = 0; page < bytes.size(); page += 4096) {
                    const ByteSpan part = bytes.subspan(page, std::min<std::size_t>(4096, bytes.size() - page));
                    if (!std::ranges::all_of(part, [](std::uint8_t b) { return b == 0; })) hash.update(part);
                }
                at = data + got;
            }
            text += " " + hash.finish().hex();
            if (info.st_nlink > 1) text += " linked to " + inodes.try_emplace(info.st_ino, path).first->second;
        }
        out[path] = text;
        if (S_ISDIR(info.st_mode)) {
            const FileDescriptor below{::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)};
            describe(below.get(), path + "/", out, inodes);
        }
        return {};
    }).value();
}

inline std::map<std::string, std::string> describe(const std::string& path) {
    std::map<std::string, std::string> out;
    // Names in order, so that the first of a hard link group is the same on both sides.
    std::map<ino_t, std::string> inodes;
    const FileDescriptor fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY)};
    DR_CHECK(static_cast<bool>(fd));
    describe(fd.get(), "", out, inodes);
    return out;
}

inline std::vector<std::string> differences(const std::string& one, const std::string& other) {
    const std::map<std::string, std::string> a = describe(one);
    const std::map<std::string, std::string> b = describe(other);
    std::vector<std::string> lines;
    // Which name of a group is met first depends on the directory's order: compare groups as sets.
    const auto strip = [](const std::string& text) { return text.substr(0, text.find(" linked to ")); };
    for (const auto& [path, text] : a) {
        const auto there = b.find(path);
        if (there == b.end())
            lines.push_back("missing: " + path);
        else if (strip(there->second) != strip(text))
            lines.push_back(path + ": " + text + " / " + there->second);
        else if ((text.find(" linked to ") == std::string::npos) !=
                 (there->second.find(" linked to ") == std::string::npos))
            lines.push_back("link: " + path);
    }
    for (const auto& [path, text] : b) {
        if (!a.contains(path)) lines.push_back("extra: " + path);
    }
    return lines;
}

}  // namespace dr::testing
