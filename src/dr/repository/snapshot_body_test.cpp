#include "dr/repository/snapshot_body.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

SnapshotBody example() {
    SnapshotBody body;
    body.manifest_nonce.fill(7);
    body.root.form = DirRef::Form::Node;
    body.root.node = {BlobId::from(Bytes(32, 3)), 1234};
    body.root.files = 5;
    body.root.bytes = 678;
    body.source = "/app";
    body.host = "primary";
    body.spec = R"({"spec_id":"x"})";
    body.scan_start = Timestamp::from_seconds(1'800'000'000);
    body.compression = 1;
    body.entries = 9;
    body.unreadable = {{"a\nb", "permission denied"}};
    body.skipped = {{"secret", 3}};
    return body;
}

TEST(SnapshotBody, ComesBackAsItWas) {
    EXPECT_EQ(decode_snapshot_body(encode_snapshot_body(example()).value()).value(), example());
}

TEST(SnapshotBody, EveryTruncationIsDamaged) {
    const Bytes whole = encode_snapshot_body(example()).value();
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(decode_snapshot_body(ByteSpan{whole}.first(size)).error().code(), ErrorCode::Damaged) << size;
}

TEST(SnapshotBody, ALongListOfUnreadableFilesIsCutNotRefused) {
    SnapshotBody body = example();
    body.unreadable.assign(5000, {std::string(3000, 'p'), "gone"});
    const Bytes encoded = encode_snapshot_body(body).value();
    EXPECT_LE(encoded.size(), kMaxBodyPlain);
    EXPECT_GT(decode_snapshot_body(encoded).value().unreadable.size(), 100U);
    body.unreadable.assign(5000, {"p", "gone"});
    EXPECT_EQ(decode_snapshot_body(encode_snapshot_body(body).value()).value().unreadable.size(), kMaxListedUnreadable);
}

TEST(SnapshotBody, APlanThatDoesNotFitIsRefused) {
    SnapshotBody body = example();
    body.spec.assign(kMaxBodyPlain, 'x');
    EXPECT_EQ(encode_snapshot_body(body).error().code(), ErrorCode::BadRequest);
}

// Whatever is encoded must decode: a snapshot with a body that does not is lost, and holds up every prune.
TEST(SnapshotBody, APlanOfAnyLengthThatIsTakenComesBack) {
    SnapshotBody body = example();
    std::size_t taken = 0;
    for (const std::size_t size : {200'000, 262'144, 262'145, 300'000, 400'000, 449'000, 449'900, 460'000}) {
        body.spec.assign(size, 'x');
        const Result<Bytes> encoded = encode_snapshot_body(body);
        if (!encoded.ok()) continue;
        ++taken;
        const Result<SnapshotBody> decoded = decode_snapshot_body(encoded.value());
        ASSERT_TRUE(decoded.ok()) << size << ": " << decoded.error().one_line();
        EXPECT_EQ(decoded.value().spec.size(), size);
    }
    EXPECT_GE(taken, 6U);
}

TEST(SnapshotBody, WhatCouldNotBeReadBackIsRefused) {
    SnapshotBody body = example();
    body.host.assign(5000, 'h');
    EXPECT_EQ(encode_snapshot_body(body).error().code(), ErrorCode::BadRequest);
    body = example();
    body.skipped.assign(1001, {"why", 1});
    EXPECT_EQ(encode_snapshot_body(body).error().code(), ErrorCode::BadRequest);
    body = example();
    body.skipped = {{std::string(5000, 'r'), 1}};
    EXPECT_EQ(encode_snapshot_body(body).error().code(), ErrorCode::BadRequest);
    body = example();
    body.unreadable = {{std::string(300'000, 'p'), std::string(5000, 'r')}};
    EXPECT_TRUE(decode_snapshot_body(encode_snapshot_body(body).value()).ok());
}

TEST(SnapshotBody, TheManifestHashDependsOnNonceAndRoot) {
    const SnapshotBody body = example();
    SnapshotBody other = body;
    other.root.bytes += 1;
    EXPECT_NE(manifest_hash(body.manifest_nonce, body.root), manifest_hash(other.manifest_nonce, other.root));
    other = body;
    other.manifest_nonce[0] ^= 1;
    EXPECT_NE(manifest_hash(body.manifest_nonce, body.root), manifest_hash(other.manifest_nonce, other.root));
}

}  // namespace
}  // namespace dr
