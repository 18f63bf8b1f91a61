#pragma once
// The source as the kernel shows it: what an entry is, an open directory, and the names in it.
//
// Everything is asked relative to an open directory and never through a symbolic link, so paths may be longer than
// PATH_MAX and nobody who moves a directory aside can lead the walk elsewhere.

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"
#include "dr/platform/posix/file_descriptor.h"
#include "dr/repository/tree.h"

namespace dr {

struct FileStat {
    EntryKind kind = EntryKind::File;
    std::uint32_t mode = 0;  // 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::int64_t mtime_seconds = 0;
    std::uint32_t mtime_nanoseconds = 0;
    std::int64_t ctime_seconds = 0;
    std::uint32_t ctime_nanoseconds = 0;
    std::uint64_t device = 0;  // major << 32 | minor
    std::uint64_t inode = 0;
    std::uint64_t link_count = 1;
    std::uint64_t size = 0;
    std::uint64_t allocated = 0;     // bytes
    std::uint32_t device_major = 0;  // of a device file
    std::uint32_t device_minor = 0;

    static FileStat from(const struct stat& status);
    bool same_file(const FileStat& other) const { return device == other.device && inode == other.inode; }
    // False if it may have been written in between.
    bool same_content(const FileStat& other) const {
        return size == other.size && mtime_seconds == other.mtime_seconds &&
               mtime_nanoseconds == other.mtime_nanoseconds && ctime_seconds == other.ctime_seconds &&
               ctime_nanoseconds == other.ctime_nanoseconds;
    }
};

// The names of a directory except '.' and '..', ascending by byte, each once, however often the file system lists it.
// Compact: a directory may hold millions.
class NameList {
public:
    std::size_t size() const { return names_.size(); }
    std::string_view operator[](std::size_t at) const { return text_of(names_[at]); }
    bool contains(std::string_view name) const;  // once sorted

    void add(std::string_view name);
    void sort();

private:
    struct Name {
        std::uint32_t offset;
        std::uint32_t length;
    };
    std::string_view text_of(const Name& name) const { return {text_.data() + name.offset, name.length}; }

    std::string text_;
    std::vector<Name> names_;
};

// An open directory. Several threads may use it at once.
class DirectoryHandle {
public:
    // A path as the user gave it: symlinks are followed.
    static Result<std::shared_ptr<DirectoryHandle>> open(const std::string& path);
    // The directory `name` in this one. Symlinks are followed only for `follow`.
    Result<std::shared_ptr<DirectoryHandle>> open_below(std::string_view name, bool follow = false) const;

    // Of an entry, of this directory itself. NotFound, Io.
    Result<FileStat> stat(std::string_view name, bool follow = false) const;
    Result<FileStat> stat() const;

    // All names, sorted. Over 4 GiB of names: Unsupported.
    Result<NameList> list(Bytes& buffer) const;
    Result<std::string> read_link(std::string_view name) const;

    int number() const { return fd_.get(); }

private:
    explicit DirectoryHandle(FileDescriptor fd) : fd_(std::move(fd)) {}
    FileDescriptor fd_;
};

}  // namespace dr
