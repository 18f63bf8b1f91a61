#pragma once
// The manifest of a snapshot as documents: SPEC 5's JSON, and lines for `sha256sum -c`. Streamed: memory does not grow
// with the tree.

#include "dr/base/monitor.h"
#include "dr/models/manifest.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

// Regular files in tree order. Fails with Damaged, Cancelled or what `sink` fails with.
Result<void> export_manifest_json(BlobSource& source, const DirRef& root, const ManifestHeader& header,
                                  JsonLayout layout, Monitor& monitor, const JsonWriter::Sink& sink);
Result<void> export_manifest_sha256sum(BlobSource& source, const DirRef& root, Monitor& monitor,
                                       const JsonWriter::Sink& sink);

}  // namespace dr
