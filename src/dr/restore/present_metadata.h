#pragma once
// The metadata of what is in the target already, beside those of the snapshot.
//
// Compared is what a restore can put back: owner, mode, time, extended attributes (ACLs and capabilities among them)
// and the inode flags that people set. What only root can put back is no difference to others: otherwise the same
// restore would find it each time. Attributes that only the system sets and the snapshot does not know are no
// difference; what cannot be read cannot be told and is none either.

#include <sys/stat.h>

#include <string>
#include <vector>

#include "dr/base/result.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

enum class CompareTime : bool { No, Yes };  // whatever is made in a directory changes its time

// Of an open file or directory that `info` describes. Fails with Damaged where the snapshot's attributes cannot be
// read.
Result<bool> has_metadata_of(const Entry& entry, int fd, const struct stat& info, BlobSource& source, CompareTime time);
// Of what cannot or must not be opened: `entry.name` in an open directory.
Result<bool> unopened_has_metadata_of(const Entry& entry, int directory, const struct stat& info, BlobSource& source);

// Whether the snapshot's metadata may be put onto an open regular file that has the content, or only onto a new one.
// Whoever could write to it may still hold it open or mapped, and would decide what a file holds that is somebody
// else's by then, or runs with his rights. Fails with Damaged where the snapshot's attributes cannot be read.
Result<bool> may_be_given_metadata_of(const Entry& entry, int fd, const struct stat& info, BlobSource& source);

// Attributes of an open file or directory that the snapshot does not have and that people set: user.*, ACLs,
// capabilities.
Result<std::vector<std::string>> foreign_attributes(const Entry& entry, int fd, BlobSource& source);

// The inode flags of `flags` that are compared.
std::uint32_t compared_flags(std::uint32_t flags);

}  // namespace dr
