#include "dr/platform/posix/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include "dr/platform/posix/file_descriptor.h"

namespace dr {
namespace {

// Most files are far below their limit. What is secret is smaller than this: it is never moved and leaves no copy
// behind.
constexpr std::size_t kFirstPiece = 16U << 10;

Error failed(int number, const char* doing, const std::string& path) {
    return Error::from_errno(number, std::string("cannot ") + doing + " '" + path + "'");
}

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_all(int fd, ByteSpan bytes, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed(errno, "write", path);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> sync_parent(const std::string& path) {
    const std::string parent = parent_of(path);
    const FileDescriptor fd{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (fd.get() < 0 || fsync(fd.get()) != 0) return failed(errno, "sync the directory", parent);
    return {};
}

// Durable as well: a key in a directory that a power cut takes away is lost with it.
Result<void> make_directories(const std::string& path) {
    if (path == "." || path == "/") return {};
    int failure = mkdir(path.c_str(), 0700) == 0 ? 0 : errno;
    if (failure == ENOENT) {
        DR_TRY(make_directories(parent_of(path)));
        failure = mkdir(path.c_str(), 0700) == 0 ? 0 : errno;
    }
    if (failure == EEXIST) return {};
    if (failure != 0) return failed(failure, "make the directory", path);
    return sync_parent(path);
}

// A file under a temporary name beside `path`, durable, ready to get its name.
Result<std::string> write_beside(const std::string& path, ByteSpan bytes, std::uint32_t mode) {
    std::string temporary = path + ".XXXXXX";
    const FileDescriptor fd{mkostemp(temporary.data(), O_CLOEXEC)};
    if (fd.get() < 0) return failed(errno, "write beside", path);
    Result<void> written = write_all(fd.get(), bytes, path);
    if (written.ok() && fchmod(fd.get(), mode) != 0) written = failed(errno, "set the permissions of", path);
    if (written.ok() && fsync(fd.get()) != 0) written = failed(errno, "sync", path);
    if (written.ok()) return temporary;
    unlink(temporary.c_str());
    return std::move(written).error();
}

}  // namespace

Result<Bytes> read_small_file(const std::string& path, std::size_t limit) {
    const bool standard_input = path == "-";
    const FileDescriptor opened{standard_input ? dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (opened.get() < 0) return failed(errno, "read", path);
    Bytes bytes(std::min(limit + 1, kFirstPiece));
    std::size_t size = 0;
    while (true) {
        const ssize_t got = read(opened.get(), bytes.data() + size, bytes.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(errno, "read", path);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
        if (size > limit)
            return Error{ErrorCode::BadRequest, "'" + path + "' is longer than " + std::to_string(limit) + " bytes"};
        if (size == bytes.size()) bytes.resize(std::min(limit + 1, 2 * size));
    }
    bytes.resize(size);
    return bytes;
}

// Order: the bytes are durable under a temporary name before link(2) gives them theirs, and the name is durable before
// anybody is told. link(2) never replaces what is there.
Result<void> write_new_file(const std::string& path, ByteSpan bytes, std::uint32_t mode, bool make_parents) {
    if (make_parents) DR_TRY(make_directories(parent_of(path)));
    const std::string temporary = DR_TRY(write_beside(path, bytes, mode));
    const int linked = link(temporary.c_str(), path.c_str());
    const int reason = errno;
    unlink(temporary.c_str());
    if (linked != 0) {
        if (reason == EEXIST) return Error{ErrorCode::AlreadyExists, "'" + path + "' is there already"};
        return failed(reason, "make", path);
    }
    return sync_parent(path);
}

Result<void> replace_file(const std::string& path, ByteSpan bytes, std::uint32_t mode) {
    const std::string temporary = DR_TRY(write_beside(path, bytes, mode));
    if (rename(temporary.c_str(), path.c_str()) != 0) {
        const int reason = errno;
        unlink(temporary.c_str());
        return failed(reason, "replace", path);
    }
    return sync_parent(path);
}

Result<bool> readable_by_others(const std::string& path) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) return failed(errno, "look at", path);
    return (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

Result<std::string> real_path(const std::string& path) {
    const auto resolve = [](const std::string& given) -> Result<std::string> {
        const std::unique_ptr<char, decltype(&std::free)> resolved{realpath(given.c_str(), nullptr), &std::free};
        if (!resolved) return failed(errno, "find", given);
        return std::string(resolved.get());
    };
    Result<std::string> whole = resolve(path);
    if (whole.ok() || whole.error().code() != ErrorCode::NotFound) return whole;
    const std::size_t slash = path.find_last_of('/');
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name.empty() || name == "." || name == "..") return whole;
    const std::string parent = DR_TRY(resolve(parent_of(path)));
    return (parent == "/" ? "" : parent) + "/" + name;
}

Result<std::string> real_directory(const std::string& path, std::string_view what) {
    const std::string named = "the " + std::string{what} + " '" + path + "'";
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return Error{ErrorCode::NotFound, named + " does not exist"}.means("nothing was done");
        return Error::from_errno(errno, "cannot look at " + named);
    }
    if (!S_ISDIR(info.st_mode))
        return Error{ErrorCode::BadRequest, named + " is not a directory"}.means("nothing was done");
    return real_path(path);
}

}  // namespace dr
