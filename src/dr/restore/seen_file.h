#pragma once
// Which file was looked at: to tell later that the one under its name is still that one.

#include <sys/stat.h>

#include <cstdint>

namespace dr {

struct SeenFile {
    dev_t device = 0;
    ino_t inode = 0;
    std::int64_t changed_seconds = 0;  // ctime: nobody can set it back
    std::int64_t changed_nanoseconds = 0;

    static SeenFile of(const struct stat& info) {
        return {info.st_dev, info.st_ino, info.st_ctim.tv_sec, info.st_ctim.tv_nsec};
    }
    bool operator==(const SeenFile&) const = default;
    // The same file, changed meanwhile or not.
    bool same_file(const struct stat& info) const { return device == info.st_dev && inode == info.st_ino; }
};

}  // namespace dr
