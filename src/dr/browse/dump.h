#pragma once
// dump: one file as it is, or a subtree as a pax tar, to a sink.

#include <functional>

#include "dr/base/monitor.h"
#include "dr/base/result.h"
#include "dr/models/relative_path.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

using ByteSink = std::function<Result<void>(ByteSpan)>;

// The content of a file, in order, every blob checked; holes as zeros. Fails with Damaged or what `sink` fails with
// (then what was written so far is a correct beginning).
Result<void> dump_file(BlobSource& source, const Entry& file, const ByteSink& sink);

// `path` and everything below it as a pax archive with owners, nanosecond times, xattrs, ACLs, sparse maps and hard
// links. Names start at `path`'s last component; the root's at its entries. Sockets are left out and warned of. Fails
// with NotFound, Damaged, Cancelled, or what `sink` fails with.
Result<void> dump_tar(BlobSource& source, const DirRef& root, const RelativePath& path, Monitor& monitor,
                      const ByteSink& sink);

}  // namespace dr
