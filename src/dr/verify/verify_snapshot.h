#pragma once
// Verification of one snapshot: is it complete, is it what was written, does it come back?
//
//   manifest_ok       the root hashes to manifest_hash; every node of the tree opens and is well formed; the totals agree;
//                     every blob is located in a live pack
//   sample_files_ok   the sampled files are read completely: every blob id and the SHA-256 of the whole file hold
//   decrypt_ok        nothing that was read failed to open
//   restore_smoke_ok  the sample, restored into a private directory, is equal to what the snapshot says
//
// With `every_file` the sample is every file of the snapshot (not restored: the smoke restore keeps to `sample_count`).

#include <array>
#include <cstdint>
#include <string>

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
    RecordHash commit_hash;         // seeds the choice of the sample
    Sha256 manifest_hash;           // of the commit
    std::array<std::uint8_t, 16> manifest_nonce{};
    std::uint64_t sample_count = 10;
    bool every_file = false;
    std::string scratch_directory;  // where the private directory is made: "/tmp"
};

// Damage is found, not failed with: it is in the report's errors, naming pack, snapshot and the files that suffer. Fails with
// Cancelled, or Io where the scratch directory cannot be used.
Result<VerificationReport> verify_snapshot(const VerifyRequest& request, BlobSource& source, const DirRef& root,
                                           TaskPool& pool, Monitor& monitor);

// SHA-256("qnwis-dr/1/manifest" ‖ manifest nonce ‖ DirRef root), FORMAT 9.
Sha256 manifest_hash_of(ByteSpan manifest_nonce, const DirRef& root);

}  // namespace dr
