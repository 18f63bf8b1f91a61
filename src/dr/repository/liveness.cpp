#include "dr/repository/liveness.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace dr {
namespace {

std::string path_of(const std::string& directory, std::uint64_t session) { return directory + "/session-" + std::to_string(session); }

// The host that wrote the mark; empty where it cannot be read.
std::string host_in(int file) {
    std::array<char, 256> text{};
    const ssize_t size = pread(file, text.data(), text.size(), 0);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string{};
}

}  // namespace

// The name goes before the lock: whoever sees the file locks it or finds it gone.
void LivenessMark::end() {
    if (file_.is_open()) unlink(path_.c_str());
    file_ = FileDescriptor{};
}

LivenessMark LivenessMark::make(const std::string& directory, std::uint64_t session, const std::string& host) {
    LivenessMark mark;
    if (directory.empty()) return mark;
    const std::string path = path_of(directory, session);
    FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file.is_open() || flock(file.get(), LOCK_EX | LOCK_NB) != 0) return mark;
    if (pwrite(file.get(), host.data(), host.size(), 0) != static_cast<ssize_t>(host.size())) return mark;
    mark.file_ = std::move(file);
    mark.path_ = path;
    return mark;
}

bool is_dead(const Session& session, const std::string& directory, const std::string& host, Timestamp now) {
    const bool stale = now.nanoseconds() - session.opened.nanoseconds() > kStaleSessionNanoseconds;
    if (directory.empty()) return stale;
    const FileDescriptor file{::open(path_of(directory, session.id).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    // A mark that is gone was taken away by its own process at its end, or lies on another host's disk.
    if (!file.is_open()) return stale;
    if (host_in(file.get()) != host) return stale;
    return flock(file.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace dr
