#pragma once
// find: a path or a pattern across snapshots, with the versions of each match.
//
// A directory that is equal in several snapshots (equal DirRef at one path) is searched once.

#include <functional>
#include <span>

#include "dr/base/result.h"
#include "dr/models/glob.h"
#include "dr/models/identifier.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

struct FindRoot {
    Identifier snapshot_id;
    DirRef root;
};

// A path, one version of what was there, and the snapshots (places in the list, ascending) that hold this version.
struct FoundVersion {
    std::string path;
    Entry entry;
    std::vector<std::size_t> snapshots;
};

// Versions of one path come together, in the order of the first snapshot that holds each; paths in no stated order.
using FoundVisitor = std::function<Result<void>(const FoundVersion& version)>;

// Two entries are one version if kind, content and metadata other than ctime and inode number are equal. Fails with
// Damaged or what `visit` fails with.
Result<void> find_entries(BlobSource& source, std::span<const FindRoot> roots, const Glob& pattern,
                          const FoundVisitor& visit);

}  // namespace dr
