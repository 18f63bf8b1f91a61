#pragma once
// When two entries hold the same, and when they are the same version.

#include "dr/repository/tree.h"

namespace dr {

// Kind and what is in it: bytes of a file, target of a link, number of a device. Directories have no content of their
// own here.
bool same_content(const Entry& a, const Entry& b);
// Owner, mode, mtime, extended attributes, inode flags. Not ctime and inode number: a restore cannot set them.
bool same_metadata(const Entry& a, const Entry& b);

}  // namespace dr
