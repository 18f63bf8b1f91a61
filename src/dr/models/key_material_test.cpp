#include "dr/models/key_material.h"

#include <gtest/gtest.h>

#include "dr/base/hex.h"
#include "dr/models/snapshot_meta.h"

namespace dr {
namespace {

std::string key_file(std::string_view wrapped) {
    return R"({"key_id": "k", "algorithm": "a", "created_at": "2026-11-23T17:08:42Z", "rotated_at": null, "kms_key_id": "passphrase",
        "wrapped_key": ")" +
           std::string(wrapped) + "\"}";
}

TEST(KeyMaterial, HoldsBoundedBase64) {
    EXPECT_EQ(parse_key_material(key_file("AAEC")).value().wrapped_key, (Bytes{0, 1, 2}));
    EXPECT_FALSE(parse_key_material(key_file("AAE")).ok());
    EXPECT_FALSE(parse_key_material(key_file("")).ok());
    EXPECT_TRUE(parse_key_material(key_file(to_base64(Bytes(65'536)))).ok());
    EXPECT_FALSE(parse_key_material(key_file(to_base64(Bytes(65'537)))).ok());
    EXPECT_FALSE(parse_key_material(key_file(std::string(300'000, 'A'))).ok());
}

TEST(SnapshotMeta, ASignatureIsBase64) {
    const auto meta = [](std::string_view signature) {
        return parse_snapshot_meta(
            R"({"snapshot_id": "s", "spec_id": "p", "tag": "t", "created_at": "2026-11-23T17:08:42Z", "total_bytes": 0,
            "file_count": 0, "manifest_hash": ")" +
            std::string(64, '0') + R"(", "encrypted": true, "storage_backend": "local",
            "storage_path": "", "signature": )" +
            std::string(signature) + "}");
    };
    EXPECT_TRUE(meta("null").value().signature.empty());
    EXPECT_NE(print(meta("null").value()).find("\"signature\": null"), std::string::npos);
    EXPECT_FALSE(meta("\"?\"").ok());
}

}  // namespace
}  // namespace dr
