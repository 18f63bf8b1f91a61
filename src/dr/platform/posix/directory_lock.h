#pragma once
// DirectoryLock: keeps the other processes of this machine that ask for the same directory waiting until it goes out of
// scope. Where no lock is to be had (no such directory, a file system without locks, one who does not let go of it) it
// keeps nobody waiting any longer: what is done under it must stay whole without it.
//
// What is locked is a file in the directory that only its owner may open. Whoever can read a directory can lock the
// directory itself, and keep everybody out.

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "dr/platform/posix/file_descriptor.h"

namespace dr {

class [[nodiscard]] DirectoryLock {
public:
    static constexpr std::chrono::milliseconds kPatience{5000};

    explicit DirectoryLock(const std::string& directory, std::chrono::milliseconds patience = kPatience)
        : file_(::open(file_in(directory).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)) {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!is_decided() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(kPause);
    }

    static std::string file_in(const std::string& directory) { return directory + "/lock"; }

private:
    static constexpr std::chrono::milliseconds kPause{5};

    // Whether the lock was had, or asking again would not help.
    bool is_decided() const {
        return !file_.is_open() || ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0 ||
               (errno != EWOULDBLOCK && errno != EINTR);
    }

    FileDescriptor file_;
};

}  // namespace dr
