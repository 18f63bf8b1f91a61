#pragma once
// Staging: the private directory `.qnwis-restore-<id>` where new entries are built before they appear under their
// names.
//
// Mode 0700, no inherited group or ACL, and locked (flock) as long as its restore lives. A staging directory of the
// same user that nobody locks belongs to a restore that died, and is removed by the next one.

#include <string>
#include <string_view>

#include "dr/base/result.h"
#include "dr/platform/posix/file_descriptor.h"

namespace dr {

inline constexpr std::string_view kStagingPrefix = ".qnwis-restore-";

class Staging {
public:
    // Removes what dead restores of this user left in `target`, as far as it may.
    static void remove_dead(int target);

    // Makes a new one; borrows `target` only for the call. `id` is a file name component. Fails with AlreadyExists (a
    // restore of this id is running), Io, NoSpace.
    static Result<Staging> create(int target, std::string_view id);

    Staging(Staging&&) = default;
    Staging& operator=(Staging&&) = delete;
    // Removes it and what is left in it.
    ~Staging();

    int fd() const { return directory_.get(); }

private:
    Staging(FileDescriptor target, FileDescriptor directory, std::string name)
        : target_(std::move(target)), directory_(std::move(directory)), name_(std::move(name)) {}

    FileDescriptor target_;
    FileDescriptor directory_;
    std::string name_;
};

// Removes everything in `directory`, at any depth, with a few handles and no recursion. Only for a directory where
// nobody else writes.
Result<void> remove_content(int directory);

}  // namespace dr
