#pragma once
// Records of the log (FORMAT 9): what they say, and their bytes.
//
// A record has one encoding, so its hash and its signature are over facts, not over spellings. Decoding is for hostile
// bytes: it returns Damaged and nothing half read. What a record means is decided by replay.h.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/crypto/sign.h"
#include "dr/models/identifier.h"

namespace dr {

inline constexpr std::size_t kMaxRecordBody = 500'000;
inline constexpr std::size_t kMaxRecordFile = std::size_t{1} << 20;
inline constexpr std::size_t kMaxReason = 4096;  // reasons and actor names
inline constexpr std::size_t kMaxSlotId = 64;

enum class RecordType : std::uint8_t {
    Genesis = 1,
    KeyGrant,
    KeySlot,
    KeyRing,
    Open,
    Refresh,
    Commit,
    Close,
    Abandon,
    Forget,
    Tighten,
    Condemn,
    Reap,
    Swept,
    Runs,
    Damaged,
    Verified,
    Hold,
    Release,
    LockExtend,
    AdminVoid,
    AdminRollback,
};
// "commit", "key.grant", …; "type 99" for those this version does not know.
std::string name_of(RecordType type);

// What an actor may do: a set of these bits.
namespace role {
inline constexpr std::uint32_t kBackup = 1, kForget = 2, kGc = 4, kAdmin = 8, kReplicate = 16, kAll = 31;
}

struct SnapshotId {
    std::array<std::uint8_t, 16> bytes{};
    std::string hex() const { return to_hex(bytes); }
    auto operator<=>(const SnapshotId&) const = default;
};

struct PackEntry {
    PackId id;
    std::uint8_t pack_class = 0;
    std::uint64_t size = 0;
    bool operator==(const PackEntry&) const = default;
};

struct RecordLists {
    std::vector<PackEntry> packs;
    std::vector<PackId> runs_added;
    std::vector<PackId> runs_removed;
    std::vector<PackId> newrefs;
    std::vector<PackId> rescue;
    bool empty() const {
        return packs.empty() && runs_added.empty() && runs_removed.empty() && newrefs.empty() && rescue.empty();
    }
    bool operator==(const RecordLists&) const = default;
};

enum class SessionKind : std::uint8_t { Write = 1, Read = 2, Gc = 3 };

struct Genesis {
    static constexpr RecordType kType = RecordType::Genesis;
    Sha256 repository_json;
    std::array<std::uint8_t, 32> chunker_commitment{};
    std::uint8_t arbitration = 1;
    std::array<std::uint8_t, 16> random{};
    bool operator==(const Genesis&) const = default;
};
struct KeyGrant {
    static constexpr RecordType kType = RecordType::KeyGrant;
    PublicKey actor;
    std::uint32_t roles = 0;  // 0 withdraws
    std::string name;
    bool operator==(const KeyGrant&) const = default;
};
struct KeySlot {
    static constexpr RecordType kType = RecordType::KeySlot;
    bool add = true;
    std::string slot_id;
    PublicKey slot_public;
    Sha256 slot_file;
    bool operator==(const KeySlot&) const = default;
};
struct KeyRing {
    static constexpr RecordType kType = RecordType::KeyRing;
    std::uint32_t number = 0;
    Sha256 ring_file;
    bool operator==(const KeyRing&) const = default;
};
struct Open {
    static constexpr RecordType kType = RecordType::Open;
    SessionKind kind = SessionKind::Write;
    std::uint64_t parent = 0;  // seq of a commit; 0 none
    std::vector<std::uint64_t> adopts;
    bool operator==(const Open&) const = default;
};
struct Refresh {
    static constexpr RecordType kType = RecordType::Refresh;
    std::uint64_t session = 0;
    RecordLists lists;
    bool operator==(const Refresh&) const = default;
};
struct Commit {
    static constexpr RecordType kType = RecordType::Commit;
    std::uint64_t session = 0;
    SnapshotId snapshot_id;
    Identifier spec_id;
    Identifier tag;
    Timestamp created_at;
    std::uint64_t total_bytes = 0;
    std::uint64_t file_count = 0;
    std::uint64_t files_unreadable = 0;
    Sha256 manifest_hash;
    bool encrypted = true;
    std::uint32_t retention_days = 0;
    bool worm = false;
    Timestamp retain_until;  // 0 none
    bool closes = true;
    RecordLists lists;
    Bytes body;  // sealed, FORMAT 9 "Body"
    bool operator==(const Commit&) const = default;
};
struct Close {
    static constexpr RecordType kType = RecordType::Close;
    std::uint64_t session = 0;
    bool operator==(const Close&) const = default;
};
struct Abandon {
    static constexpr RecordType kType = RecordType::Abandon;
    std::uint64_t session = 0;
    bool operator==(const Abandon&) const = default;
};
struct Forgotten {
    std::uint64_t snapshot = 0;  // seq of its commit
    std::string reason;
    bool operator==(const Forgotten&) const = default;
};
struct Forget {
    static constexpr RecordType kType = RecordType::Forget;
    std::vector<Forgotten> snapshots;
    bool operator==(const Forget&) const = default;
};
struct Tighten {
    static constexpr RecordType kType = RecordType::Tighten;
    std::vector<std::uint64_t> snapshots;
    std::vector<PackId> packs;
    bool operator==(const Tighten&) const = default;
};
struct Condemn {
    static constexpr RecordType kType = RecordType::Condemn;
    std::uint64_t marked = 0;
    std::vector<PackId> packs;
    bool operator==(const Condemn&) const = default;
};
struct Reap {
    static constexpr RecordType kType = RecordType::Reap;
    std::vector<PackId> packs;
    bool operator==(const Reap&) const = default;
};
struct Swept {
    static constexpr RecordType kType = RecordType::Swept;
    std::vector<PackId> packs;
    bool operator==(const Swept&) const = default;
};
struct Runs {
    static constexpr RecordType kType = RecordType::Runs;
    std::vector<PackId> added;
    std::vector<PackId> removed;
    bool operator==(const Runs&) const = default;
};
struct DamagedPacks {
    static constexpr RecordType kType = RecordType::Damaged;
    std::vector<PackId> packs;
    bool operator==(const DamagedPacks&) const = default;
};
struct VerifiedPacks {
    static constexpr RecordType kType = RecordType::Verified;
    std::vector<PackId> packs;
    bool operator==(const VerifiedPacks&) const = default;
};
struct Hold {
    static constexpr RecordType kType = RecordType::Hold;
    std::uint64_t snapshot = 0;
    std::string reason;
    bool operator==(const Hold&) const = default;
};
struct Release {
    static constexpr RecordType kType = RecordType::Release;
    std::uint64_t snapshot = 0;
    std::string reason;
    bool operator==(const Release&) const = default;
};
struct LockExtend {
    static constexpr RecordType kType = RecordType::LockExtend;
    std::uint64_t snapshot = 0;
    Timestamp retain_until;
    bool operator==(const LockExtend&) const = default;
};
struct AdminVoid {
    static constexpr RecordType kType = RecordType::AdminVoid;
    std::uint64_t seq = 0;
    Sha256 file;
    bool operator==(const AdminVoid&) const = default;
};
struct AdminRollback {
    static constexpr RecordType kType = RecordType::AdminRollback;
    std::uint64_t seq = 0;
    RecordHash hash;
    bool operator==(const AdminRollback&) const = default;
};
// Of a type that this version does not know: kept for the chain, not understood.
struct UnknownPayload {
    std::uint8_t type = 0;
    Bytes bytes;
    bool operator==(const UnknownPayload&) const = default;
};

using RecordPayload = std::variant<Genesis, KeyGrant, KeySlot, KeyRing, Open, Refresh, Commit, Close, Abandon, Forget,
                                   Tighten, Condemn, Reap, Swept, Runs, DamagedPacks, VerifiedPacks, Hold, Release,
                                   LockExtend, AdminVoid, AdminRollback, UnknownPayload>;

struct LogRecord {
    bool required = true;  // a writer that does not know the type stops
    std::uint64_t seq = 0;
    RecordHash prev;
    Timestamp time;
    PublicKey actor;
    RecordPayload payload;
    Signature signature{};

    RecordType type() const;
    bool operator==(const LogRecord&) const = default;
};

// The body of `record`, signed: actor and signature become those of `key`. `repository` is zero for genesis. Fails with
// BadRequest when the body would exceed kMaxRecordBody or a text its limit.
Result<Bytes> encode_record(LogRecord& record, const SigningKey& key, const RepositoryId& repository);

// Damaged when `body` is not exactly one record. Says nothing about signature or place.
Result<LogRecord> decode_record(ByteSpan body);

// Whether the signature of `record`, decoded from `body`, is its actor's for this repository (zero for genesis). With a
// `key` that was made before: it must be the actor's.
bool verify_record(const LogRecord& record, ByteSpan body, const RepositoryId& repository);
bool verify_record(const LogRecord& record, ByteSpan body, const RepositoryId& repository, const VerifyKey& key);

RecordHash record_hash(ByteSpan body);

// The file of a record: the body twice, framed.
Bytes record_file(ByteSpan body);
// The body in a file of which one copy at most is damaged: a part of `file`. Damaged when both are.
Result<ByteSpan> body_in_file(ByteSpan file);

// "log/00000000000000000042"
std::string record_name(std::uint64_t seq);

}  // namespace dr
