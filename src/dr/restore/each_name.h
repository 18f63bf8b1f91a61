#pragma once
// The names in a directory, from its handle.

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "dr/base/result.h"

namespace dr {

// Calls `visit(name)`, a Result<void>, for each entry but "." and "..", in no order, from a handle of its own; a first
// error ends it. Entries that come or go meanwhile may be met or not.
template <typename Visit>
Result<void> each_name(int directory, const Visit& visit) {
    const int own = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return Error::from_errno(errno, "cannot list a directory");
    const auto close = [](DIR* listing) { ::closedir(listing); };
    const std::unique_ptr<DIR, decltype(close)> listing{::fdopendir(own), close};
    if (!listing) return Error::from_errno(errno, "cannot list a directory");
    errno = 0;
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view name{entry->d_name};
        if (name != "." && name != "..") DR_TRY(visit(name));
        errno = 0;
    }
    if (errno != 0) return Error::from_errno(errno, "cannot list a directory");
    return {};
}

}  // namespace dr
