#pragma once
// The sealed part of a commit (FORMAT 9, "Body"): what only key holders may read of a snapshot.

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/repository/tree.h"

namespace dr {

inline constexpr std::size_t kMaxListedUnreadable = 1000;
inline constexpr std::size_t kMaxBodyPlain = 450'000;  // leaves room for the clear part of the record

struct SnapshotBody {
    std::array<std::uint8_t, 16> manifest_nonce{};
    DirRef root;
    std::string source;  // the workspace, as bytes
    std::string host;
    std::string spec;  // the plan as JSON
    Timestamp scan_start;
    std::uint8_t compression = 0;  // as level_for() takes it
    std::uint64_t entries = 0;
    std::vector<std::pair<std::string, std::string>> unreadable;  // path, reason
    std::vector<std::pair<std::string, std::uint64_t>> skipped;   // reason, count

    bool operator==(const SnapshotBody&) const = default;
};

// Shortens the list of unreadable files until the whole keeps kMaxBodyPlain. BadRequest where the rest alone exceeds it
// or a text its limit: what comes out is proven to decode.
Result<Bytes> encode_snapshot_body(const SnapshotBody& body);
Result<SnapshotBody> decode_snapshot_body(ByteSpan plain);  // Damaged

// SHA-256("qnwis-dr/1/manifest" ‖ manifest nonce ‖ DirRef root).
Sha256 manifest_hash(ByteSpan manifest_nonce, const DirRef& root);

}  // namespace dr
