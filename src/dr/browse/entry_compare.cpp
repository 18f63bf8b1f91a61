#include "dr/browse/entry_compare.h"

#include "dr/restore/link_groups.h"

namespace dr {

bool same_content(const Entry& a, const Entry& b) {
    if (a.kind != b.kind) return false;
    switch (a.kind) {
        case EntryKind::File: return a.size == b.size && content_hash(a) == content_hash(b);
        case EntryKind::Symlink: return a.target == b.target;
        case EntryKind::CharDevice:
        case EntryKind::BlockDevice: return a.device_major == b.device_major && a.device_minor == b.device_minor;
        default: return true;
    }
}

bool same_metadata(const Entry& a, const Entry& b) {
    return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.mtime_seconds == b.mtime_seconds &&
           a.mtime_nanoseconds == b.mtime_nanoseconds && a.inode_flags == b.inode_flags && a.xattrs == b.xattrs &&
           a.xattrs_in_blob == b.xattrs_in_blob && a.xattr_blob == b.xattr_blob;
}

}  // namespace dr
