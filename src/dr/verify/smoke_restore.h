#pragma once
// The smoke restore: sampled files, restored by the real code into a private directory, looked at there, and removed.

#include <span>
#include <string>
#include <vector>

#include "dr/models/identifier.h"
#include "dr/verify/tree_check.h"

namespace dr {

struct SmokeRequest {
    BlobSource& source;
    TaskPool& pool;
    Monitor& monitor;
    Identifier snapshot_id;
    std::string scratch_directory;
};

// Whether smoke_restore() could work there: asked before anything is read, for hours of reading are not to end with a
// directory that was never there. Fails like smoke_restore().
Result<void> check_scratch_directory(const std::string& path);

// What is wrong, a sentence each; empty: all came back as it was. Of a large sample only as much as fits 64 MiB is
// restored, but at least one file. Fails with Io or NoSpace where the scratch directory cannot be used, or Cancelled.
Result<std::vector<std::string>> smoke_restore(const SmokeRequest& request, const DirRef& root,
                                               std::span<const SampledFile> sample);

}  // namespace dr
