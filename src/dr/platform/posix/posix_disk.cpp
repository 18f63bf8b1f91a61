#include "dr/platform/posix/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "dr/base/check.h"
#include "dr/platform/posix/file_time.h"
#include "dr/platform/posix/open_beneath.h"

namespace dr {
namespace {

// Calls again whatever a signal interrupted.
template <typename Call>
auto retry(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

DiskKind kind_of(mode_t mode) {
    if (S_ISREG(mode)) return DiskKind::File;
    return S_ISDIR(mode) ? DiskKind::Directory : DiskKind::Other;
}

class PosixFile final : public DiskFile {
public:
    PosixFile(FileDescriptor handle, std::string name) : handle_(std::move(handle)), name_(std::move(name)) {}

    Result<void> write(ByteSpan bytes) override {
        while (!bytes.empty()) {
            const ssize_t done = retry([&] { return ::write(handle_.get(), bytes.data(), bytes.size()); });
            if (done < 0) return failed("write");
            bytes = bytes.subspan(static_cast<std::size_t>(done));
        }
        return {};
    }

    void start_writeback(std::uint64_t offset, std::uint64_t length) override {
        // Some file systems cannot; then sync() has more left to do.
        (void)::sync_file_range(handle_.get(), static_cast<off64_t>(offset), static_cast<off64_t>(length),
                                SYNC_FILE_RANGE_WRITE);
    }

    Result<void> sync() override {
        // Not tried again: the kernel may have dropped what it could not write and would now say that all is well.
        if (::fdatasync(handle_.get()) != 0) return failed("sync");
        return {};
    }

    Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan into) override {
        std::size_t filled = 0;
        while (filled < into.size()) {
            const ssize_t got = retry([&] {
                return ::pread(handle_.get(), into.data() + filled, into.size() - filled,
                               static_cast<off_t>(offset + filled));
            });
            if (got < 0) return failed("read");
            if (got == 0) break;
            filled += static_cast<std::size_t>(got);
        }
        return filled;
    }

    Result<std::uint64_t> size() override {
        struct stat status{};
        if (::fstat(handle_.get(), &status) != 0) return failed("look at");
        return static_cast<std::uint64_t>(status.st_size);
    }

private:
    Error failed(std::string_view doing) const {
        const int number = errno;
        return Error::from_errno(number, "cannot " + std::string(doing) + " '" + name_ + "'");
    }

    const FileDescriptor handle_;
    const std::string name_;
};

Result<FileDescriptor> open_named(const std::string& root) {
    FileDescriptor handle{::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!handle.is_open()) return Error::from_errno(errno, "cannot open the directory '" + root + "'");
    return handle;
}

}  // namespace

// Where a path lies: an open directory and a name in it.
struct PosixDisk::Place {
    FileDescriptor directory;
    std::string name;
};

Result<std::unique_ptr<PosixDisk>> PosixDisk::open_root(const std::string& root) {
    FileDescriptor handle = DR_TRY(open_named(root));
    return std::unique_ptr<PosixDisk>{new PosixDisk{root, std::move(handle)}};
}

Result<void> PosixDisk::make_root(const std::string& root) {
    // Each directory is made and then its name made durable in the one above.
    for (std::size_t end = root.find('/', 1);; end = root.find('/', end + 1)) {
        const std::string path = root.substr(0, end);
        const std::size_t slash = path.rfind('/');
        if (!path.empty() && slash + 1 != path.size() && ::mkdir(path.c_str(), 0700) == 0) {
            const std::string above = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
            const FileDescriptor parent{::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
            if (!parent.is_open() || ::fsync(parent.get()) != 0)
                return Error::from_errno(errno, "cannot sync '" + above + "'");
        }
        if (end == std::string::npos) break;
    }
    // Whatever mkdir said, the question is whether the directory is there now.
    DR_TRY(open_named(root));
    return {};
}

Error PosixDisk::failed(int number, std::string_view doing, std::string_view path) const {
    std::string name = root_;
    if (!path.empty()) name.append("/").append(path);
    return Error::from_errno(number, "cannot " + std::string(doing) + " '" + name + "'");
}

Result<FileDescriptor> PosixDisk::open_beneath(std::string_view path, int flags, std::string_view doing) const {
    DR_CHECK(is_disk_path(path));
    const mode_t mode = (flags & O_CREAT) != 0 ? 0600 : 0;
    FileDescriptor handle = dr::open_beneath(handle_.get(), std::string{path}, flags | O_NOFOLLOW, mode);
    if (!handle.is_open()) return failed(errno, doing, path);
    return handle;
}

Result<PosixDisk::Place> PosixDisk::find(std::string_view path) const {
    DR_CHECK(!path.empty());
    const std::size_t slash = path.rfind('/');
    const std::string_view above = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
    return Place{DR_TRY(open_beneath(above, O_PATH | O_DIRECTORY, "open")), std::string{path.substr(slash + 1)}};
}

Result<std::unique_ptr<DiskFile>> PosixDisk::create(std::string_view path) {
    FileDescriptor handle = DR_TRY(open_beneath(path, O_RDWR | O_CREAT | O_EXCL, "create"));
    return std::unique_ptr<DiskFile>{std::make_unique<PosixFile>(std::move(handle), root_ + "/" + std::string{path})};
}

Result<std::unique_ptr<DiskFile>> PosixDisk::open(std::string_view path) {
    // O_NONBLOCK: somebody may have put a FIFO there, and opening it would wait forever.
    FileDescriptor handle = DR_TRY(open_beneath(path, O_RDONLY | O_NONBLOCK, "open"));
    struct stat status{};
    if (::fstat(handle.get(), &status) != 0) return failed(errno, "look at", path);
    if (!S_ISREG(status.st_mode))
        return Error{ErrorCode::Io, "'" + root_ + "/" + std::string{path} + "' is not a regular file"};
    return std::unique_ptr<DiskFile>{std::make_unique<PosixFile>(std::move(handle), root_ + "/" + std::string{path})};
}

Result<void> PosixDisk::link(std::string_view from, std::string_view to) {
    const Place source = DR_TRY(find(from));
    const Place target = DR_TRY(find(to));
    if (::linkat(source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str(), 0) == 0)
        return {};
    const int number = errno;
    if (number != EPERM && number != EOPNOTSUPP && number != ENOSYS) return failed(number, "link", to);
    return failed(number, "link", to)
        .as(ErrorCode::Unsupported)
        .means("this file system has no hard links, which keep two writers from taking one name");
}

Result<void> PosixDisk::rename(std::string_view from, std::string_view to) {
    const Place source = DR_TRY(find(from));
    const Place target = DR_TRY(find(to));
    if (::renameat(source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str()) != 0) {
        return failed(errno, "rename", from);
    }
    return {};
}

Result<void> PosixDisk::unlink(std::string_view path) {
    const Place place = DR_TRY(find(path));
    if (::unlinkat(place.directory.get(), place.name.c_str(), 0) != 0) return failed(errno, "remove", path);
    return {};
}

Result<void> PosixDisk::make_directory(std::string_view path) {
    const Place place = DR_TRY(find(path));
    if (::mkdirat(place.directory.get(), place.name.c_str(), 0700) != 0)
        return failed(errno, "make the directory", path);
    return {};
}

Result<void> PosixDisk::sync_directory(std::string_view path) {
    const FileDescriptor directory = DR_TRY(open_beneath(path, O_RDONLY | O_DIRECTORY, "open"));
    if (::fsync(directory.get()) != 0) return failed(errno, "sync the directory", path);
    return {};
}

Result<DiskStat> PosixDisk::stat(std::string_view path) {
    struct stat status{};
    if (path.empty()) {
        if (::fstat(handle_.get(), &status) != 0) return failed(errno, "look at", path);
    } else {
        // One call where there is nothing, which is what is asked most.
        const FileDescriptor place = DR_TRY(open_beneath(path, O_PATH, "look at"));
        if (::fstat(place.get(), &status) != 0) return failed(errno, "look at", path);
    }
    return DiskStat{kind_of(status.st_mode), static_cast<std::uint64_t>(status.st_size), timestamp_of(status.st_mtim)};
}

namespace {

DiskKind kind_of(const dirent& entry, int directory) {
    if (entry.d_type == DT_REG) return DiskKind::File;
    if (entry.d_type == DT_DIR) return DiskKind::Directory;
    if (entry.d_type != DT_UNKNOWN) return DiskKind::Other;
    struct stat status{};
    if (::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return DiskKind::Other;
    return kind_of(status.st_mode);
}

}  // namespace

Result<std::vector<DiskEntry>> PosixDisk::list(std::string_view path) {
    FileDescriptor directory = DR_TRY(open_beneath(path, O_RDONLY | O_DIRECTORY, "list"));
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{::fdopendir(directory.get()), &::closedir};
    if (!stream) return failed(errno, "list", path);
    directory.release();  // the stream has it now

    std::vector<DiskEntry> entries;
    while (true) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        // A listing that ends by an error is not a shorter listing.
        if (entry == nullptr && errno != 0) return failed(errno, "list", path);
        if (entry == nullptr) break;
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") entries.push_back({std::string{name}, kind_of(*entry, ::dirfd(stream.get()))});
    }
    std::ranges::sort(entries, {}, &DiskEntry::name);
    return entries;
}

}  // namespace dr
