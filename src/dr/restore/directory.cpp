#include "dr/restore/directory.h"

#include <fcntl.h>

#include <cerrno>

#include "dr/models/relative_path.h"

namespace dr {
namespace {

constexpr std::uint32_t kAnchorLevels = 256;  // a handle at each such depth stays open while somebody is below it

}  // namespace

RestoreDirectory::~RestoreDirectory() {
    std::shared_ptr<RestoreDirectory> above = std::move(parent_);
    while (above && above.use_count() == 1) {
        std::shared_ptr<RestoreDirectory> next = std::move(above->parent_);
        above = std::move(next);
    }
}

std::string RestoreDirectory::path(std::string_view name) const {
    std::vector<std::string_view> parts;
    if (!name.empty()) parts.push_back(name);
    for (const RestoreDirectory* at = this; at != nullptr; at = at->parent_.get()) {
        if (at->stands_for_) {
            at = at->stands_for_.get();
            if (at->parent_ == nullptr) break;
        }
        if (at->parent_ != nullptr) parts.push_back(at->name_);
    }
    std::string path;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        if (!path.empty()) path += '/';
        path += *part;
    }
    return path;
}

Result<FileDescriptor> open_directory(int parent, const std::string& name) {
    constexpr int kFlags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = ::openat(parent, name.c_str(), O_RDONLY | kFlags);
    // A directory that may be entered but not listed still serves to make entries in.
    if (fd < 0 && errno == EACCES) fd = ::openat(parent, name.c_str(), O_PATH | kFlags);
    if (fd >= 0) return FileDescriptor{fd};
    if (errno == ELOOP || errno == ENOTDIR) {
        return Error{ErrorCode::Refused,
                     "'" + printable(name) + "' is not a directory: a symbolic link is never followed"};
    }
    return Error::from_errno(errno, "cannot open the directory '" + printable(name) + "'");
}

DirectoryPtr DirectoryHandles::hold(FileDescriptor fd) {
    auto directory = std::make_shared<RestoreDirectory>(nullptr, "");
    directory->handle_ = std::make_shared<const FileDescriptor>(std::move(fd));
    return directory;
}

void DirectoryHandles::keep(const DirectoryPtr& directory, std::shared_ptr<const FileDescriptor> handle) {
    directory->handle_ = std::move(handle);
    if (directory->depth_ % kAnchorLevels == 0) return;
    if (DirectoryPtr oldest = ring_[next_].lock()) oldest->handle_.reset();
    ring_[next_] = directory;
    next_ = (next_ + 1) % ring_.size();
}

Result<std::shared_ptr<const FileDescriptor>> DirectoryHandles::get(const DirectoryPtr& directory) {
    const std::scoped_lock lock{mutex_};
    std::vector<DirectoryPtr> closed;  // innermost first
    DirectoryPtr at = directory;
    while (!at->handle_) {
        if (at->published_) {
            at = at->stands_for_;
            continue;
        }
        DR_CHECK(at->parent_ != nullptr);
        closed.push_back(at);
        at = at->parent_;
    }
    std::shared_ptr<const FileDescriptor> handle = at->handle_;
    for (auto next = closed.rbegin(); next != closed.rend(); ++next) {
        handle = std::make_shared<const FileDescriptor>(DR_TRY(open_directory(handle->get(), (*next)->name_)));
        keep(*next, handle);
    }
    return handle;
}

void DirectoryHandles::published(const DirectoryPtr& shadow) {
    const std::scoped_lock lock{mutex_};
    shadow->published_ = true;
    shadow->handle_.reset();
}

}  // namespace dr
