#include "dr/repository/log_record.h"

#include <cstdio>

#include "dr/codec/crc32c.h"
#include "dr/codec/wire.h"
#include "dr/crypto/sha256.h"

namespace dr {
namespace {

constexpr std::uint8_t kBodyVersion = 1;
constexpr std::uint8_t kRequired = 1;
constexpr std::size_t kIdSize = 32;
constexpr std::size_t kCopyHeader = 16;
constexpr std::uint32_t kCopyMagic = 0x43455251;  // "QREC"
constexpr std::uint64_t kMaxCount = kMaxRecordBody;

// --- fields that several payloads have

void write_ids(WireWriter& out, const std::vector<PackId>& ids) {
    out.varint(ids.size());
    for (const PackId& id : ids) out.id(id);
}

std::vector<PackId> read_ids(WireReader& in) {
    const std::size_t count = in.count(kMaxCount, kIdSize);
    std::vector<PackId> ids;
    ids.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) ids.push_back(in.id<PackId>());
    return ids;
}

void write_numbers(WireWriter& out, const std::vector<std::uint64_t>& numbers) {
    out.varint(numbers.size());
    for (const std::uint64_t number : numbers) out.varint(number);
}

std::vector<std::uint64_t> read_numbers(WireReader& in) {
    const std::size_t count = in.count(kMaxCount);
    std::vector<std::uint64_t> numbers;
    numbers.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) numbers.push_back(in.varint());
    return numbers;
}

void write_lists(WireWriter& out, const RecordLists& lists) {
    out.varint(lists.packs.size());
    for (const PackEntry& pack : lists.packs) {
        out.id(pack.id);
        out.u8(pack.pack_class);
        out.varint(pack.size);
    }
    write_ids(out, lists.runs_added);
    write_ids(out, lists.runs_removed);
    write_ids(out, lists.newrefs);
    write_ids(out, lists.rescue);
}

RecordLists read_lists(WireReader& in) {
    RecordLists lists;
    const std::size_t count = in.count(kMaxCount, kIdSize + 2);
    lists.packs.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        PackEntry pack;
        pack.id = in.id<PackId>();
        pack.pack_class = in.u8();
        pack.size = in.varint();
        lists.packs.push_back(pack);
    }
    lists.runs_added = read_ids(in);
    lists.runs_removed = read_ids(in);
    lists.newrefs = read_ids(in);
    lists.rescue = read_ids(in);
    return lists;
}

// 0 or 1: any other byte would be a second spelling of the same record.
bool read_flag(WireReader& in) {
    const std::uint8_t value = in.u8();
    if (value > 1) in.fail("a flag is neither 0 nor 1");
    return value == 1;
}

// Empty, or what Identifier allows: these texts reach terminals and file names.
Identifier read_identifier(WireReader& in) {
    const std::string_view text = in.text(Identifier::kMaxLength);
    if (text.empty()) return {};
    Result<Identifier> identifier = Identifier::parse(text);
    if (identifier.ok()) return std::move(identifier).value();
    in.fail("an identifier has other characters than A-Z a-z 0-9 . _ -");
    return {};
}

std::string read_text(WireReader& in, std::size_t limit) { return std::string{in.text(limit)}; }

// --- one write and one read function for each payload, in the order of FORMAT 9

void write(WireWriter& out, const Genesis& genesis) {
    out.id(genesis.repository_json);
    out.raw(genesis.chunker_commitment);
    out.u8(genesis.arbitration);
    out.raw(genesis.random);
}
void read(WireReader& in, Genesis& genesis) {
    genesis.repository_json = in.id<Sha256>();
    genesis.chunker_commitment = in.array<32>();
    genesis.arbitration = in.u8();
    genesis.random = in.array<16>();
}

void write(WireWriter& out, const KeyGrant& grant) {
    out.id(grant.actor);
    out.varint(grant.roles);
    out.text(grant.name);
}
void read(WireReader& in, KeyGrant& grant) {
    grant.actor = in.id<PublicKey>();
    grant.roles = static_cast<std::uint32_t>(in.varint(role::kAll));
    grant.name = read_text(in, kMaxReason);
}

void write(WireWriter& out, const KeySlot& slot) {
    out.u8(slot.add ? 1 : 2);
    out.text(slot.slot_id);
    out.id(slot.slot_public);
    out.id(slot.slot_file);
}
void read(WireReader& in, KeySlot& slot) {
    const std::uint8_t operation = in.u8();
    if (operation != 1 && operation != 2) in.fail("a slot operation is neither add nor remove");
    slot.add = operation == 1;
    slot.slot_id = read_text(in, kMaxSlotId);
    if (!Identifier::parse(slot.slot_id).ok()) in.fail("a slot id has other characters than A-Z a-z 0-9 . _ -");
    slot.slot_public = in.id<PublicKey>();
    slot.slot_file = in.id<Sha256>();
}

void write(WireWriter& out, const KeyRing& ring) {
    out.varint(ring.number);
    out.id(ring.ring_file);
}
void read(WireReader& in, KeyRing& ring) {
    ring.number = static_cast<std::uint32_t>(in.varint(UINT32_MAX));
    ring.ring_file = in.id<Sha256>();
}

void write(WireWriter& out, const Open& open) {
    out.u8(static_cast<std::uint8_t>(open.kind));
    out.varint(open.parent);
    write_numbers(out, open.adopts);
}
void read(WireReader& in, Open& open) {
    const std::uint8_t kind = in.u8();
    if (kind < 1 || kind > 3) in.fail("a session kind is not known");
    open.kind = static_cast<SessionKind>(kind);
    open.parent = in.varint();
    open.adopts = read_numbers(in);
}

void write(WireWriter& out, const Refresh& refresh) {
    out.varint(refresh.session);
    write_lists(out, refresh.lists);
}
void read(WireReader& in, Refresh& refresh) {
    refresh.session = in.varint();
    refresh.lists = read_lists(in);
}

void write(WireWriter& out, const Commit& commit) {
    out.varint(commit.session);
    out.raw(commit.snapshot_id.bytes);
    out.text(commit.spec_id.text());
    out.text(commit.tag.text());
    out.i64(commit.created_at.nanoseconds());
    out.varint(commit.total_bytes);
    out.varint(commit.file_count);
    out.varint(commit.files_unreadable);
    out.id(commit.manifest_hash);
    out.u8(commit.encrypted ? 1 : 0);
    out.varint(commit.retention_days);
    out.u8(commit.worm ? 1 : 0);
    out.i64(commit.retain_until.nanoseconds());
    out.u8(commit.closes ? 1 : 0);
    write_lists(out, commit.lists);
    out.bytes(commit.body);
}
void read(WireReader& in, Commit& commit) {
    commit.session = in.varint();
    commit.snapshot_id.bytes = in.array<16>();
    commit.spec_id = read_identifier(in);
    commit.tag = read_identifier(in);
    commit.created_at = Timestamp{in.i64()};
    commit.total_bytes = in.varint();
    commit.file_count = in.varint();
    commit.files_unreadable = in.varint();
    commit.manifest_hash = in.id<Sha256>();
    commit.encrypted = read_flag(in);
    commit.retention_days = static_cast<std::uint32_t>(in.varint(UINT32_MAX));
    commit.worm = read_flag(in);
    commit.retain_until = Timestamp{in.i64()};
    commit.closes = read_flag(in);
    commit.lists = read_lists(in);
    const ByteSpan body = in.bytes(kMaxRecordBody);
    commit.body.assign(body.begin(), body.end());
}

void write(WireWriter& out, const Close& close) { out.varint(close.session); }
void read(WireReader& in, Close& close) { close.session = in.varint(); }

void write(WireWriter& out, const Abandon& abandon) { out.varint(abandon.session); }
void read(WireReader& in, Abandon& abandon) { abandon.session = in.varint(); }

void write(WireWriter& out, const Forget& forget) {
    out.varint(forget.snapshots.size());
    for (const Forgotten& one : forget.snapshots) {
        out.varint(one.snapshot);
        out.text(one.reason);
    }
}
void read(WireReader& in, Forget& forget) {
    const std::size_t count = in.count(kMaxCount, 2);
    forget.snapshots.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        Forgotten one;
        one.snapshot = in.varint();
        one.reason = read_text(in, kMaxReason);
        forget.snapshots.push_back(std::move(one));
    }
}

void write(WireWriter& out, const Tighten& tighten) {
    write_numbers(out, tighten.snapshots);
    write_ids(out, tighten.packs);
}
void read(WireReader& in, Tighten& tighten) {
    tighten.snapshots = read_numbers(in);
    tighten.packs = read_ids(in);
}

void write(WireWriter& out, const Condemn& condemn) {
    out.varint(condemn.marked);
    write_ids(out, condemn.packs);
}
void read(WireReader& in, Condemn& condemn) {
    condemn.marked = in.varint();
    condemn.packs = read_ids(in);
}

void write(WireWriter& out, const Runs& runs) {
    write_ids(out, runs.added);
    write_ids(out, runs.removed);
}
void read(WireReader& in, Runs& runs) {
    runs.added = read_ids(in);
    runs.removed = read_ids(in);
}

void write(WireWriter& out, const LockExtend& extend) {
    out.varint(extend.snapshot);
    out.i64(extend.retain_until.nanoseconds());
}
void read(WireReader& in, LockExtend& extend) {
    extend.snapshot = in.varint();
    extend.retain_until = Timestamp{in.i64()};
}

void write(WireWriter& out, const AdminVoid& voided) {
    out.varint(voided.seq);
    out.id(voided.file);
}
void read(WireReader& in, AdminVoid& voided) {
    voided.seq = in.varint();
    voided.file = in.id<Sha256>();
}

void write(WireWriter& out, const AdminRollback& rollback) {
    out.varint(rollback.seq);
    out.id(rollback.hash);
}
void read(WireReader& in, AdminRollback& rollback) {
    rollback.seq = in.varint();
    rollback.hash = in.id<RecordHash>();
}

template <typename T>
concept OfPacks = std::is_same_v<T, Reap> || std::is_same_v<T, Swept> || std::is_same_v<T, DamagedPacks> ||
                  std::is_same_v<T, VerifiedPacks>;
void write(WireWriter& out, const OfPacks auto& payload) { write_ids(out, payload.packs); }
void read(WireReader& in, OfPacks auto& payload) { payload.packs = read_ids(in); }

template <typename T>
concept OfHold = std::is_same_v<T, Hold> || std::is_same_v<T, Release>;
void write(WireWriter& out, const OfHold auto& payload) {
    out.varint(payload.snapshot);
    out.text(payload.reason);
}
void read(WireReader& in, OfHold auto& payload) {
    payload.snapshot = in.varint();
    payload.reason = read_text(in, kMaxReason);
}

void write(WireWriter& out, const UnknownPayload& payload) { out.raw(payload.bytes); }

// --- the payload by its type

template <typename T>
RecordPayload read_as(WireReader& in) {
    T payload;
    read(in, payload);
    return payload;
}

using ReadPayload = RecordPayload (*)(WireReader&);
// By type, from 1.
constexpr std::array<ReadPayload, 22> kReaders{
    read_as<Genesis>,      read_as<KeyGrant>,      read_as<KeySlot>, read_as<KeyRing>, read_as<Open>,
    read_as<Refresh>,      read_as<Commit>,        read_as<Close>,   read_as<Abandon>, read_as<Forget>,
    read_as<Tighten>,      read_as<Condemn>,       read_as<Reap>,    read_as<Swept>,   read_as<Runs>,
    read_as<DamagedPacks>, read_as<VerifiedPacks>, read_as<Hold>,    read_as<Release>, read_as<LockExtend>,
    read_as<AdminVoid>,    read_as<AdminRollback>};

constexpr std::array<std::string_view, 22> kNames{
    "genesis",  "key.grant", "key.slot", "key.ring",    "open",       "refresh",       "commit", "close",
    "abandon",  "forget",    "tighten",  "condemn",     "reap",       "swept",         "runs",   "damaged",
    "verified", "hold",      "release",  "lock.extend", "admin.void", "admin.rollback"};

Result<void> check_texts(const RecordPayload& payload) {
    const auto fits = [](const std::string& text, std::size_t limit) -> Result<void> {
        if (text.size() <= limit) return {};
        return Error{ErrorCode::BadRequest, "a text of " + std::to_string(text.size()) + " bytes is longer than the " +
                                                std::to_string(limit) + " a record may hold"};
    };
    if (const auto* grant = std::get_if<KeyGrant>(&payload)) return fits(grant->name, kMaxReason);
    if (const auto* slot = std::get_if<KeySlot>(&payload)) return fits(slot->slot_id, kMaxSlotId);
    if (const auto* hold = std::get_if<Hold>(&payload)) return fits(hold->reason, kMaxReason);
    if (const auto* release = std::get_if<Release>(&payload)) return fits(release->reason, kMaxReason);
    if (const auto* forget = std::get_if<Forget>(&payload)) {
        for (const Forgotten& one : forget->snapshots) DR_TRY(fits(one.reason, kMaxReason));
    }
    return {};
}

// What an actor signs: bound to the repository, so that no record can be carried from one to another.
Bytes signed_message(const RepositoryId& repository, ByteSpan unsigned_body) {
    constexpr std::string_view kLabel = "qnwis-dr/1/record";
    Bytes message;
    message.reserve(kLabel.size() + kIdSize + unsigned_body.size());
    append(message, as_bytes(kLabel));
    append(message, repository.bytes());
    append(message, unsigned_body);
    return message;
}

}  // namespace

std::string name_of(RecordType type) {
    const std::size_t number = static_cast<std::size_t>(type);
    return number >= 1 && number <= kNames.size() ? std::string{kNames[number - 1]} : "type " + std::to_string(number);
}

RecordType LogRecord::type() const {
    if (const auto* unknown = std::get_if<UnknownPayload>(&payload)) return static_cast<RecordType>(unknown->type);
    // The alternatives stand in the order of the types.
    return static_cast<RecordType>(payload.index() + 1);
}

Result<Bytes> encode_record(LogRecord& record, const SigningKey& key, const RepositoryId& repository) {
    DR_TRY(check_texts(record.payload));
    record.actor = key.public_key();
    Bytes payload;
    WireWriter payload_out{payload};
    std::visit([&](const auto& of_type) { write(payload_out, of_type); }, record.payload);

    Bytes body;
    WireWriter out{body};
    out.u8(kBodyVersion);
    out.u8(static_cast<std::uint8_t>(record.type()));
    out.u8(record.required ? kRequired : 0);
    out.u8(0);
    out.u64(record.seq);
    out.id(record.prev);
    out.i64(record.time.nanoseconds());
    out.id(record.actor);
    out.bytes(payload);
    record.signature = key.sign(signed_message(repository, body));
    out.raw(record.signature);
    if (body.size() <= kMaxRecordBody) return body;
    return Error{ErrorCode::BadRequest, "a " + name_of(record.type()) + " record of " + std::to_string(body.size()) +
                                            " bytes is larger than the " + std::to_string(kMaxRecordBody) +
                                            " it may have"};
}

Result<LogRecord> decode_record(ByteSpan body) {
    constexpr std::string_view kWhat = "the log record";
    if (body.size() > kMaxRecordBody) return Error{ErrorCode::Damaged, "the log record is larger than any can be"};
    WireReader in{body};
    LogRecord record;
    if (in.u8() != kBodyVersion) in.fail("its version is not known");
    const std::uint8_t type = in.u8();
    const std::uint8_t flags = in.u8();
    if (type == 0 || (flags & ~kRequired) != 0 || in.u8() != 0) in.fail("a reserved byte is not zero");
    record.required = flags == kRequired;
    record.seq = in.u64();
    record.prev = in.id<RecordHash>();
    record.time = Timestamp{in.i64()};
    record.actor = in.id<PublicKey>();
    const ByteSpan payload = in.bytes(kMaxRecordBody);
    record.signature = in.array<64>();
    DR_TRY(in.finish(kWhat));

    if (type > kReaders.size()) {
        record.payload = UnknownPayload{type, Bytes(payload.begin(), payload.end())};
        return record;
    }
    WireReader payload_in{payload};
    record.payload = kReaders[type - 1U](payload_in);
    DR_TRY(payload_in.finish("the payload of the " + name_of(record.type()) + " record"));
    return record;
}

bool verify_record(const LogRecord& record, ByteSpan body, const RepositoryId& repository, const VerifyKey& key) {
    if (body.size() < record.signature.size() || key.public_key() != record.actor) return false;
    return key.verify(signed_message(repository, body.first(body.size() - record.signature.size())), record.signature);
}

bool verify_record(const LogRecord& record, ByteSpan body, const RepositoryId& repository) {
    const Result<VerifyKey> key = VerifyKey::create(record.actor);
    return key.ok() && verify_record(record, body, repository, key.value());
}

RecordHash record_hash(ByteSpan body) { return RecordHash{sha256(body).array()}; }

Bytes record_file(ByteSpan body) {
    Bytes file;
    file.reserve(2 * (kCopyHeader + body.size()));
    WireWriter out{file};
    for (int copy = 0; copy < 2; ++copy) {
        out.u32(kCopyMagic);
        out.u32(static_cast<std::uint32_t>(body.size()));
        out.u32(crc32c(body));
        out.u32(0);
        out.raw(body);
    }
    return file;
}

namespace {

// The body of the copy at the start of `bytes`; empty when it does not check.
ByteSpan copy_at(ByteSpan bytes) {
    WireReader in{bytes};
    const bool magic = in.u32() == kCopyMagic;
    const std::uint32_t length = in.u32();
    const std::uint32_t crc = in.u32();
    const bool reserved = in.u32() == 0;
    const ByteSpan body = in.raw(length);
    return in.ok() && magic && reserved && crc32c(body) == crc ? body : ByteSpan{};
}

}  // namespace

Result<ByteSpan> body_in_file(ByteSpan file) {
    if (file.size() <= kMaxRecordFile) {
        // Both copies are of one length, so the second starts in the middle whatever became of the first.
        for (const std::size_t start : {std::size_t{0}, file.size() / 2}) {
            if (const ByteSpan body = copy_at(file.subspan(start)); !body.empty()) return body;
        }
    }
    return Error{ErrorCode::Damaged, "both copies of the log record are damaged"};
}

std::string record_name(std::uint64_t seq) {
    std::array<char, 32> text{};
    (void)std::snprintf(text.data(), text.size(), "log/%020llu", static_cast<unsigned long long>(seq));
    return text.data();
}

}  // namespace dr
