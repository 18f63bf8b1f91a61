#include "dr/platform/posix/small_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace dr {
namespace {

struct SmallFile : testing::Test {
    std::string directory =
        (std::filesystem::temp_directory_path() / ("small_file." + std::to_string(getpid()))).string();
    void SetUp() override { std::filesystem::create_directory(directory); }
    void TearDown() override { std::filesystem::remove_all(directory); }
    std::string at(const std::string& name) const { return directory + "/" + name; }
    std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{directory}, {}));
    }
};

TEST_F(SmallFile, ANewFileHoldsWhatWasWrittenForItsOwnerOnly) {
    ASSERT_TRUE(write_new_file(at("key"), as_bytes("secret"), 0600).ok());
    EXPECT_EQ(as_text(read_small_file(at("key"), 100).value()), "secret");
    EXPECT_FALSE(readable_by_others(at("key")).value());
    EXPECT_EQ(entries(), 1U);
}

TEST_F(SmallFile, WhatIsThereIsNeverReplacedByANewFile) {
    ASSERT_TRUE(write_new_file(at("key"), as_bytes("first"), 0644).ok());
    EXPECT_EQ(write_new_file(at("key"), as_bytes("second"), 0600).error().code(), ErrorCode::AlreadyExists);
    EXPECT_EQ(as_text(read_small_file(at("key"), 100).value()), "first");
    EXPECT_TRUE(readable_by_others(at("key")).value());
    EXPECT_EQ(entries(), 1U);
}

TEST_F(SmallFile, ReplacingSwapsTheWholeFile) {
    ASSERT_TRUE(replace_file(at("state"), as_bytes("first"), 0600).ok());
    ASSERT_TRUE(replace_file(at("state"), as_bytes("second"), 0600).ok());
    EXPECT_EQ(as_text(read_small_file(at("state"), 100).value()), "second");
    EXPECT_EQ(entries(), 1U);
    std::filesystem::create_directory(at("directory"));
    EXPECT_FALSE(replace_file(at("directory"), as_bytes("x"), 0600).ok());
    EXPECT_EQ(entries(), 2U);
}

TEST_F(SmallFile, MissingDirectoriesAreMadeOnlyWhenAskedFor) {
    EXPECT_EQ(write_new_file(at("a/b/key"), as_bytes("x"), 0600).error().code(), ErrorCode::NotFound);
    EXPECT_TRUE(write_new_file(at("a/b/key"), as_bytes("x"), 0600, true).ok());
    ASSERT_TRUE(write_new_file(at("file"), as_bytes("x"), 0600).ok());
    EXPECT_FALSE(write_new_file(at("file/below/key"), as_bytes("x"), 0600, true).ok());
}

TEST_F(SmallFile, TooLongMissingAndDirectoriesAreErrors) {
    ASSERT_TRUE(write_new_file(at("long"), Bytes(11, 'x'), 0600).ok());
    EXPECT_EQ(read_small_file(at("long"), 10).error().code(), ErrorCode::BadRequest);
    EXPECT_TRUE(read_small_file(at("long"), 11).ok());
    const std::string large(50'000, 'x');
    ASSERT_TRUE(write_new_file(at("large"), as_bytes(large), 0600).ok());
    EXPECT_EQ(as_text(read_small_file(at("large"), 50'000).value()), large);
    EXPECT_EQ(read_small_file(at("large"), 49'999).error().code(), ErrorCode::BadRequest);
    EXPECT_EQ(read_small_file(at("none"), 10).error().code(), ErrorCode::NotFound);
    EXPECT_EQ(read_small_file(directory, 10).error().code(), ErrorCode::Io);
    EXPECT_EQ(readable_by_others(at("none")).error().code(), ErrorCode::NotFound);
}

TEST_F(SmallFile, RealPathsHaveNoSymlinksAndMayEndInANewName) {
    std::filesystem::create_directory(at("real"));
    std::filesystem::create_directory_symlink(at("real"), at("alias"));
    const std::string real = std::filesystem::canonical(at("real")).string();
    EXPECT_EQ(real_path(at("alias")).value(), real);
    EXPECT_EQ(real_path(at("alias/new")).value(), real + "/new");
    EXPECT_EQ(real_path(at("none/new")).error().code(), ErrorCode::NotFound);
    EXPECT_EQ(real_path("/none-such-name").value(), "/none-such-name");
    EXPECT_FALSE(real_path(at("none/..")).ok());
    EXPECT_TRUE(real_path("here").value().ends_with("/here"));
}

}  // namespace
}  // namespace dr
