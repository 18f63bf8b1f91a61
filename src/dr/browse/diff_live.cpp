#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "dr/browse/diff.h"
#include "dr/repository/tree_reader.h"
#include "dr/restore/compare.h"
#include "dr/restore/directory.h"
#include "dr/restore/each_name.h"

namespace dr {
namespace {

constexpr std::size_t kAwakeReaders = 32;
constexpr std::size_t kComparedAtOnce = 256;
constexpr std::size_t kHeldBack = 16'384;  // differences that wait behind a comparison

EntryKind kind_of(mode_t mode) {
    if (S_ISREG(mode)) return EntryKind::File;
    if (S_ISDIR(mode)) return EntryKind::Directory;
    if (S_ISLNK(mode)) return EntryKind::Symlink;
    if (S_ISFIFO(mode)) return EntryKind::Fifo;
    if (S_ISCHR(mode)) return EntryKind::CharDevice;
    return S_ISBLK(mode) ? EntryKind::BlockDevice : EntryKind::Socket;
}

bool same_time(const Entry& entry, const struct stat& info) {
    return entry.mtime_seconds == info.st_mtim.tv_sec &&
           static_cast<long>(entry.mtime_nanoseconds) == info.st_mtim.tv_nsec;
}

bool same_metadata(const Entry& entry, const struct stat& info) {
    return entry.mode == (info.st_mode & 07777) && entry.uid == info.st_uid && entry.gid == info.st_gid &&
           (entry.kind == EntryKind::Symlink || same_time(entry, info));
}

// One directory: of the snapshot (reader), of the world (directory), or of both.
struct Level {
    std::unique_ptr<DirectoryReader> reader;
    std::optional<Entry> next;
    DirectoryPtr directory;
    std::vector<std::string> names;  // in the world, sorted, from `at` on still to come
    std::size_t at = 0;
    std::size_t path_length = 0;
};

class LiveDiff {
public:
    LiveDiff(BlobSource& source, bool checksum, TaskPool& pool, Monitor& monitor, const DifferenceVisitor& visit)
        : source_(source), checksum_(checksum), pool_(pool), monitor_(monitor), visit_(visit) {}

    Result<void> run(const DirRef& root, FileDescriptor live) {
        DR_TRY(enter(&root, handles_.hold(std::move(live))));
        while (!levels_.empty()) {
            if (++steps_ % 64 == 0 && monitor_.cancelled())
                return Error{ErrorCode::Cancelled, "the comparison was interrupted"};
            path_.resize(levels_.back().path_length);
            if (!DR_TRY(step(levels_.back()))) levels_.pop_back();
            if (files_.size() >= kComparedAtOnce || waiting_.size() >= kHeldBack) DR_TRY(flush());
        }
        return flush();
    }

private:
    // A difference in its place in the order; whether a file's content differs is known only after flush().
    struct Waiting {
        Difference difference;
        std::optional<std::size_t> file;  // in files_: Content if it differs
        bool metadata_differs = true;     // otherwise, if its content is equal, there is no difference
    };

    Result<void> enter(const DirRef* snapshot, DirectoryPtr directory) {
        Level level;
        level.path_length = path_.size();
        if (levels_.size() >= kAwakeReaders) {
            Level& old = levels_[levels_.size() - kAwakeReaders];
            if (old.reader) old.reader->suspend();
        }
        if (snapshot != nullptr) level.reader = std::make_unique<DirectoryReader>(source_, *snapshot);
        if (directory) {
            const auto handle = handles_.get(directory);
            const Result<void> listed =
                !handle.ok() ? Result<void>{handle.error()}
                             : each_name(handle.value()->get(), [&](std::string_view name) -> Result<void> {
                                   level.names.emplace_back(name);
                                   return {};
                               });
            // Without its names nothing can be said about it: neither that its entries are there nor that they are not.
            if (!listed.ok()) {
                monitor_.warning(path_, listed.error());
                return {};
            }
            std::ranges::sort(level.names);
            level.directory = std::move(directory);
        }
        levels_.push_back(std::move(level));
        return {};
    }

    Result<bool> step(Level& level) {
        if (level.reader && !level.next) {
            level.next = DR_TRY(level.reader->next());
            if (!level.next) level.reader.reset();
        }
        const bool has_live = level.at < level.names.size();
        if (!level.next && !has_live) return false;
        const bool only_snapshot = level.next && (!has_live || level.next->name < level.names[level.at]);
        const bool only_live = has_live && (!level.next || level.names[level.at] < level.next->name);
        std::optional<Entry> entry;
        if (!only_live) entry.swap(level.next);
        const std::string name = only_snapshot ? entry->name : level.names[level.at++];
        if (!path_.empty()) path_ += '/';
        path_ += name;
        if (only_snapshot) {
            DR_TRY(removed(*entry));
            return true;
        }
        struct stat info;
        const auto handle = DR_TRY(handles_.get(level.directory));
        if (::fstatat(handle->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            // Gone since the directory was listed.
            if (entry) DR_TRY(removed(*entry));
            return true;
        }
        DR_TRY(entry ? both(*entry, level.directory, handle->get(), info) : added(name, level.directory, info));
        return true;
    }

    void tell(Change change, EntryKind kind, std::uint64_t before, std::uint64_t after) {
        waiting_.push_back({{path_, change, kind, before, after}, std::nullopt});
    }

    Result<void> removed(const Entry& entry) {
        tell(Change::Removed, entry.kind, entry.size, 0);
        return entry.kind == EntryKind::Directory ? enter(&entry.directory, nullptr) : Result<void>{};
    }

    Result<void> added(const std::string& name, const DirectoryPtr& parent, const struct stat& info) {
        const EntryKind kind = kind_of(info.st_mode);
        tell(Change::Added, kind, 0, kind == EntryKind::File ? static_cast<std::uint64_t>(info.st_size) : 0);
        return kind == EntryKind::Directory ? enter(nullptr, std::make_shared<RestoreDirectory>(parent, name))
                                            : Result<void>{};
    }

    Result<void> both(Entry& entry, const DirectoryPtr& parent, int directory, const struct stat& info) {
        const EntryKind kind = kind_of(info.st_mode);
        const std::uint64_t live_size = kind == EntryKind::File ? static_cast<std::uint64_t>(info.st_size) : 0;
        const std::string name = entry.name;
        const bool metadata_differs = !same_metadata(entry, info);
        if (kind != entry.kind || live_size != entry.size) {
            tell(Change::Content, kind, entry.size, live_size);
        } else if (kind == EntryKind::File) {
            if (checksum_ || !same_time(entry, info))
                return compare_file(std::move(entry), directory, metadata_differs);
            if (metadata_differs) tell(Change::Metadata, kind, entry.size, live_size);
        } else if (!same_special(entry, directory, info)) {
            tell(Change::Content, kind, 0, 0);
        } else if (metadata_differs) {
            tell(Change::Metadata, kind, 0, 0);
        }
        const DirRef* before = entry.kind == EntryKind::Directory ? &entry.directory : nullptr;
        const DirectoryPtr after =
            kind == EntryKind::Directory ? std::make_shared<RestoreDirectory>(parent, name) : nullptr;
        return before != nullptr || after ? enter(before, after) : Result<void>{};
    }

    static bool same_special(const Entry& entry, int directory, const struct stat& info) {
        if (entry.kind == EntryKind::Symlink) {
            std::string target(entry.target.size() + 1, 0);
            const ssize_t got = ::readlinkat(directory, entry.name.c_str(), target.data(), target.size());
            return got == static_cast<ssize_t>(entry.target.size()) && target.starts_with(entry.target);
        }
        const bool device = entry.kind == EntryKind::CharDevice || entry.kind == EntryKind::BlockDevice;
        return !device || info.st_rdev == makedev(entry.device_major, entry.device_minor);
    }

    Result<void> compare_file(Entry entry, int directory, bool metadata_differs) {
        auto file = std::make_shared<FileDescriptor>(
            ::openat(directory, entry.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        if (!file->is_open()) {
            monitor_.warning(path_, Error::from_errno(errno, "cannot read the file"));
            return {};
        }
        waiting_.push_back(
            {{path_, Change::Metadata, EntryKind::File, entry.size, entry.size}, files_.size(), metadata_differs});
        files_.push_back({.entry = std::move(entry), .file = std::move(file)});
        return {};
    }

    Result<void> flush() {
        DR_TRY(compare_files(files_, source_, pool_, monitor_));
        for (Waiting& waiting : waiting_) {
            if (waiting.file) {
                const FileComparison& file = files_[*waiting.file];
                if (file.unreadable) {
                    monitor_.warning(waiting.difference.path, Error{ErrorCode::Io, "cannot read the file"});
                    continue;
                }
                if (file.equal && !waiting.metadata_differs) continue;
                if (!file.equal) waiting.difference.change = Change::Content;
            }
            DR_TRY(visit_(waiting.difference));
        }
        waiting_.clear();
        files_.clear();
        return {};
    }

    BlobSource& source_;
    const bool checksum_;
    TaskPool& pool_;
    Monitor& monitor_;
    const DifferenceVisitor& visit_;
    DirectoryHandles handles_;
    std::deque<Level> levels_;
    std::string path_;
    std::vector<Waiting> waiting_;
    std::vector<FileComparison> files_;
    std::uint64_t steps_ = 0;
};

}  // namespace

Result<void> diff_live(BlobSource& source, const DirRef& root, const std::string& live, bool checksum, TaskPool& pool,
                       Monitor& monitor, const DifferenceVisitor& visit) {
    FileDescriptor directory{::open(live.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!directory.is_open()) return Error::from_errno(errno, "cannot open '" + printable(live) + "'");
    return LiveDiff{source, checksum, pool, monitor, visit}.run(root, std::move(directory));
}

}  // namespace dr
