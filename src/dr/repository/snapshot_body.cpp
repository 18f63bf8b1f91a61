#include "dr/repository/snapshot_body.h"

#include <algorithm>

#include "dr/codec/compress.h"
#include "dr/codec/wire.h"
#include "dr/crypto/sha256.h"
#include "dr/repository/tree_codec.h"

namespace dr {
namespace {

constexpr std::uint8_t kVersion = 1;
// No text of a body can be longer than the body: whatever fits is read back.
constexpr std::size_t kMaxText = kMaxBodyPlain;
constexpr std::size_t kMaxReason = 4096;
constexpr std::size_t kMaxSkipReasons = 1000;

Bytes encode_head(const SnapshotBody& body) {
    Bytes out;
    WireWriter wire{out};
    wire.u8(kVersion);
    wire.raw(body.manifest_nonce);
    write_dir_ref(wire, body.root);
    wire.text(body.source);
    wire.text(body.host);
    wire.text(body.spec);
    wire.i64(body.scan_start.nanoseconds());
    wire.u8(body.compression);
    wire.varint(body.entries);
    return out;
}

Bytes encode_skipped(const SnapshotBody& body) {
    Bytes out;
    WireWriter wire{out};
    wire.varint(body.skipped.size());
    for (const auto& [reason, count] : body.skipped) {
        wire.text(reason);
        wire.varint(count);
    }
    return out;
}

bool differ_in_unreadable_only(const SnapshotBody& a, SnapshotBody b) {
    b.unreadable = a.unreadable;
    return a == b;
}

}  // namespace

Result<Bytes> encode_snapshot_body(const SnapshotBody& body) {
    Bytes out = encode_head(body);
    const Bytes skipped = encode_skipped(body);
    if (out.size() + skipped.size() + kMaxVarintSize > kMaxBodyPlain) {
        return Error{ErrorCode::BadRequest, "the plan is too long to be kept with the snapshot"};
    }
    // As many unreadable files as fit: the count in the record's clear part says how many there were.
    Bytes listed;
    WireWriter list{listed};
    std::size_t count = 0;
    for (const auto& [path, reason] : body.unreadable) {
        const std::size_t size = path.size() + reason.size() + 2 * kMaxVarintSize;
        if (count == kMaxListedUnreadable || out.size() + skipped.size() + listed.size() + size > kMaxBodyPlain) break;
        list.text(path);
        list.text(std::string_view(reason).substr(0, kMaxReason));
        ++count;
    }
    WireWriter{out}.varint(count);
    append(out, listed);
    append(out, skipped);
    // A committed body that nobody can read would hide its snapshot from everybody and hold up every prune.
    const Result<SnapshotBody> back = decode_snapshot_body(out);
    if (!back.ok() || !differ_in_unreadable_only(back.value(), body)) {
        return Error{ErrorCode::BadRequest, "what describes the snapshot cannot be kept with it: " +
                                                (back.ok() ? "it would come back changed" : back.error().what())};
    }
    return out;
}

Result<SnapshotBody> decode_snapshot_body(ByteSpan plain) {
    WireReader wire{plain};
    SnapshotBody body;
    if (wire.u8() != kVersion) wire.fail("its version is not known");
    body.manifest_nonce = wire.array<16>();
    body.root = read_dir_ref(wire).copy();
    body.source = wire.text(kMaxText);
    body.host = wire.text(kMaxReason);
    body.spec = wire.text(kMaxText);
    body.scan_start = Timestamp{wire.i64()};
    body.compression = wire.u8();
    if (body.compression > kMaxCompressionLevel && body.compression != kLevelByContent)
        wire.fail("its compression is none that there is");
    body.entries = wire.varint();
    for (std::size_t left = wire.count(kMaxListedUnreadable, 2); wire.ok() && left > 0; --left) {
        std::string path{wire.text(kMaxText)};
        body.unreadable.emplace_back(std::move(path), wire.text(kMaxReason));
    }
    for (std::size_t left = wire.count(kMaxSkipReasons, 2); wire.ok() && left > 0; --left) {
        std::string reason{wire.text(kMaxReason)};
        body.skipped.emplace_back(std::move(reason), wire.varint());
    }
    DR_TRY(wire.finish("the body of the snapshot"));
    return body;
}

Sha256 manifest_hash(ByteSpan manifest_nonce, const DirRef& root) {
    Sha256Stream stream;
    stream.update(as_bytes("qnwis-dr/1/manifest"));
    stream.update(manifest_nonce);
    stream.update(encode_dir_ref(root));
    return stream.finish();
}

}  // namespace dr
