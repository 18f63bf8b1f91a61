#include "dr/repository/tree_codec.h"

#include <limits>

#include "dr/crypto/sha256.h"

namespace dr {
namespace {

constexpr std::uint8_t kNodeVersion = 1;

constexpr std::uint64_t kFlagXattrs = 1;
constexpr std::uint64_t kFlagHardLink = 2;
constexpr std::uint64_t kFlagInodeFlags = 4;
constexpr std::uint64_t kFlagChanged = 8;
constexpr std::uint64_t kFlagXattrBlob = 16;
constexpr std::uint64_t kAllFlags = 31;

constexpr std::uint8_t kExtentHole = 0;
constexpr std::uint8_t kExtentChunk = 1;

// The least that one item of a list can take, so that a hostile count cannot make us reserve memory.
constexpr std::size_t kLeastEntry = 13;
constexpr std::size_t kLeastChild = 37;
constexpr std::size_t kLeastExtent = 2;
constexpr std::size_t kLeastXattr = 3;
constexpr std::size_t kLeastList = 33;

BlobRef read_blob_ref(WireReader& in) {
    BlobRef ref;
    ref.id = in.id<BlobId>();
    ref.length = static_cast<std::uint32_t>(in.varint(kMaxBlob));
    if (ref.length == 0) in.fail("a blob has no bytes");
    return ref;
}

void write_blob_ref(WireWriter& out, const BlobRef& ref) {
    out.id(ref.id);
    out.varint(ref.length);
}

std::uint32_t read_u32(WireReader& in) { return static_cast<std::uint32_t>(in.varint(UINT32_MAX)); }

std::uint32_t read_nanoseconds(WireReader& in) { return static_cast<std::uint32_t>(in.varint(999'999'999)); }

Extent read_extent(WireReader& in) {
    Extent extent;
    const std::uint8_t form = in.u8();
    if (form == kExtentHole) {
        extent.hole = true;
        extent.length = in.varint(std::numeric_limits<std::int64_t>::max());
    } else if (form == kExtentChunk) {
        extent.chunk = in.id<BlobId>();
        extent.length = in.varint(kMaxBlob);
    } else {
        in.fail("an extent is neither hole nor chunk");
    }
    if (extent.length == 0) in.fail("an extent has no bytes");
    return extent;
}

const std::uint8_t* here(WireReader& in) { return in.raw(0).data(); }

// What was read since `start`, so that a view can keep it undecoded.
ByteSpan since(WireReader& in, const std::uint8_t* start) { return in.ok() ? ByteSpan{start, here(in)} : ByteSpan{}; }

void skip_xattrs(WireReader& in) {
    const std::size_t start = in.position();
    const std::size_t count = in.count(kMaxAttributesSize, kLeastXattr);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        if (in.bytes(kMaxEntryName).empty()) in.fail("an extended attribute has no name");
        in.bytes(kMaxAttributesSize);
    }
    if (in.ok() && in.position() - start > kMaxAttributesSize) in.fail("the extended attributes are too large");
}

void skip_extents(WireReader& in, std::uint64_t size) {
    const std::size_t count = in.count(kMaxBlob, kLeastExtent);
    std::uint64_t left = size;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        const std::uint64_t length = read_extent(in).length;
        if (length > left) return in.fail("the extents are more than the file");
        left -= length;
    }
    if (left != 0) in.fail("the extents are less than the file");
}

void skip_lists(WireReader& in) {
    const std::size_t count = in.count(kMaxBlob, kLeastList);
    if (count == 0) in.fail("a file has no extents");
    for (std::size_t i = 0; i < count && in.ok(); ++i) read_blob_ref(in);
}

void read_content(WireReader& in, EntryView& entry) {
    entry.size = in.varint(std::numeric_limits<std::int64_t>::max());
    const std::uint8_t form = in.u8();
    if (form > static_cast<std::uint8_t>(FileContent::Form::ListInBlobs))
        return in.fail("the form of a file's content is not known");
    entry.form = static_cast<FileContent::Form>(form);
    if ((entry.form == FileContent::Form::Empty) != (entry.size == 0))
        return in.fail("a file's size and content disagree");
    if (entry.form >= FileContent::Form::Single) entry.sha256 = in.id<Sha256>();
    const std::uint8_t* const start = here(in);
    switch (entry.form) {
        case FileContent::Form::Empty: break;
        case FileContent::Form::Inline: entry.inline_bytes = in.raw(entry.size); break;
        case FileContent::Form::Single:
            if (entry.size > kMaxBlob) in.fail("a blob is too large");
            break;
        case FileContent::Form::List:
            skip_extents(in, entry.size);
            entry.extents = since(in, start);
            break;
        case FileContent::Form::ListInBlobs:
            skip_lists(in);
            entry.lists = since(in, start);
            break;
    }
}

void read_flagged(WireReader& in, std::uint64_t flags, EntryView& entry) {
    entry.changed_while_read = (flags & kFlagChanged) != 0;
    entry.hard_link = (flags & kFlagHardLink) != 0;
    if (entry.hard_link) {
        entry.device_index = read_u32(in);
        entry.link_count = in.varint();
    }
    if ((flags & kFlagInodeFlags) != 0) entry.inode_flags = read_u32(in);
    if ((flags & kFlagXattrs) != 0) {
        const std::uint8_t* const start = here(in);
        skip_xattrs(in);
        entry.xattrs = since(in, start);
    }
    entry.xattrs_in_blob = (flags & kFlagXattrBlob) != 0;
    if (entry.xattrs_in_blob) {
        if ((flags & kFlagXattrs) != 0) in.fail("extended attributes stand in two places");
        entry.xattr_blob = read_blob_ref(in);
        if (entry.xattr_blob.length > kMaxAttributesSize) in.fail("the extended attributes are too large");
    }
}

void read_of_kind(WireReader& in, EntryView& entry) {
    switch (entry.kind) {
        case EntryKind::File: read_content(in, entry); break;
        case EntryKind::Directory: entry.directory = read_dir_ref(in); break;
        case EntryKind::Symlink:
            entry.target = in.text(kMaxSymlinkTarget);
            if (entry.target.empty() || entry.target.find('\0') != std::string_view::npos)
                in.fail("a symbolic link's target is not a path");
            break;
        case EntryKind::CharDevice:
        case EntryKind::BlockDevice:
            entry.device_major = read_u32(in);
            entry.device_minor = read_u32(in);
            break;
        case EntryKind::Fifo:
        case EntryKind::Socket: break;
    }
}

void write_content(WireWriter& out, const Entry& entry) {
    const FileContent& content = entry.content;
    out.varint(entry.size);
    out.u8(static_cast<std::uint8_t>(content.form));
    if (content.form >= FileContent::Form::Single) out.id(content.sha256);
    switch (content.form) {
        case FileContent::Form::Empty:
        case FileContent::Form::Single: break;
        case FileContent::Form::Inline:
            DR_CHECK(content.inline_bytes.size() == entry.size);
            out.raw(content.inline_bytes);
            break;
        case FileContent::Form::List: write_extents(out, content.extents); break;
        case FileContent::Form::ListInBlobs:
            out.varint(content.lists.size());
            for (const BlobRef& list : content.lists) write_blob_ref(out, list);
            break;
    }
}

std::uint64_t flags_of(const Entry& entry) {
    return (entry.xattrs.empty() ? 0 : kFlagXattrs) | (entry.hard_link ? kFlagHardLink : 0) |
           (entry.inode_flags == 0 ? 0 : kFlagInodeFlags) | (entry.changed_while_read ? kFlagChanged : 0) |
           (entry.xattrs_in_blob ? kFlagXattrBlob : 0);
}

}  // namespace

bool is_entry_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxEntryName || name == "." || name == "..") return false;
    return std::memchr(name.data(), '/', name.size()) == nullptr &&
           std::memchr(name.data(), '\0', name.size()) == nullptr;
}

DirRef DirRefView::copy() const {
    return {.form = form,
            .inline_node = Bytes(inline_node.begin(), inline_node.end()),
            .node = node,
            .files = files,
            .bytes = bytes};
}

Entry EntryView::copy() const {
    Entry entry{.name = std::string{name},
                .kind = kind,
                .mode = mode,
                .uid = uid,
                .gid = gid,
                .mtime_seconds = mtime_seconds,
                .mtime_nanoseconds = mtime_nanoseconds,
                .ctime_seconds = ctime_seconds,
                .ctime_nanoseconds = ctime_nanoseconds,
                .inode = inode,
                .hard_link = hard_link,
                .device_index = device_index,
                .link_count = link_count,
                .changed_while_read = changed_while_read,
                .inode_flags = inode_flags,
                .xattrs = {},
                .xattrs_in_blob = xattrs_in_blob,
                .xattr_blob = xattr_blob,
                .size = size,
                .content = {},
                .directory = directory.copy(),
                .target = std::string{target},
                .device_major = device_major,
                .device_minor = device_minor};
    // The view has been checked: decoding the same bytes again cannot fail.
    if (!xattrs.empty()) entry.xattrs = decode_xattrs(xattrs).value();
    if (kind != EntryKind::File) return entry;
    entry.content.form = form;
    entry.content.inline_bytes.assign(inline_bytes.begin(), inline_bytes.end());
    entry.content.sha256 = form >= FileContent::Form::Single ? sha256 : dr::sha256(inline_bytes);
    if (!extents.empty()) entry.content.extents = decode_extents(extents).value();
    if (!lists.empty()) {
        WireReader in{lists};
        entry.content.lists.resize(in.count(kMaxBlob, kLeastList));
        for (BlobRef& list : entry.content.lists) list = read_blob_ref(in);
    }
    return entry;
}

void write_entry(WireWriter& out, const Entry& entry) {
    DR_CHECK(is_entry_name(entry.name));
    DR_CHECK(entry.xattrs.empty() || !entry.xattrs_in_blob);
    const std::uint64_t flags = flags_of(entry);
    out.text(entry.name);
    out.u8(static_cast<std::uint8_t>(entry.kind));
    out.varint(flags);
    out.varint(entry.mode);
    out.varint(entry.uid);
    out.varint(entry.gid);
    out.svarint(entry.mtime_seconds);
    out.varint(entry.mtime_nanoseconds);
    // Modulo 2^64, as the reader adds it again: file systems hand out any number.
    out.svarint(static_cast<std::int64_t>(static_cast<std::uint64_t>(entry.ctime_seconds) -
                                          static_cast<std::uint64_t>(entry.mtime_seconds)));
    out.varint(entry.ctime_nanoseconds);
    out.varint(entry.inode);
    if (entry.hard_link) {
        out.varint(entry.device_index);
        out.varint(entry.link_count);
    }
    if (entry.inode_flags != 0) out.varint(entry.inode_flags);
    if (!entry.xattrs.empty()) write_xattrs(out, entry.xattrs);
    if (entry.xattrs_in_blob) write_blob_ref(out, entry.xattr_blob);
    switch (entry.kind) {
        case EntryKind::File: write_content(out, entry); break;
        case EntryKind::Directory: write_dir_ref(out, entry.directory); break;
        case EntryKind::Symlink: out.text(entry.target); break;
        case EntryKind::CharDevice:
        case EntryKind::BlockDevice:
            out.varint(entry.device_major);
            out.varint(entry.device_minor);
            break;
        case EntryKind::Fifo:
        case EntryKind::Socket: break;
    }
}

void read_entry(WireReader& in, EntryView& entry) {
    entry = EntryView{};
    const std::uint8_t* const start = here(in);
    entry.name = in.text(kMaxEntryName);
    if (in.ok() && !is_entry_name(entry.name)) in.fail("a name is not allowed");
    const std::uint8_t kind = in.u8();
    if (kind < static_cast<std::uint8_t>(EntryKind::File) || kind > static_cast<std::uint8_t>(EntryKind::Socket)) {
        return in.fail("the kind of an entry is not known");
    }
    entry.kind = static_cast<EntryKind>(kind);
    const std::uint64_t flags = in.varint(kAllFlags);
    entry.mode = static_cast<std::uint32_t>(in.varint(07777));
    entry.uid = read_u32(in);
    entry.gid = read_u32(in);
    entry.mtime_seconds = in.svarint();
    entry.mtime_nanoseconds = read_nanoseconds(in);
    entry.ctime_seconds = static_cast<std::int64_t>(static_cast<std::uint64_t>(entry.mtime_seconds) +
                                                    static_cast<std::uint64_t>(in.svarint()));
    entry.ctime_nanoseconds = read_nanoseconds(in);
    entry.inode = in.varint();
    if (flags != 0) read_flagged(in, flags, entry);
    read_of_kind(in, entry);
    entry.encoded = since(in, start);
}

void write_dir_ref(WireWriter& out, const DirRef& ref) {
    out.u8(static_cast<std::uint8_t>(ref.form));
    if (ref.form == DirRef::Form::Inline) out.bytes(ref.inline_node);
    if (ref.form == DirRef::Form::Node) write_blob_ref(out, ref.node);
    out.varint(ref.files);
    out.varint(ref.bytes);
}

DirRefView read_dir_ref(WireReader& in) {
    DirRefView ref;
    const std::uint8_t form = in.u8();
    if (form > static_cast<std::uint8_t>(DirRef::Form::Node)) in.fail("the form of a directory is not known");
    if (!in.ok()) return ref;
    ref.form = static_cast<DirRef::Form>(form);
    if (ref.form == DirRef::Form::Inline) ref.inline_node = in.bytes(kMaxBlob);
    if (ref.form == DirRef::Form::Node) ref.node = read_blob_ref(in);
    ref.files = in.varint();
    ref.bytes = in.varint();
    if (ref.form == DirRef::Form::Empty && (ref.files != 0 || ref.bytes != 0))
        in.fail("an empty directory claims files");
    return ref;
}

Bytes encode_dir_ref(const DirRef& ref) {
    Bytes bytes;
    WireWriter out{bytes};
    write_dir_ref(out, ref);
    return bytes;
}

Result<DirRef> decode_dir_ref(ByteSpan bytes) {
    WireReader in{bytes};
    const DirRefView ref = read_dir_ref(in);
    DR_TRY(in.finish("the reference to a directory"));
    return ref.copy();
}

void write_extents(WireWriter& out, std::span<const Extent> extents) {
    out.varint(extents.size());
    for (const Extent& extent : extents) {
        out.u8(extent.hole ? kExtentHole : kExtentChunk);
        if (!extent.hole) out.id(extent.chunk);
        out.varint(extent.length);
    }
}

Result<std::vector<Extent>> decode_extents(ByteSpan bytes) {
    WireReader in{bytes};
    std::vector<Extent> extents;
    const std::size_t count = in.count(kMaxBlob, kLeastExtent);
    extents.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) extents.push_back(read_extent(in));
    DR_TRY(in.finish("the list of a file's extents"));
    return extents;
}

void write_xattrs(WireWriter& out, std::span<const ExtendedAttribute> xattrs) {
    out.varint(xattrs.size());
    for (const ExtendedAttribute& attribute : xattrs) {
        out.text(attribute.name);
        out.bytes(attribute.value);
    }
}

Result<std::vector<ExtendedAttribute>> decode_xattrs(ByteSpan bytes) {
    WireReader check{bytes};
    skip_xattrs(check);
    DR_TRY(check.finish("the extended attributes of an entry"));
    WireReader in{bytes};
    std::vector<ExtendedAttribute> xattrs(in.count(kMaxAttributesSize, kLeastXattr));
    for (ExtendedAttribute& attribute : xattrs) {
        attribute.name = in.text(kMaxEntryName);
        const ByteSpan value = in.bytes(kMaxAttributesSize);
        attribute.value.assign(value.begin(), value.end());
    }
    return xattrs;
}

Result<NodeReader> NodeReader::open(ByteSpan node) {
    NodeReader reader{node};
    WireReader& in = reader.in_;
    if (in.u8() != kNodeVersion) in.fail("the version of a node is not known");
    reader.level_ = in.u8();
    if (reader.level_ > kMaxNodeLevel) in.fail("a directory has too many levels");
    reader.left_ = in.count(kMaxNodeEntries, reader.level_ == 0 ? kLeastEntry : kLeastChild);
    if (in.ok() && reader.left_ == 0) in.fail("a node holds nothing");
    DR_TRY(in.check("a node of a directory"));
    return reader;
}

Result<bool> NodeReader::took(std::string_view name) {
    if (in_.ok() && !previous_.empty() && name <= previous_) in_.fail("names are not in order");
    previous_ = name;
    if (--left_ == 0) {
        DR_TRY(in_.finish("a node of a directory"));
    } else if (!in_.ok()) {
        DR_TRY(in_.check("a node of a directory"));
    }
    return true;
}

Result<bool> NodeReader::next(EntryView& entry) {
    DR_CHECK(level_ == 0);
    if (left_ == 0) return false;
    read_entry(in_, entry);
    return took(entry.name);
}

Result<bool> NodeReader::next(ChildView& child) {
    DR_CHECK(level_ > 0);
    if (left_ == 0) return false;
    child.first_name = in_.text(kMaxEntryName);
    if (in_.ok() && !is_entry_name(child.first_name)) in_.fail("a name is not allowed");
    child.node = read_blob_ref(in_);
    child.files = in_.varint();
    child.bytes = in_.varint();
    return took(child.first_name);
}

}  // namespace dr
