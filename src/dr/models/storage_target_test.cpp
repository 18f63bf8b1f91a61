#include "dr/models/storage_target.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

Result<StorageTarget> with(std::string_view fields) {
    return parse_storage_target(R"({"target_id": "t", "backend": "local", "base_path": "/b")" + std::string(fields) +
                                "}");
}

TEST(StorageTarget, CompressionIsANameALevelOrAYesNo) {
    EXPECT_EQ(with("").value().compression, "zstd");
    EXPECT_EQ(with(", \"compression\": true").value().compression, "zstd");
    EXPECT_EQ(with(", \"compression\": false").value().compression, "none");
    EXPECT_EQ(with(", \"compression\": \"none\"").value().compression, "none");
    EXPECT_EQ(with(", \"compression\": \"zstd:19\"").value().compression, "zstd:19");
    for (const char* bad : {"lz4", "zstd:", "zstd:0", "zstd:20", "zstd:-1", "zstd:03", "zstd:1x"}) {
        EXPECT_FALSE(with(", \"compression\": \"" + std::string(bad) + "\"").ok()) << bad;
    }
    EXPECT_FALSE(with(", \"compression\": 3").ok());
}

TEST(StorageTarget, OptionsAreTexts) {
    EXPECT_EQ(with(R"(, "options": {"b": "2", "a": "1"})").value().options.size(), 2U);
    EXPECT_FALSE(with(R"(, "options": {"b": 2})").ok());
    EXPECT_FALSE(with(R"(, "options": {"b c": "2"})").ok());
    EXPECT_FALSE(with(R"(, "options": [])").ok());
    std::string many = R"(, "options": {"x": "")";
    for (int i = 0; i < 256; ++i) many += ", \"o" + std::to_string(i) + "\": \"\"";
    EXPECT_FALSE(with(many + "}").ok());
}

TEST(StorageTarget, BackendsHaveOneNameEach) {
    for (const Backend backend : {Backend::Local, Backend::Archive, Backend::ObjectStore}) {
        EXPECT_EQ(parse_backend(name_of(backend)).value(), backend);
    }
    EXPECT_EQ(parse_backend("S3").error().what(),
              "backend must be one of 'local', 'archive', 'object_store', not 'S3'");
}

}  // namespace
}  // namespace dr
