#include "dr/restore/file_writer.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "dr/models/relative_path.h"
#include "dr/repository/tree_reader.h"
#include "dr/restore/compare.h"

namespace dr {
namespace {

constexpr int kCreateFlags = O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

Result<void> write_at(int fd, std::uint64_t offset, ByteSpan bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return Error::from_errno(errno, "cannot write the file");
        offset += static_cast<std::uint64_t>(put);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return {};
}

Result<FileDescriptor> create(int directory, const Entry& entry, int access, mode_t mode) {
    FileDescriptor file{::openat(directory, entry.name.c_str(), access | kCreateFlags, mode)};
    if (file.is_open()) return file;
    // Names that differ only in what this file system does not tell apart meet here.
    if (errno == EEXIST) return Error{ErrorCode::Io, "the file system takes the name for one that is there already"};
    return Error::from_errno(errno, "cannot make the file");
}

}  // namespace

void FileWriter::write_small(const DirectoryPtr& directory, const Entry& entry, ByteSpan content) {
    Result<void> written = try_write_small(directory, entry, content);
    if (written.ok())
        state_.file_done(content.size());
    else
        state_.fail(directory->path(entry.name), std::move(written).error());
}

Result<void> FileWriter::try_write_small(const DirectoryPtr& directory, const Entry& entry, ByteSpan content) {
    const auto parent = DR_TRY(handles_.get(directory));
    const FileDescriptor file = DR_TRY(create(parent->get(), entry, O_WRONLY, metadata_.creation_mode(entry)));
    Result<void> written = write_at(file.get(), 0, content);
    if (written.ok()) written = metadata_.apply(file.get(), directory, entry, metadata_.created_mode(entry));
    if (!written.ok()) (void)::unlinkat(parent->get(), entry.name.c_str(), 0);
    return written;
}

void FileWriter::make_special(const DirectoryPtr& directory, const Entry& entry) {
    Result<void> made = try_make_special(directory, entry);
    if (made.ok())
        state_.file_done(0);
    else
        state_.fail(directory->path(entry.name), std::move(made).error());
}

Result<void> FileWriter::try_make_special(const DirectoryPtr& directory, const Entry& entry) {
    const auto parent = DR_TRY(handles_.get(directory));
    const char* name = entry.name.c_str();
    const dev_t device = makedev(entry.device_major, entry.device_minor);
    int made = -1;
    switch (entry.kind) {
        case EntryKind::Symlink: made = ::symlinkat(entry.target.c_str(), parent->get(), name); break;
        case EntryKind::Fifo: made = ::mkfifoat(parent->get(), name, 0600); break;
        case EntryKind::Socket: made = ::mknodat(parent->get(), name, S_IFSOCK | 0600, 0); break;
        case EntryKind::CharDevice: made = ::mknodat(parent->get(), name, S_IFCHR | 0600, device); break;
        case EntryKind::BlockDevice: made = ::mknodat(parent->get(), name, S_IFBLK | 0600, device); break;
        default: DR_CHECK(false);
    }
    if (made != 0) return Error::from_errno(errno, "cannot make the entry");
    Result<void> applied = metadata_.apply_unopened(parent->get(), directory, entry);
    if (!applied.ok()) (void)::unlinkat(parent->get(), name, 0);
    return applied;
}

Result<std::shared_ptr<LargeFile>> FileWriter::begin(const DirectoryPtr& directory, Entry entry,
                                                     std::shared_ptr<FileDescriptor> old) {
    if (entry.size > static_cast<std::uint64_t>(INT64_MAX))
        return Error{ErrorCode::Damaged, "the file has an impossible size"};
    const auto parent = DR_TRY(handles_.get(directory));
    auto large = std::make_shared<LargeFile>();
    large->entry = std::move(entry);
    large->directory = directory;
    large->file = DR_TRY(create(parent->get(), large->entry, O_RDWR, metadata_.creation_mode(large->entry)));
    large->cloned = old && ::ioctl(large->file.get(), FICLONE, old->get()) == 0;
    large->old = std::move(old);
    if (::ftruncate(large->file.get(), static_cast<off_t>(large->entry.size)) != 0) {
        const int number = errno;
        (void)::unlinkat(parent->get(), large->entry.name.c_str(), 0);
        return Error::from_errno(number, "cannot make a file of " + std::to_string(large->entry.size) + " bytes");
    }
    return large;
}

void FileWriter::write_piece(LargeFile& file, std::uint64_t offset, ByteSpan content) {
    if (file.failed) return;
    Result<void> written = write_at(file.file.get(), offset, content);
    if (written.ok())
        file.bytes += content.size();
    else
        fail(file, std::move(written).error());
}

// Only a clone holds something where the hole belongs.
void FileWriter::make_hole(LargeFile& file, std::uint64_t offset, std::uint64_t length) {
    if (!file.cloned || file.failed) return;
    if (::fallocate(file.file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(length)) != 0) {
        fail(file, Error::from_errno(errno, "cannot make a hole in the file"));
    }
}

void FileWriter::fail(LargeFile& file, Error error) {
    if (!file.failed.exchange(true)) state_.fail(file.directory->path(file.entry.name), std::move(error));
}

void FileWriter::finish_piece(LargeFile& file) {
    if (file.open.fetch_sub(1) != 1) return;
    Result<void> done = complete(file);
    if (!done.ok()) fail(file, std::move(done).error());
    file.file.close();
    file.old.reset();
    if (!file.failed) return state_.file_done(file.bytes);
    if (const auto parent = handles_.get(file.directory); parent.ok()) {
        (void)::unlinkat(parent.value()->get(), file.entry.name.c_str(), 0);
    }
}

Result<void> FileWriter::complete(LargeFile& file) {
    if (file.failed) return {};
    return metadata_.apply(file.file.get(), file.directory, file.entry, metadata_.created_mode(file.entry));
}

void FileWriter::link(const Link& link, BlobSource& source) {
    Result<void> linked = try_link(link, source);
    if (linked.ok())
        state_.file_done(0);
    else
        state_.fail(link.to->path(link.entry.name), std::move(linked).error());
}

Result<void> FileWriter::try_link(const Link& link, BlobSource& source) {
    const auto from = DR_TRY(handles_.get(link.from));
    const auto to = DR_TRY(handles_.get(link.to));
    const char* name = link.entry.name.c_str();
    if (::linkat(from->get(), link.from_name.c_str(), to->get(), name, 0) != 0) {
        return Error::from_errno(errno,
                                 "cannot make a second name for '" + printable(link.from->path(link.from_name)) + "'");
    }
    if (!link.kept || DR_TRY(is_what_was_kept(to->get(), link, source))) return {};
    (void)::unlinkat(to->get(), name, 0);
    return Error{ErrorCode::Io, "what this is a second name of changed during the restore"};
}

// Of a second name that was just made.
Result<bool> FileWriter::is_what_was_kept(int directory, const Link& link, BlobSource& source) {
    const char* name = link.entry.name.c_str();
    struct stat info;
    if (::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !link.kept->same_file(info)) return false;
    if (link.entry.kind != EntryKind::File) return same_special(directory, link.entry, info);
    const FileDescriptor file{::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    bool equal = file && S_ISREG(info.st_mode) && static_cast<std::uint64_t>(info.st_size) == link.entry.size;
    ContentReader content = content_of(source, link.entry);
    while (equal) {
        if (state_.stopped()) return Error{ErrorCode::Cancelled, "the restore was interrupted"};
        const std::optional<ContentPiece> piece = DR_TRY(content.next());
        if (!piece) return true;
        equal = match_piece(file.get(), link.entry, *piece, source.namer()) == PieceMatch::Equal;
    }
    return false;
}

}  // namespace dr
