#pragma once
// A real directory. Everything is reached from a handle on it and never through a symbolic link, so nobody who can
// write below it can lead us out of it.

#include "dr/platform/disk.h"
#include "dr/platform/posix/file_descriptor.h"

namespace dr {

class PosixDisk final : public Disk {
public:
    // Opens the directory `root` (which may itself be a symbolic link: the user named it). Fails as open(2) does:
    // NotFound, or Io where it is no directory.
    static Result<std::unique_ptr<PosixDisk>> open_root(const std::string& root);

    // Makes the directory, and those above it that are missing, durably; one that exists is fine.
    static Result<void> make_root(const std::string& root);

    Result<std::unique_ptr<DiskFile>> create(std::string_view path) override;
    Result<std::unique_ptr<DiskFile>> open(std::string_view path) override;
    Result<void> link(std::string_view from, std::string_view to) override;
    Result<void> rename(std::string_view from, std::string_view to) override;
    Result<void> unlink(std::string_view path) override;
    Result<void> make_directory(std::string_view path) override;
    Result<void> sync_directory(std::string_view path) override;
    Result<DiskStat> stat(std::string_view path) override;
    Result<std::vector<DiskEntry>> list(std::string_view path) override;

private:
    struct Place;

    PosixDisk(std::string root, FileDescriptor handle) : root_(std::move(root)), handle_(std::move(handle)) {}
    Result<FileDescriptor> open_beneath(std::string_view path, int flags, std::string_view doing) const;
    Result<Place> find(std::string_view path) const;
    Error failed(int number, std::string_view doing, std::string_view path) const;

    const std::string root_;  // for messages
    const FileDescriptor handle_;
};

}  // namespace dr
