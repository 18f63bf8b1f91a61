#pragma once
// VerificationReport: what was checked of a snapshot and how it went (SPEC 5).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"

namespace dr {

struct VerificationReport {
    static constexpr std::size_t kMaxErrors = 100'000;

    Identifier report_id;
    Identifier snapshot_id;
    Timestamp verified_at;
    bool manifest_ok = false;         // the tree is complete and hashes to manifest_hash
    bool sample_files_ok = false;     // the sampled files, or all of them, hash to what the manifest says
    bool decrypt_ok = false;          // everything read could be authenticated and decrypted
    bool restore_smoke_ok = false;    // a sample restored into a private directory is equal
    std::vector<std::string> errors;  // one sentence each, safe to print

    // Extensions.
    std::uint64_t files_checked = 0;
    std::uint64_t bytes_checked = 0;
    bool everything_read = false;      // --all
    std::uint64_t files_restored = 0;  // for restore_smoke_ok
    std::uint64_t bytes_restored = 0;  // theirs without holes; of a large file alone only a part

    bool passed() const { return manifest_ok && sample_files_ok && decrypt_ok && restore_smoke_ok && errors.empty(); }
    bool operator==(const VerificationReport&) const = default;
};

// Fails with BadRequest.
Result<VerificationReport> parse_verification_report(std::string_view json);

void write(JsonWriter& json, const VerificationReport& report);
std::string print(const VerificationReport& report);

}  // namespace dr
