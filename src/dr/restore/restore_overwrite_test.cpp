// Restores over what is there already.

#include "dr/restore/testing/restore_test.h"

namespace dr {
namespace {

using namespace dr::testing;

TEST_F(RestoreTest, WithoutOverwriteOneDifferingFileMeansThatNothingIsWritten) {
    const DirRef root =
        tree(blobs, {file(blobs, "a-new", "1"), directory(blobs, "d", {file(blobs, "differs", noise(300, 5))}),
                     file(blobs, "z-new", "2")});
    std::filesystem::create_directories(scratch / "target/d");
    write_file(scratch / "target/d/differs", noise(300, 6));
    const auto before = describe(scratch / "target");

    const Result<RestoreOutcome> outcome = run(root);

    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code(), ErrorCode::AlreadyExists);
    EXPECT_NE(outcome.error().what().find("'d/differs'"), std::string::npos);
    EXPECT_EQ(monitor.warnings.size(), 1U);
    EXPECT_EQ(describe(scratch / "target"), before);
    EXPECT_EQ(blobs.frames_opened, 0U);
}

TEST_F(RestoreTest, OnlyDifferingRangesAreFetched) {
    const std::string content = noise(2'000'000, 8);
    const DirRef root = tree(blobs, {file(blobs, "big", content)});
    std::filesystem::create_directory(scratch / "target");
    std::string old = content;
    old[150'000] = static_cast<char>(old[150'000] ^ 1);
    old[1'900'001] = static_cast<char>(old[1'900'001] ^ 1);
    write_file(scratch / "target/big", old);
    RestoreRequest asked = request();
    asked.overwrite = true;

    const RestoreOutcome outcome = run(asked, root).value();

    EXPECT_EQ(read_file(scratch / "target/big"), content);
    EXPECT_EQ(outcome.plan.bytes_to_read, 200'000U);
    EXPECT_EQ(blobs.frames_opened, 2U);
    EXPECT_EQ(outcome.replaced, std::vector<std::string>{"big"});
}

TEST_F(RestoreTest, AHoleInTheSnapshotReplacesDataInTheOldFile) {
    std::string content = noise(1'000'000, 8);
    std::fill(content.begin() + 300'000, content.begin() + 600'000, 0);
    const DirRef root = tree(blobs, {file(blobs, "holes", content)});
    std::filesystem::create_directory(scratch / "target");
    write_file(scratch / "target/holes", noise(1'000'000, 8));
    RestoreRequest asked = request();
    asked.overwrite = true;
    EXPECT_EQ(run(asked, root).value().files_restored, 1U);
    EXPECT_EQ(read_file(scratch / "target/holes"), content);
}

TEST_F(RestoreTest, OverwriteReplacesAFileByADirectoryButNeverADirectoryByAFile) {
    const DirRef root = tree(blobs, {directory(blobs, "was-file", {file(blobs, "x", "x")}), file(blobs, "was-dir", "f"),
                                     file(blobs, "link", "content")});
    std::filesystem::create_directories(scratch / "target/was-dir/precious");
    write_file(scratch / "target/was-file", "old");
    write_file(scratch / "outside", "untouched");
    std::filesystem::create_symlink(scratch / "outside", scratch / "target/link");
    RestoreRequest asked = request();
    asked.overwrite = true;

    const RestoreOutcome outcome = run(asked, root).value();

    EXPECT_EQ(read_file(scratch / "target/was-file/x"), "x");
    EXPECT_TRUE(exists(scratch / "target/was-dir/precious"));
    EXPECT_EQ(outcome.plan.files_refused, 1U);
    EXPECT_EQ(outcome.withheld.count, 1U);
    EXPECT_EQ(outcome.withheld.in_the_way, std::vector<std::string>{"was-dir"});
    EXPECT_EQ(read_file(scratch / "target/link"), "content");
    EXPECT_FALSE(std::filesystem::is_symlink(scratch / "target/link"));
    EXPECT_EQ(read_file(scratch / "outside"), "untouched");
    EXPECT_EQ(names(scratch / "target").size(), 3U);
}

TEST_F(RestoreTest, MetadataOfEqualFilesIsRefreshedOnlyWithOverwrite) {
    const DirRef root = tree(blobs, {directory(blobs, "d", {file(blobs, "f", "same", 0640)}, 0711)});
    std::filesystem::create_directories(scratch / "target/d");
    write_file(scratch / "target/d/f", "same");
    ::chmod((scratch / "target/d/f").c_str(), 0600);
    ::chmod((scratch / "target/d").c_str(), 0700);
    struct stat info;

    EXPECT_EQ(run(root).value().files_skipped, 1U);
    ::stat((scratch / "target/d/f").c_str(), &info);
    EXPECT_EQ(info.st_mode & 07777, 0600U);

    RestoreRequest asked = request();
    asked.overwrite = true;
    EXPECT_EQ(run(asked, root).value().files_skipped, 1U);
    ::stat((scratch / "target/d/f").c_str(), &info);
    EXPECT_EQ(info.st_mode & 07777, 0640U);
    EXPECT_EQ(info.st_mtim.tv_nsec, 123'456'789);
    ::stat((scratch / "target/d").c_str(), &info);
    EXPECT_EQ(info.st_mode & 07777, 0711U);
}

// Everything that a restore brings is brought back where somebody changed it, and what he added goes.
TEST_F(RestoreTest, OverwriteBringsMetadataBackAndWithoutItTheDifferenceIsTold) {
    const auto in = [&](const std::string& name) { return scratch / ("target/" + name); };
    Entry noted = file(blobs, "noted", "same");
    noted.xattrs = {{"user.note", {1, 2}}};
    Entry one = file(blobs, "one", noise(100, 1));
    Entry two = file(blobs, "two", noise(100, 1));
    for (Entry* entry : {&one, &two}) {
        entry->hard_link = true;
        entry->link_count = 2;
        entry->inode = 99;
    }
    const DirRef root = tree(blobs, {directory(blobs, "d", {noted, one, two}), file(blobs, "plain", "x"),
                                     symlink_to("link", "there"), named("fifo", EntryKind::Fifo, 0640)});
    ASSERT_EQ(run(root).value().failure_count, 0U);
    if (::getxattr(in("d/noted").c_str(), "user.note", nullptr, 0) != 2) GTEST_SKIP() << "no extended attributes here";
    const auto before = describe(scratch / "target");
    EXPECT_EQ(run(root).value().metadata.count, 0U);

    ::removexattr(in("d/noted").c_str(), "user.note");
    ::setxattr(in("plain").c_str(), "user.foreign", "x", 1, 0);
    ::setxattr(in("d").c_str(), "user.foreign", "x", 1, 0);
    const timespec times[2] = {{1, 0}, {1, 0}};
    ::utimensat(AT_FDCWD, in("link").c_str(), times, AT_SYMLINK_NOFOLLOW);
    ::chmod(in("fifo").c_str(), 0600);
    std::filesystem::remove(in("d/two"));
    std::filesystem::copy_file(in("d/one"), in("d/two"));
    const auto spoilt = describe(scratch / "target");
    ASSERT_NE(spoilt, before);

    const RestoreOutcome looked = run(root).value();
    EXPECT_EQ(looked.files_skipped, 6U);
    EXPECT_EQ(looked.metadata.count, 6U);
    EXPECT_EQ(looked.metadata.listed.size(), 6U);
    EXPECT_EQ(describe(scratch / "target"), spoilt);

    RestoreRequest asked = request();
    asked.overwrite = true;
    const RestoreOutcome outcome = run(asked, root).value();
    EXPECT_EQ(describe(scratch / "target"), before);
    EXPECT_EQ(outcome.failure_count, 0U);
    EXPECT_EQ(outcome.metadata.count, 3U);  // in place: d, noted, plain
    EXPECT_EQ(outcome.files_restored, 3U);  // anew: two, link, fifo
    EXPECT_EQ(run(root).value().metadata.count, 0U);
}

}  // namespace
}  // namespace dr
