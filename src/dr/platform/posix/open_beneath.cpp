#include "dr/platform/posix/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace dr {
namespace {

// Calls again whatever a signal interrupted.
template <typename Call>
FileDescriptor opened(Call call) {
    long number = -1;
    do {
        number = call();
    } while (number < 0 && errno == EINTR);
    return FileDescriptor{static_cast<int>(number)};
}

// Whether openat2 works here at all: a filter of system calls says EPERM where it does not know one.
bool has_openat2() {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    const FileDescriptor fd = opened([&] { return ::syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how); });
    return fd.is_open() || (errno != ENOSYS && errno != EPERM);
}

}  // namespace

FileDescriptor open_beneath(int directory, const std::string& path, int flags, mode_t mode) {
    static const bool in_one_call = has_openat2();
    if (!in_one_call) return open_by_component(directory, path, flags, mode);
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const char* const name = path.empty() ? "." : path.c_str();
    return opened([&] { return ::syscall(SYS_openat2, directory, name, &how, sizeof how); });
}

FileDescriptor open_by_component(int directory, const std::string& path, int flags, mode_t mode) {
    FileDescriptor above;  // nothing: `directory`
    for (std::size_t begin = 0;;) {
        const std::size_t slash = path.find('/', begin);
        const std::string part = path.substr(begin, slash == std::string::npos ? slash : slash - begin);
        if (part == ".." || (part.empty() && !path.empty())) {
            errno = EXDEV;
            return {};
        }
        const char* const name = part.empty() ? "." : part.c_str();
        const int at = above.is_open() ? above.get() : directory;
        if (slash == std::string::npos)
            return opened([&] { return ::openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC, mode); });
        above = opened([&] { return ::openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); });
        if (!above.is_open()) return {};
        begin = slash + 1;
    }
}

}  // namespace dr
