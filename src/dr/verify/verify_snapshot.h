#pragma once
// Verification of one snapshot: is it complete, is it what was written, does it come back?
//
//   manifest_ok       the root hashes to manifest_hash; every node of the tree opens and is well formed; the totals
//   agree;
//                     every blob is located in a live pack
//   sample_files_ok   the sampled files are read completely: every blob id and the SHA-256 of the whole file hold
//   decrypt_ok        nothing that was read failed to open
//   restore_smoke_ok  the smallest of the sample, up to kMaxSmoke, restored into a private directory, are what their
//                     SHA-256 says; where the smallest is larger, a part of it is what its blobs say
//
// With `packs` (verify --all) each of them is read in full first: with every blob of the tree in one of them, every
// byte of the snapshot has been proven then, and the SHA-256 of a sampled file is asked for only where the file comes
// back in the trial or has at most 16 MiB. Files that have content in a damaged pack are read one by one, to name those
// that suffer.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/base/time.h"
#include "dr/models/identifier.h"
#include "dr/models/verification_report.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"

namespace dr {

struct VerifyRequest {
    Identifier report_id;
    Identifier snapshot_id;
    Timestamp now;
    RecordHash commit_hash;  // seeds the choice of the sample
    Sha256 manifest_hash;    // of the commit
    std::array<std::uint8_t, 16> manifest_nonce{};
    std::uint64_t sample_count = 10;
    std::string scratch_directory;  // where the private directory is made: "/tmp"

    // --all: the packset of the snapshot, and what opens every frame of a pack, proves every blob and returns the bytes
    // read; Damaged where something is not what was written. Called from many threads.
    std::vector<PackId> packs;
    std::function<Result<std::uint64_t>(const PackId&)> verify_pack;
};

// Damage is found, not failed with: it is in the report's errors, naming pack, snapshot and the files that suffer.
// Fails with Cancelled, or with Io or NoSpace where the scratch directory cannot be used: asked before anything is
// read. Where it fails later, after damage was found, that is one of the report's errors: damage is never kept back.
Result<VerificationReport> verify_snapshot(const VerifyRequest& request, BlobSource& source, const DirRef& root,
                                           TaskPool& pool, Monitor& monitor);

}  // namespace dr
