#pragma once
// The smoke restore: sampled files, restored by the real code into a private directory, hashed there, and removed. What
// came back with the SHA-256 that the snapshot promises needs no other proof: it is read from the repository once.

#include <cstdint>
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

struct SmokeOutcome {
    std::vector<std::string> problems;  // a sentence each; empty: all that was tried came back as it was
    std::vector<bool> proven;           // of each sampled file: all of it came back, and hashes to its SHA-256
    std::uint64_t files = 0;            // that were restored
    std::uint64_t bytes = 0;            // of them
};

// Tries the smallest of the sample that together fit kMaxSmoke; where not even one does, a part of it, which is
// compared blob by blob. Fails with Io or NoSpace where the scratch directory cannot be used, or Cancelled.
inline constexpr std::uint64_t kMaxSmoke = 64ULL << 20;
Result<SmokeOutcome> smoke_restore(const SmokeRequest& request, const DirRef& root,
                                   std::span<const SampledFile> sample);

}  // namespace dr
