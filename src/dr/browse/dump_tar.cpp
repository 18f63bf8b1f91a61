#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>

#include "dr/browse/dump.h"
#include "dr/browse/list.h"
#include "dr/repository/tree_reader.h"
#include "dr/restore/link_groups.h"

namespace dr {
namespace {

constexpr std::size_t kMaxLinkGroups = 1'000'000;
constexpr std::uint64_t kRecord = 512;

struct FreeArchive {
    void operator()(archive* tar) const { archive_write_free(tar); }
};
struct FreeEntry {
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using EntryPtr = std::unique_ptr<archive_entry, FreeEntry>;

mode_t type_of(EntryKind kind) {
    switch (kind) {
        case EntryKind::File: return AE_IFREG;
        case EntryKind::Directory: return AE_IFDIR;
        case EntryKind::Symlink: return AE_IFLNK;
        case EntryKind::Fifo: return AE_IFIFO;
        case EntryKind::CharDevice: return AE_IFCHR;
        case EntryKind::BlockDevice: return AE_IFBLK;
        case EntryKind::Socket: return AE_IFSOCK;
    }
    return 0;
}

std::uint32_t le(ByteSpan bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[at + i];
    return value;
}

// The binary form of an ACL as Linux keeps it: u32 version 2, then { u16 tag, u16 permissions, u32 id }*.
void add_acl(archive_entry* entry, int type, ByteSpan acl) {
    if (acl.size() < 4 || le(acl, 0, 4) != 2 || (acl.size() - 4) % 8 != 0) return;
    for (std::size_t at = 4; at < acl.size(); at += 8) {
        static const std::map<std::uint32_t, int> kTags{
            {1, ARCHIVE_ENTRY_ACL_USER_OBJ}, {2, ARCHIVE_ENTRY_ACL_USER},  {4, ARCHIVE_ENTRY_ACL_GROUP_OBJ},
            {8, ARCHIVE_ENTRY_ACL_GROUP},    {16, ARCHIVE_ENTRY_ACL_MASK}, {32, ARCHIVE_ENTRY_ACL_OTHER}};
        const auto tag = kTags.find(le(acl, at, 2));
        if (tag == kTags.end()) return;
        const bool named = tag->second == ARCHIVE_ENTRY_ACL_USER || tag->second == ARCHIVE_ENTRY_ACL_GROUP;
        const int id = named ? static_cast<int>(le(acl, at + 4, 4)) : -1;
        archive_entry_acl_add_entry(entry, type, static_cast<int>(le(acl, at + 2, 2) & 7), tag->second, id, nullptr);
    }
}

class TarWriter {
public:
    TarWriter(BlobSource& source, Monitor& monitor, const ByteSink& sink)
        : source_(source), monitor_(monitor), sink_(sink) {}

    Result<void> open() {
        tar_.reset(archive_write_new());
        if (!tar_) return Error{ErrorCode::Io, "cannot make an archive"};
        archive_write_set_format_pax(tar_.get());
        // The form of attributes that GNU tar reads; libarchive's own beside it would only make it complain.
        archive_write_set_options(tar_.get(), "xattrheader=SCHILY");
        const auto write = [](archive*, void* self, const void* bytes, std::size_t size) -> la_ssize_t {
            static_cast<TarWriter*>(self)->put({static_cast<const std::uint8_t*>(bytes), size});
            return static_cast<la_ssize_t>(size);
        };
        return check(archive_write_open(tar_.get(), this, nullptr, write, nullptr));
    }

    Result<void> add(const std::string& path, const Entry& entry) {
        if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "the dump was interrupted"};
        if (entry.kind == EntryKind::Socket) {
            monitor_.warning(path, Error{ErrorCode::Unsupported, "a socket has no place in a tar archive"});
            return {};
        }
        const EntryPtr header{archive_entry_new()};
        fill(header.get(), path, entry);
        if (const std::string* first = first_name(path, entry)) {
            archive_entry_copy_hardlink(header.get(), first->c_str());
            archive_entry_unset_size(header.get());
            return check(archive_write_header(tar_.get(), header.get()));
        }
        DR_TRY(add_attributes(header.get(), entry));
        if (entry.kind == EntryKind::File) DR_TRY(add_sparse_map(header.get(), entry));
        DR_TRY(check(archive_write_header(tar_.get(), header.get())));
        if (entry.kind != EntryKind::File) return {};
        DR_TRY(dump_file(source_, entry, [this](ByteSpan bytes) -> Result<void> {
            while (!bytes.empty()) {
                const la_ssize_t put = archive_write_data(tar_.get(), bytes.data(), bytes.size());
                if (put <= 0 || !sink_status_.ok()) return failure();
                bytes = bytes.subspan(static_cast<std::size_t>(put));
            }
            return {};
        }));
        return check(archive_write_finish_entry(tar_.get()));
    }

    // An archive that was not finished must not get its end: it would look complete.
    ~TarWriter() { abandoned_ = true; }
    TarWriter(const TarWriter&) = delete;
    TarWriter& operator=(const TarWriter&) = delete;

    Result<void> finish() { return check(archive_write_close(tar_.get())); }

private:
    // A failure is kept here and asked for by check(): libarchive, told of it, would not free its buffers.
    void put(ByteSpan bytes) {
        if (sink_status_.ok() && !abandoned_) sink_status_ = sink_(bytes);
    }

    Error failure() const {
        if (!sink_status_.ok()) return sink_status_.error();
        const char* why = archive_error_string(tar_.get());
        return Error{ErrorCode::Io,
                     std::string{"cannot write the archive: "} + (why != nullptr ? why : "no reason given")};
    }
    Result<void> check(int code) const {
        // A warning is that of a name that is not text in the locale: it is then written as bytes, and said to be
        // (hdrcharset=BINARY).
        if (sink_status_.ok() && (code == ARCHIVE_OK || code == ARCHIVE_WARN)) return {};
        return failure();
    }

    static void fill(archive_entry* header, const std::string& path, const Entry& entry) {
        archive_entry_copy_pathname(header, path.c_str());
        archive_entry_set_mode(header, type_of(entry.kind) | (entry.mode & 07777));
        archive_entry_set_uid(header, entry.uid);
        archive_entry_set_gid(header, entry.gid);
        archive_entry_set_mtime(header, entry.mtime_seconds, static_cast<long>(entry.mtime_nanoseconds));
        archive_entry_set_size(header, entry.kind == EntryKind::File ? static_cast<la_int64_t>(entry.size) : 0);
        if (entry.kind == EntryKind::Symlink) archive_entry_copy_symlink(header, entry.target.c_str());
        if (entry.kind == EntryKind::CharDevice || entry.kind == EntryKind::BlockDevice) {
            archive_entry_set_rdev(header, makedev(entry.device_major, entry.device_minor));
        }
    }

    // The name under which this file is in the archive already.
    const std::string* first_name(const std::string& path, const Entry& entry) {
        if (!entry.hard_link || entry.kind != EntryKind::File) return nullptr;
        const std::uint64_t key = entry.inode * 0x9e3779b97f4a7c15ULL + entry.device_index;
        const auto known = first_names_.find(key);
        if (known != first_names_.end() && known->second.sha256 == content_hash(entry) &&
            known->second.size == entry.size)
            return &known->second.path;
        if (known == first_names_.end() && first_names_.size() < kMaxLinkGroups)
            first_names_[key] = {path, content_hash(entry), entry.size};
        return nullptr;
    }

    Result<void> add_attributes(archive_entry* header, const Entry& entry) {
        if (entry.xattrs.empty() && !entry.xattrs_in_blob) return {};
        for (const ExtendedAttribute& attribute : DR_TRY(xattrs_of(source_, entry))) {
            if (attribute.name == "system.posix_acl_access")
                add_acl(header, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, attribute.value);
            else if (attribute.name == "system.posix_acl_default")
                add_acl(header, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, attribute.value);
            else
                archive_entry_xattr_add_entry(header, attribute.name.c_str(), attribute.value.data(),
                                              attribute.value.size());
        }
        return {};
    }

    // Where data is, in whole records of tar: GNU tar reads each piece of a sparse file from such a record on.
    Result<void> add_sparse_map(archive_entry* header, const Entry& entry) {
        bool has_hole = false;
        std::vector<DataRange> data;
        ContentReader content = content_of(source_, entry);
        while (const std::optional<ContentPiece> piece = DR_TRY(content.next())) {
            has_hole |= piece->kind == ContentPiece::Kind::Hole;
            if (piece->kind == ContentPiece::Kind::Hole) continue;
            const std::uint64_t begin = piece->offset / kRecord * kRecord;
            const std::uint64_t end =
                std::min(entry.size, (piece->offset + piece->length + kRecord - 1) / kRecord * kRecord);
            if (!data.empty() && data.back().end >= begin)
                data.back().end = end;
            else
                data.push_back({begin, end});
        }
        if (!has_hole) return {};
        // A file that is one hole: an empty map would mean that it has none.
        if (data.empty()) data.push_back({entry.size, entry.size});
        for (const DataRange& range : data) {
            archive_entry_sparse_add_entry(header, static_cast<la_int64_t>(range.begin),
                                           static_cast<la_int64_t>(range.end - range.begin));
        }
        return {};
    }

    struct DataRange {
        std::uint64_t begin;
        std::uint64_t end;
    };
    struct FirstName {
        std::string path;
        Sha256 sha256;
        std::uint64_t size = 0;
    };

    BlobSource& source_;
    Monitor& monitor_;
    const ByteSink& sink_;
    Result<void> sink_status_;
    bool abandoned_ = false;
    std::unique_ptr<archive, FreeArchive> tar_;
    std::unordered_map<std::uint64_t, FirstName> first_names_;
};

}  // namespace

Result<void> dump_tar(BlobSource& source, const DirRef& root, const RelativePath& path, Monitor& monitor,
                      const ByteSink& sink) {
    TarWriter writer{source, monitor, sink};
    DR_TRY(writer.open());
    std::size_t cut = 0;  // of the paths: the archive starts at the last component of what was asked for
    if (!path.is_root()) {
        const Entry top = DR_TRY(entry_at(source, root, path));
        cut = path.bytes().size() - path.name().size();
        // list_entries() gives what is not a directory itself.
        if (top.kind == EntryKind::Directory) DR_TRY(writer.add(std::string{path.name()}, top));
    }
    DR_TRY(list_entries(source, root, path, true,
                        [&](const std::string& at, const Entry& entry) { return writer.add(at.substr(cut), entry); }));
    return writer.finish();
}

}  // namespace dr
