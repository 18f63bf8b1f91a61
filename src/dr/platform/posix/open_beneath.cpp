#include "dr/platform/posix/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace dr {

FileDescriptor open_beneath(int directory, const std::string& path, int flags, mode_t mode) {
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const char* const name = path.empty() ? "." : path.c_str();
    long number = -1;
    do {
        number = ::syscall(SYS_openat2, directory, name, &how, sizeof how);
    } while (number < 0 && errno == EINTR);
    return FileDescriptor{static_cast<int>(number)};
}

}  // namespace dr
