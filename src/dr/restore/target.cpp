#include "dr/restore/target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "dr/base/shell_word.h"
#include "dr/models/relative_path.h"
#include "dr/platform/posix/open_beneath.h"

namespace dr {
namespace {

// A path as it is, and what of it does not exist yet.
struct Resolved {
    std::string existing;              // absolute, no symlinks
    std::vector<std::string> missing;  // components below it
};

std::optional<std::string> real_path(const std::string& path) {
    char* found = ::realpath(path.c_str(), nullptr);
    if (found == nullptr) return std::nullopt;
    std::string real{found};
    std::free(found);
    return real;
}

Error refused(std::string_view target, const std::string& why) {
    return Error{ErrorCode::Refused, "restoring to '" + printable(target) + "' is not allowed: " + why}
        .means("nothing was written; only directories at or below an allowed target may be restored to")
        .next("qnwis_dr config show    lists the allowed targets and where they come from");
}

// Takes components off the end until what is left exists. A component that cannot be resolved but is there is a symlink
// to nowhere: making its target would write where the link points.
Result<Resolved> resolve(std::string_view target) {
    std::string path{target};
    Resolved resolved;
    for (;;) {
        while (path.size() > 1 && path.back() == '/') path.pop_back();
        if (std::optional<std::string> real = real_path(path)) {
            resolved.existing = *std::move(real);
            return resolved;
        }
        if (errno == ELOOP) return refused(target, "it runs in a circle of symbolic links");
        if (errno != ENOENT) return Error::from_errno(errno, "cannot resolve '" + printable(target) + "'");
        struct stat there;
        if (::lstat(path.c_str(), &there) == 0)
            return refused(target, "'" + printable(path) + "' is a symbolic link to nowhere");
        const std::size_t slash = path.rfind('/');
        std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
        if (!RelativePath::is_component(name))
            return refused(target, "'..' may not follow something that does not exist");
        resolved.missing.insert(resolved.missing.begin(), std::move(name));
        path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    }
}

// What follows `base` in `path`: "" where they are equal, nothing where `path` is not below.
std::optional<std::string> below(const std::string& base, const std::string& path) {
    if (path == base) return "";
    if (base == "/") return path.substr(1);
    if (path.size() > base.size() && path.starts_with(base) && path[base.size()] == '/')
        return path.substr(base.size() + 1);
    return std::nullopt;
}

Result<FileDescriptor> open_directory(int base, const std::string& path) {
    FileDescriptor fd = open_beneath(base, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd.is_open()) return fd;
    const int number = errno;
    return Error::from_errno(number, "cannot open '" + printable(path) + "' below the allowed directory");
}

std::uint64_t free_in(int fd) {
    struct statvfs info;
    if (::fstatvfs(fd, &info) != 0) return ~0ULL;  // not known: the write will say
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

// The allowed directory that holds the path, opened; and the rest of the path below it.
struct Approved {
    FileDescriptor directory;
    std::string rest;
};

std::optional<Approved> approve(const Resolved& resolved, const RestoreAllowlist& allowlist) {
    for (const std::string& directory : allowlist.directories()) {
        if (directory.empty() || directory.front() != '/' || directory.find('\0') != std::string::npos) continue;
        const std::optional<std::string> real = real_path(directory);
        if (!real) continue;
        std::optional<std::string> rest = below(*real, resolved.existing);
        if (!rest) continue;
        FileDescriptor handle{::open(real->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
        if (handle.is_open()) return Approved{std::move(handle), *std::move(rest)};
    }
    return std::nullopt;
}

// The allowed directory that would hold the path if it were there; empty: none.
std::string missing_directory_of(const Resolved& target, const RestoreAllowlist& allowlist) {
    std::string wanted = target.existing;
    for (const std::string& name : target.missing) wanted += (wanted == "/" ? "" : "/") + name;
    for (const std::string& directory : allowlist.directories()) {
        if (directory.empty() || directory.front() != '/' || directory.find('\0') != std::string::npos) continue;
        const Result<Resolved> allowed = resolve(directory);
        if (!allowed.ok() || allowed.value().missing.empty()) continue;
        std::string place = allowed.value().existing;
        for (const std::string& name : allowed.value().missing) place += (place == "/" ? "" : "/") + name;
        if (below(place, wanted)) return directory;
    }
    return {};
}

// A machine that was just set up: what is allowed has still to be made. Not made here: on a disk that is not mounted a
// restore would fill the wrong one.
Error not_there(std::string_view target, const std::string& directory) {
    return Error{ErrorCode::Refused, "cannot restore to '" + printable(target) + "': the allowed target '" +
                                         printable(directory) + "' does not exist"}
        .means("nothing was written; if it is on a disk of its own, that disk may not be mounted")
        .next("mkdir -p " + shell_quoted(directory));
}

Result<FileDescriptor> make_missing(FileDescriptor from, const std::vector<std::string>& missing) {
    for (const std::string& name : missing) {
        if (::mkdirat(from.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
            return Error::from_errno(errno, "cannot make the directory '" + printable(name) + "'");
        }
        from = DR_TRY(open_directory(from.get(), name));
    }
    return from;
}

}  // namespace

Result<RestoreRoot> RestoreRoot::open(std::string_view target, const RestoreAllowlist& allowlist, bool create) {
    if (target.empty() || target.find('\0') != std::string_view::npos) {
        return Error{ErrorCode::BadRequest, "the target of a restore must be a path"};
    }
    if (allowlist.directories().empty()) return refused(target, "no directory is approved for restores");
    const Resolved resolved = DR_TRY(resolve(target));
    std::optional<Approved> approved = approve(resolved, allowlist);
    if (!approved) {
        const std::string missing = missing_directory_of(resolved, allowlist);
        return missing.empty() ? refused(target, "it is not below an allowed directory") : not_there(target, missing);
    }

    FileDescriptor handle = DR_TRY(open_directory(approved->directory.get(), approved->rest));
    RestoreRoot root;
    root.path_ = resolved.existing;
    for (const std::string& name : resolved.missing) root.path_ += (root.path_ == "/" ? "" : "/") + name;
    root.free_bytes_ = free_in(handle.get());
    if (resolved.missing.empty()) {
        root.directory_ = std::move(handle);
    } else if (create) {
        root.directory_ = DR_TRY(make_missing(std::move(handle), resolved.missing));
    }
    return root;
}

}  // namespace dr
