#pragma once
// Disk: the few file operations that local storage is made of, below one root directory.
//
// A path is relative to the root: components separated by "/", none of them empty, "." or ".."; "" is the root itself.
// No component is ever followed as a symbolic link. Nothing written is durable before it is synced, and a name is an
// entry of its directory: it is durable once that directory is synced, whatever was synced inside. All functions are
// thread-safe; a DiskFile is for one thread at a time, except read_at(). Failures are those of Error::from_errno.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/base/time.h"

namespace dr {

enum class DiskKind : std::uint8_t { File, Directory, Other };

struct DiskStat {
    DiskKind kind = DiskKind::Other;
    std::uint64_t size = 0;  // of a file
    Timestamp modified;
};

struct DiskEntry {
    std::string name;
    DiskKind kind = DiskKind::Other;
};

// An open file; closed by the destructor.
class DiskFile {
public:
    virtual ~DiskFile() = default;

    // Adds all of `bytes` at the end.
    virtual Result<void> write(ByteSpan bytes) = 0;
    // Asks the system to start writing that range out, without waiting. Only a hint; makes nothing durable.
    virtual void start_writeback(std::uint64_t offset, std::uint64_t length) = 0;
    // Makes content and length durable (not the name). After a failure the content is lost: a second try that succeeds
    // would prove nothing.
    virtual Result<void> sync() = 0;
    // Fills `into` from `offset`; returns how many bytes there were, less than asked for only at the end of the file.
    virtual Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan into) = 0;
    virtual Result<std::uint64_t> size() = 0;
};

class Disk {
public:
    virtual ~Disk() = default;

    // A new, empty file for writing and reading. AlreadyExists where the name is taken.
    virtual Result<std::unique_ptr<DiskFile>> create(std::string_view path) = 0;
    // An existing regular file, for reading.
    virtual Result<std::unique_ptr<DiskFile>> open(std::string_view path) = 0;

    // A second name for a file, made at once or not at all: AlreadyExists where `to` is taken, whoever else tries.
    // Unsupported where the file system has no hard links.
    virtual Result<void> link(std::string_view from, std::string_view to) = 0;
    // Gives a file another name; one that already has it is replaced.
    virtual Result<void> rename(std::string_view from, std::string_view to) = 0;
    virtual Result<void> unlink(std::string_view path) = 0;
    virtual Result<void> make_directory(std::string_view path) = 0;
    // Makes the entries of a directory durable: names added and taken away.
    virtual Result<void> sync_directory(std::string_view path) = 0;

    virtual Result<DiskStat> stat(std::string_view path) = 0;
    // What a directory holds, in byte order, without "." and "..".
    virtual Result<std::vector<DiskEntry>> list(std::string_view path) = 0;
};

// Whether `path` is what every function here asks for; "" is.
bool is_disk_path(std::string_view path);

}  // namespace dr
