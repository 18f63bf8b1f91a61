#include "dr/restore/shadows.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "dr/restore/each_name.h"

namespace dr {
namespace {

bool there(int directory, const char* name) {
    struct stat info;
    return ::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

// Never over something that is there.
Result<void> move_new(int from, int to, const char* name) {
    if (::renameat2(from, name, to, name, RENAME_NOREPLACE) == 0) return {};
    if (errno == EINVAL || errno == ENOSYS) {  // a file system that does not know how
        errno = EEXIST;
        if (!there(to, name) && ::renameat(from, name, to, name) == 0) return {};
    }
    if (errno == EEXIST)
        return Error{ErrorCode::Io, "something appeared under this name during the restore; it was left as it is"};
    return Error::from_errno(errno, "cannot put the finished entry in its place");
}

// The old one is gone, or lies in staging, in the same moment.
Result<void> move_over(int from, int to, const char* name) {
    if (::renameat(from, name, to, name) == 0) return {};
    const bool kinds_differ = errno == ENOTDIR || errno == EISDIR;
    if (kinds_differ && ::renameat2(from, name, to, name, RENAME_EXCHANGE) == 0) return {};
    return Error::from_errno(errno, "cannot put the finished entry in its place");
}

}  // namespace

Result<void> Shadows::open() {
    const auto target = DR_TRY(handles_.get(target_));
    staging_.emplace(DR_TRY(Staging::create(target->get(), id_)));
    staging_directory_ = handles_.hold(FileDescriptor{::dup(staging_->fd())});
    return {};
}

Result<DirectoryPtr> Shadows::make(const DirectoryPtr& real, DirectoryPtr& shadow, char kind) {
    if (shadow) return shadow;
    DR_CHECK(staging_.has_value());
    const std::string name = kind + std::to_string(count_);
    if (::mkdirat(staging_->fd(), name.c_str(), 0700) != 0)
        return Error::from_errno(errno, "cannot make a directory in staging");
    ++count_;
    shadow = std::make_shared<RestoreDirectory>(staging_directory_, name);
    shadow->stand_for(real);
    return shadow;
}

Result<void> Shadows::move_out(const DirectoryPtr& shadow, const DirectoryPtr& real, bool replacing,
                               RestoreState& state) {
    const auto from = DR_TRY(handles_.get(shadow));
    const auto to = DR_TRY(handles_.get(real));
    DR_TRY(each_name(from->get(), [&](std::string_view name_view) -> Result<void> {
        const std::string name{name_view};
        Result<void> moved = replacing ? move_over(from->get(), to->get(), name.c_str())
                                       : move_new(from->get(), to->get(), name.c_str());
        if (!moved.ok()) state.fail(real->path(name), std::move(moved).error());
        return {};
    }));
    handles_.published(shadow);
    return {};
}

void Shadows::finish_directory(const MergedDirectory& merged, MetadataWriter& metadata, RestoreState& state,
                               bool overwrite) {
    if (!merged.parent || !merged.selected) return;
    const auto handle = handles_.get(merged.directory);
    Result<void> finished = handle.ok() ? Result<void>{} : Result<void>{handle.error()};
    if (finished.ok() && overwrite) finished = metadata.refresh(handle.value()->get(), merged.parent, merged.entry);
    if (finished.ok() && !overwrite && merged.creating) {
        // It was the snapshot's directory but for what was missing: its time is the snapshot's again.
        const std::array<timespec, 2> times{
            timespec{0, UTIME_OMIT},
            timespec{merged.entry.mtime_seconds, static_cast<long>(merged.entry.mtime_nanoseconds % 1'000'000'000U)}};
        (void)::futimens(handle.value()->get(), times.data());
    }
    if (!finished.ok()) state.fail(merged.directory->path(), std::move(finished).error());
}

void Shadows::publish(MetadataWriter& metadata, RestoreState& state, bool overwrite) {
    for (const MergedDirectory& merged : merged_) {
        for (const DirectoryPtr& shadow : {merged.creating, merged.replacing}) {
            if (!shadow) continue;
            Result<void> moved = move_out(shadow, merged.directory, shadow == merged.replacing, state);
            if (!moved.ok()) state.fail(merged.directory->path(), std::move(moved).error());
        }
        finish_directory(merged, metadata, state, overwrite);
    }
    merged_.clear();
}

}  // namespace dr
