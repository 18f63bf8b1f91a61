#include "dr/restore/shadows.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <set>

#include "dr/restore/each_name.h"

namespace dr {
namespace {

bool there(int directory, const char* name) {
    struct stat info;
    return ::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

bool is_directory(int directory, const char* name) {
    struct stat info;
    return ::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

// The size of a file without its holes.
std::uint64_t data_bytes(int directory, const char* name) {
    const FileDescriptor file{::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    struct stat info;
    if (!file || ::fstat(file.get(), &info) != 0) return 0;
    std::uint64_t bytes = 0;
    for (off_t at = 0; at < info.st_size;) {
        const off_t data = ::lseek(file.get(), at, SEEK_DATA);
        if (data < 0) break;
        const off_t hole = ::lseek(file.get(), data, SEEK_HOLE);
        at = hole <= data ? info.st_size : hole;
        bytes += static_cast<std::uint64_t>(at - data);
    }
    return bytes;
}

// Never over something that is there.
Result<void> move_new(int from, int to, const char* name) {
    if (::renameat2(from, name, to, name, RENAME_NOREPLACE) == 0) return {};
    bool is_taken = errno == EEXIST;
    if (errno == EINVAL || errno == ENOSYS) {  // a file system that does not know how
        is_taken = there(to, name);
        if (!is_taken && ::renameat(from, name, to, name) == 0) return {};
    }
    if (is_taken)
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

// It counts as restored since it was built, and may wait for metadata.
void Shadows::take_back(const DirectoryPtr& shadow, const std::string& name, MetadataWriter& metadata,
                        RestoreState& state) {
    RestoreState::Built built;
    std::map<ino_t, nlink_t> seen;
    std::set<ino_t> gone;
    std::vector<DirectoryPtr> below;
    const auto look = [&](const DirectoryPtr& parent, int directory, const std::string& entry) {
        struct stat info;
        if (::fstatat(directory, entry.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
        if (S_ISDIR(info.st_mode)) {
            ++built.directories;
            gone.insert(info.st_ino);
            below.push_back(std::make_shared<RestoreDirectory>(parent, entry));
            return;
        }
        ++built.files;
        // Under another name it may be in its place, with its bytes and what waits for it.
        if (++seen[info.st_ino] < info.st_nlink) return;
        gone.insert(info.st_ino);
        if (S_ISREG(info.st_mode)) built.bytes += data_bytes(directory, entry.c_str());
    };
    if (const auto handle = handles_.get(shadow); handle.ok()) look(shadow, handle.value()->get(), name);
    while (!below.empty()) {
        const DirectoryPtr directory = std::move(below.back());
        below.pop_back();
        const auto handle = handles_.get(directory);
        if (!handle.ok()) continue;
        (void)each_name(handle.value()->get(), [&](std::string_view entry) -> Result<void> {
            look(directory, handle.value()->get(), std::string{entry});
            return {};
        }).ok();
    }
    state.take_back(built);
    metadata.forget(gone);
}

Result<void> Shadows::move_out(const DirectoryPtr& shadow, const DirectoryPtr& real, bool replacing,
                               MetadataWriter& metadata, RestoreState& state) {
    const auto from = DR_TRY(handles_.get(shadow));
    const auto to = DR_TRY(handles_.get(real));
    DR_TRY(each_name(from->get(), [&](std::string_view name_view) -> Result<void> {
        const std::string name{name_view};
        Result<void> moved = replacing ? move_over(from->get(), to->get(), name.c_str())
                                       : move_new(from->get(), to->get(), name.c_str());
        if (moved.ok()) {
            if (replacing && !is_directory(to->get(), name.c_str())) state.file_replaced();
            return {};
        }
        take_back(shadow, name, metadata, state);
        state.fail(real->path(name), std::move(moved).error());
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
    if (finished.ok() && overwrite) {
        const Result<bool> refreshed = metadata.refresh(handle.value()->get(), merged.parent, merged.entry);
        if (!refreshed.ok()) finished = refreshed.error();
        if (refreshed.ok() && refreshed.value()) state.metadata_done();
    }
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
            Result<void> moved = move_out(shadow, merged.directory, shadow == merged.replacing, metadata, state);
            if (!moved.ok()) state.fail(merged.directory->path(), std::move(moved).error());
        }
        finish_directory(merged, metadata, state, overwrite);
    }
    merged_.clear();
}

}  // namespace dr
