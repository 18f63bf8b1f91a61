#pragma once
// Where a restore may write: the allowlist, and the one directory that was checked against it.
//
// The check is on what is really there: symlinks in the configured directories and in the typed target are resolved,
// and the target is then opened from the handle of the allowed directory with openat2 (beneath it, no symlinks, no
// magic links). What is held is a handle, so nothing that is renamed or planted afterwards moves the restore elsewhere.

#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"
#include "dr/platform/posix/file_descriptor.h"

namespace dr {

// Directories approved for restores. Fails closed: an empty list, a directory that is not there and a relative one
// allow nothing.
class RestoreAllowlist {
public:
    RestoreAllowlist() = default;
    // Absolute paths.
    explicit RestoreAllowlist(std::vector<std::string> directories) : directories_(std::move(directories)) {}

    const std::vector<std::string>& directories() const { return directories_; }

private:
    std::vector<std::string> directories_;
};

// The right to write below one directory.
class RestoreRoot {
public:
    // Checks `target` (absolute, or relative to the current directory) against the allowlist and opens it. A target
    // that is not there yet is made only with `create`; without, exists() is false and nothing is written. Fails with
    // Refused (outside the allowlist, a symlink on the way, `..` behind something that does not exist), BadRequest
    // (empty, NUL), Io (not a directory, not permitted).
    static Result<RestoreRoot> open(std::string_view target, const RestoreAllowlist& allowlist, bool create);

    bool exists() const { return static_cast<bool>(directory_); }
    int fd() const { return directory_.get(); }
    FileDescriptor take() && { return std::move(directory_); }
    // Where it really is: absolute, no symlinks; for messages.
    const std::string& path() const { return path_; }
    // Bytes that may still be written there by this user; of the nearest directory that exists.
    std::uint64_t free_bytes() const { return free_bytes_; }

private:
    RestoreRoot() = default;
    FileDescriptor directory_;
    std::string path_;
    std::uint64_t free_bytes_ = 0;
};

}  // namespace dr
