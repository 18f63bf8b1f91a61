#include "dr/storage/open_store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "dr/platform/sim/sim_random.h"

namespace dr {
namespace {

TEST(StorageLocation, PathsAndFileUrlsAreLocal) {
    EXPECT_EQ(parse_storage_location("/mnt/backups").value().path, "/mnt/backups");
    EXPECT_EQ(parse_storage_location("backups").value().path, "backups");
    EXPECT_EQ(parse_storage_location("a:b/c", "local").value().path, "a:b/c");
    EXPECT_EQ(parse_storage_location("file:///mnt/my%20backups%2f").value().path, "/mnt/my backups/");
    EXPECT_EQ(parse_storage_location("file:///mnt/x", "local").value().kind, StoreKind::Local);
}

TEST(StorageLocation, OtherStoresComeLater) {
    for (const char* url :
         {"s3://bucket/prefix", "azblob://container/x", "gs://bucket", "sftp://host/path", "rclone:remote:path"}) {
        const Error error = parse_storage_location(url).error();
        EXPECT_EQ(error.code(), ErrorCode::Unsupported) << url;
        EXPECT_NE(error.what().find("later version"), std::string::npos);
    }
    EXPECT_EQ(parse_storage_location("/mnt/x", "archive").error().code(), ErrorCode::Unsupported);
    EXPECT_EQ(parse_storage_location("/mnt/x", "object_store").error().code(), ErrorCode::Unsupported);
}

TEST(StorageLocation, WhatIsNoLocationIsWrongUsage) {
    for (const char* bad :
         {"", "ftp://host/x", "file://host/x", "file://", "file:///%zz", "file:///%00", "file:///%4"}) {
        EXPECT_EQ(parse_storage_location(bad).error().code(), ErrorCode::BadRequest) << bad;
    }
    EXPECT_EQ(parse_storage_location("/mnt/x", "cloud").error().code(), ErrorCode::BadRequest);
    EXPECT_EQ(parse_storage_location("s3://x", "local").error().code(), ErrorCode::BadRequest);
    EXPECT_EQ(parse_storage_location(std::string_view{"a\0b", 3}).error().code(), ErrorCode::BadRequest);
}

TEST(OpenStore, AMissingDirectoryIsNeverMadeByTheWay) {
    std::string scratch = (std::filesystem::temp_directory_path() / "dr-open-XXXXXX").string();
    ASSERT_NE(mkdtemp(scratch.data()), nullptr);
    const std::string path = scratch + "/backups";
    SeededRandom random{1};

    const Error missing = open_store(path, {}, random).error();
    EXPECT_EQ(missing.code(), ErrorCode::NotFound);
    EXPECT_EQ(missing.next_step(), "qnwis_dr init --storage-path " + path);
    EXPECT_FALSE(std::filesystem::exists(path));

    auto made = open_store(path, {.create = true, .backend = {}}, random);
    ASSERT_TRUE(made.ok()) << made.error().one_line();
    EXPECT_TRUE(std::filesystem::is_directory(path + "/checkpoints/pages"));
    EXPECT_TRUE(std::filesystem::is_directory(path + "/tmp"));
    EXPECT_EQ(made.value()->location(), path);
    EXPECT_TRUE(made.value()->list("").value().empty());
    EXPECT_TRUE(open_store("file://" + path, {}, random).ok());

    ASSERT_TRUE(made.value()->put_new("file", as_bytes("x"), Durability::Now).ok());
    EXPECT_FALSE(open_store(path + "/file", {}, random).ok());
    EXPECT_FALSE(open_store(path + "/file", {.create = true, .backend = {}}, random).ok());
    EXPECT_FALSE(open_store("s3://x", {}, random).ok());
    std::filesystem::remove_all(scratch);
}

TEST(OpenStore, APlaceHasOneNameHoweverItIsTyped) {
    std::string scratch =
        (std::filesystem::canonical(std::filesystem::temp_directory_path()) / "dr-open-XXXXXX").string();
    ASSERT_NE(mkdtemp(scratch.data()), nullptr);
    const std::string path = scratch + "/backups";
    SeededRandom random{1};
    ASSERT_TRUE(open_store(path, {.create = true, .backend = {}}, random).ok());
    std::filesystem::create_directory_symlink(path, scratch + "/link");
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(scratch);
    for (const std::string& typed : {path, path + "/", scratch + "//./backups", scratch + "/link",
                                     std::string{"backups"}, std::string{"./backups/"}, "file://" + path + "/"}) {
        EXPECT_EQ(open_store(typed, {}, random).value()->location(), path) << typed;
    }
    std::filesystem::current_path(before);
    std::filesystem::remove_all(scratch);
}

}  // namespace
}  // namespace dr
