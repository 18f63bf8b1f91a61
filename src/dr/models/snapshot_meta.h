#pragma once
// SnapshotMeta: what `list` shows of a snapshot without any key (SPEC 5). Signed; holds no file names.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"
#include "dr/models/storage_target.h"

namespace dr {

struct SnapshotMeta {
    Identifier snapshot_id;
    Identifier spec_id;
    Identifier tag;
    Timestamp created_at;  // microseconds in the document
    std::uint64_t total_bytes = 0;
    std::uint64_t file_count = 0;
    Sha256 manifest_hash;
    bool encrypted = true;
    Backend storage_backend = Backend::Local;
    std::string storage_path;

    // Extensions.
    std::optional<Timestamp> retain_until;  // not removed before; with `worm`, by nobody
    bool worm = false;
    std::uint64_t files_unreadable = 0;
    std::optional<Identifier> parent;  // the snapshot this one was compared with
    std::uint64_t record = 0;          // number of its record in the log
    std::optional<PublicKey> signed_by;
    Bytes signature;                    // empty: none
    std::optional<bool> signer_pinned;  // nothing: no pin to compare with

    bool operator==(const SnapshotMeta&) const = default;
};

// Both fail with BadRequest.
Result<SnapshotMeta> parse_snapshot_meta(std::string_view json);
Result<SnapshotMeta> read_snapshot_meta(const JsonValue& value);

void write(JsonWriter& json, const SnapshotMeta& meta);
std::string print(const SnapshotMeta& meta);

}  // namespace dr
