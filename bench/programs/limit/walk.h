#pragma once
// A bare walk: getdents64 and statx, one thread, names in the order the file system gives them.

#include <sys/stat.h>

#include <functional>
#include <memory>

#include "support.h"

namespace bench {

// What is kept of every entry.
struct Attributes {
    std::uint32_t mode = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t nanoseconds = 0;
    std::int64_t seconds = 0;
    std::uint64_t size = 0;
    std::uint64_t blocks = 0;  // of 512 bytes
};

// An open directory. Files of it are opened through it, on any thread, while somebody holds it.
struct Directory {
    Fd fd;
    std::uint32_t number = 0;  // in the order of the walk; the root is 0
};
using DirectoryRef = std::shared_ptr<const Directory>;

struct Visitor {
    // A directory, before what is in it. `parent` is its own number for the root.
    std::function<void(const DirectoryRef&, std::uint32_t parent, const char* name, const Attributes&)> directory;
    // Anything else.
    std::function<void(const DirectoryRef&, const char* name, const Attributes&)> entry;
};

void walk(const std::string& root, const Visitor& visitor);

Attributes attributes_of(int directory, const char* name);

}  // namespace bench
