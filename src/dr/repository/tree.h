#pragma once
// Trees: what a snapshot is made of (FORMAT 7). Entries, references to directories, and how both are encoded.

#include <cstdint>
#include <string>
#include <vector>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/repository/blob.h"

namespace dr {

enum class EntryKind : std::uint8_t {
    File = 1,
    Directory = 2,
    Symlink = 3,
    Fifo = 4,
    CharDevice = 5,
    BlockDevice = 6,
    Socket = 7
};

// A directory's content: nothing, a small node held here, or the blob of its top node. Equal content gives equal bytes.
struct DirRef {
    enum class Form : std::uint8_t { Empty = 0, Inline = 1, Node = 2 };
    Form form = Form::Empty;
    Bytes inline_node;
    BlobRef node;
    std::uint64_t files = 0;  // regular files below, at any depth
    std::uint64_t bytes = 0;  // their sizes
    bool operator==(const DirRef&) const = default;
};

struct Extent {
    bool hole = false;
    BlobId chunk;  // zero for a hole
    std::uint64_t length = 0;
    bool operator==(const Extent&) const = default;
};

struct FileContent {
    enum class Form : std::uint8_t { Empty = 0, Inline = 1, Single = 2, List = 3, ListInBlobs = 4 };
    Form form = Form::Empty;
    Bytes inline_bytes;
    Sha256 sha256;                // of the whole file; for Empty and Inline computed, not stored
    std::vector<Extent> extents;  // List
    std::vector<BlobRef> lists;   // ListInBlobs
    bool operator==(const FileContent&) const = default;
};

struct ExtendedAttribute {
    std::string name;
    Bytes value;
    bool operator==(const ExtendedAttribute&) const = default;
};

struct Entry {
    std::string name;  // raw bytes, one component
    EntryKind kind = EntryKind::File;
    std::uint32_t mode = 0;  // 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::int64_t mtime_seconds = 0;
    std::uint32_t mtime_nanoseconds = 0;
    std::int64_t ctime_seconds = 0;
    std::uint32_t ctime_nanoseconds = 0;
    std::uint64_t inode = 0;
    bool hard_link = false;  // then device_index and link_count count
    std::uint32_t device_index = 0;
    std::uint64_t link_count = 1;
    bool changed_while_read = false;
    std::uint32_t inode_flags = 0;          // FS_IOC_GETFLAGS, 0 where none or not known
    std::vector<ExtendedAttribute> xattrs;  // sorted by name
    bool xattrs_in_blob = false;
    BlobRef xattr_blob;

    std::uint64_t size = 0;          // File
    FileContent content;             // File
    DirRef directory;                // Directory
    std::string target;              // Symlink
    std::uint32_t device_major = 0;  // devices
    std::uint32_t device_minor = 0;
    bool operator==(const Entry&) const = default;
};

}  // namespace dr
