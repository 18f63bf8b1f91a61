#pragma once
// How trees are laid out in bytes (FORMAT 7).
//
// Reading goes through views: an EntryView points into the bytes it was read from, has been checked against every limit
// of FORMAT 13, and costs no allocation. Whoever keeps an entry makes an Entry of it. What read_… finds wrong sticks in
// the WireReader (see wire.h): ask check() or finish() before believing anything. Free functions; any thread.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/codec/wire.h"
#include "dr/repository/tree.h"

namespace dr {

inline constexpr std::size_t kMaxEntryName = 255;
inline constexpr std::size_t kMaxSymlinkTarget = 65'535;
inline constexpr std::size_t kMaxAttributesSize = 1U << 20;  // all extended attributes of an entry, encoded
inline constexpr std::size_t kMaxNodeEntries = 65'536;
inline constexpr std::uint8_t kMaxNodeLevel = 31;  // so a directory is at most 32 nodes deep
inline constexpr std::size_t kMaxTreeDepth = 100'000;

struct DirRefView {
    DirRef::Form form = DirRef::Form::Empty;
    ByteSpan inline_node;
    BlobRef node;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;

    DirRefView() = default;
    explicit DirRefView(const DirRef& ref)
        : form(ref.form), inline_node(ref.inline_node), node(ref.node), files(ref.files), bytes(ref.bytes) {}
    DirRef copy() const;
};

// An entry where it lies. Fields that its kind does not have are zero or empty.
struct EntryView {
    ByteSpan encoded;  // the whole entry: copying these bytes into another node copies the entry
    std::string_view name;
    EntryKind kind = EntryKind::File;
    std::uint32_t mode = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::int64_t mtime_seconds = 0;
    std::uint32_t mtime_nanoseconds = 0;
    std::int64_t ctime_seconds = 0;
    std::uint32_t ctime_nanoseconds = 0;
    std::uint64_t inode = 0;
    bool hard_link = false;
    std::uint32_t device_index = 0;
    std::uint64_t link_count = 1;
    bool changed_while_read = false;
    std::uint32_t inode_flags = 0;
    ByteSpan xattrs;  // as decode_xattrs() takes them; empty: none, or in a blob
    bool xattrs_in_blob = false;
    BlobRef xattr_blob;
    std::uint64_t size = 0;
    FileContent::Form form = FileContent::Form::Empty;
    ByteSpan inline_bytes;
    Sha256 sha256;     // zero for Empty and Inline
    ByteSpan extents;  // List, as decode_extents() takes them
    ByteSpan lists;    // ListInBlobs
    DirRefView directory;
    std::string_view target;
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;

    // Regular files and bytes that this entry adds to its directory's totals.
    std::uint64_t total_files() const { return kind == EntryKind::File ? 1 : directory.files; }
    std::uint64_t total_bytes() const { return kind == EntryKind::File ? size : directory.bytes; }

    Entry copy() const;
};

// A child of an inner node.
struct ChildView {
    std::string_view first_name;
    BlobRef node;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
};

// True if a directory may hold the name: 1 to 255 bytes other than '/' and NUL, not "." or "..".
bool is_entry_name(std::string_view name);

// `entry` must be valid: its name is_entry_name(), its limits kept.
void write_entry(WireWriter& out, const Entry& entry);
void read_entry(WireReader& in, EntryView& entry);

void write_dir_ref(WireWriter& out, const DirRef& ref);
DirRefView read_dir_ref(WireReader& in);
Bytes encode_dir_ref(const DirRef& ref);
// Takes exactly the bytes of one. Damaged.
Result<DirRef> decode_dir_ref(ByteSpan bytes);

// `extent*`: of an entry of form List, and the plaintext of a blob of type Extents.
void write_extents(WireWriter& out, std::span<const Extent> extents);
Result<std::vector<Extent>> decode_extents(ByteSpan bytes);

// `{ bytes name bytes value }*`: of an entry, and the plaintext of a blob of type Attributes.
void write_xattrs(WireWriter& out, std::span<const ExtendedAttribute> xattrs);
Result<std::vector<ExtendedAttribute>> decode_xattrs(ByteSpan bytes);

// Reads one node front to back. Borrows the bytes. Names are proven valid and strictly ascending within the node.
class NodeReader {
public:
    // Damaged where the head is wrong.
    static Result<NodeReader> open(ByteSpan node);

    std::uint8_t level() const { return level_; }
    std::size_t left() const { return left_; }

    // The next entry (level 0) or child (level > 0), false after the last. Damaged.
    Result<bool> next(EntryView& entry);
    Result<bool> next(ChildView& child);

private:
    explicit NodeReader(ByteSpan node) : in_(node) {}
    Result<bool> took(std::string_view name);

    WireReader in_;
    std::uint8_t level_ = 0;
    std::size_t left_ = 0;
    std::string_view previous_;
};

}  // namespace dr
