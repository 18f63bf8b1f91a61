#pragma once
// DirectoryLock: keeps the other processes of this machine that ask for the same directory waiting until it goes out of
// scope. Where no lock is to be had (no such directory, a file system without locks) it keeps nobody waiting: what is
// done under it must stay whole without it.

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <string>

#include "dr/platform/posix/file_descriptor.h"

namespace dr {

class [[nodiscard]] DirectoryLock {
public:
    explicit DirectoryLock(const std::string& directory)
        : directory_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        while (directory_.is_open() && ::flock(directory_.get(), LOCK_EX) != 0 && errno == EINTR) {
        }
    }

private:
    FileDescriptor directory_;
};

}  // namespace dr
