// Restores of files that have several names.

#include "dr/restore/testing/restore_test.h"

namespace dr {
namespace {

using namespace dr::testing;

TEST_F(RestoreTest, SymbolicLinksOfSeveralNamesStayOne) {
    const auto name_of_one = [](std::string name, std::string target) {
        Entry entry = symlink_to(std::move(name), std::move(target));
        entry.hard_link = true;
        entry.link_count = 3;
        entry.inode = 77;
        return entry;
    };
    // The third claims to be the same, and is not.
    const DirRef root =
        tree(blobs, {name_of_one("a", "there"), name_of_one("b", "there"), name_of_one("c", "elsewhere")});
    EXPECT_EQ(run(root).value().files_restored, 3U);
    struct stat info;
    ASSERT_EQ(::lstat((scratch / "target/b").c_str(), &info), 0);
    EXPECT_EQ(info.st_nlink, 2U);
    EXPECT_EQ(std::filesystem::read_symlink(scratch / "target/c"), "elsewhere");
}

TEST_F(RestoreTest, HardLinkGroupsThatLieKeepTheirOwnContent) {
    Entry one = file(blobs, "one", noise(100, 1));
    Entry two = file(blobs, "two", noise(100, 2));
    Entry three = file(blobs, "three", noise(100, 1));
    for (Entry* entry : {&one, &two, &three}) {
        entry->hard_link = true;
        entry->link_count = 3;
        entry->inode = 99;
    }
    EXPECT_EQ(run(tree(blobs, {one, two, three})).value().files_restored, 3U);
    EXPECT_EQ(read_file(scratch / "target/two"), noise(100, 2));
    EXPECT_TRUE(std::filesystem::equivalent(scratch / "target/one", scratch / "target/three"));
    EXPECT_FALSE(std::filesystem::equivalent(scratch / "target/one", scratch / "target/two"));

    // The first name is there and equal, a later one is missing: it is linked again, after a look.
    std::filesystem::remove(scratch / "target/three");
    EXPECT_EQ(run(tree(blobs, {one, two, three})).value().files_restored, 1U);
    EXPECT_TRUE(std::filesystem::equivalent(scratch / "target/one", scratch / "target/three"));
}

std::vector<Entry> names_of_one(std::vector<Entry> entries) {
    for (Entry& entry : entries) {
        entry.hard_link = true;
        entry.link_count = static_cast<std::uint32_t>(entries.size());
        entry.inode = 99;
    }
    return entries;
}

TEST_F(RestoreTest, AFurtherNameOfAFileCostsNoBytes) {
    const std::string content = noise(90'000, 1);
    const std::vector<Entry> names =
        names_of_one({file(blobs, "a", content), file(blobs, "b", content), file(blobs, "c", content)});
    const DirRef root = tree(blobs, {directory(blobs, "d", {names[0], names[1]}), names[2]});
    RestoreRequest asked = request();
    asked.dry_run = true;
    asked.overwrite = true;
    const RestorePlan all_new = run(asked, root).value().plan;
    EXPECT_EQ(all_new.files_to_create, 3U);
    EXPECT_EQ(all_new.bytes_to_read, 90'000U);
    EXPECT_EQ(all_new.bytes_to_write, 90'000U);

    // Also where other things stand at their places, or one of them is there.
    std::filesystem::create_directories(scratch / "target/d");
    std::filesystem::create_symlink("x", scratch / "target/d/a");
    write_file(scratch / "target/d/b", "other");
    EXPECT_EQ(run(asked, root).value().plan.bytes_to_write, 90'000U);
    std::filesystem::remove(scratch / "target/d/a");
    asked.dry_run = false;
    EXPECT_EQ(run(asked, root).value().bytes_restored, 90'000U);
    std::filesystem::remove(scratch / "target/d/a");
    asked.dry_run = true;
    EXPECT_EQ(run(asked, root).value().plan.bytes_to_write, 0U);
}

TEST_F(RestoreTest, AnEqualFileThatSomebodyLinkedGetsItsMetadataAsANewFile) {
    const DirRef root = tree(blobs, {file(blobs, "f", "same", 0640)});
    std::filesystem::create_directory(scratch / "target");
    write_file(scratch / "precious", "same");
    ::chmod((scratch / "precious").c_str(), 0600);
    ASSERT_EQ(::link((scratch / "precious").c_str(), (scratch / "target/f").c_str()), 0);
    RestoreRequest asked = request();
    asked.overwrite = true;
    EXPECT_EQ(run(asked, root).value().files_restored, 1U);
    struct stat info;
    ::stat((scratch / "precious").c_str(), &info);
    EXPECT_EQ(info.st_mode & 07777, 0600U);
    ::stat((scratch / "target/f").c_str(), &info);
    EXPECT_EQ(info.st_mode & 07777, 0640U);
}

TEST_F(RestoreTest, AFileThatSomebodyLinkedToOneOfSeveralNamesKeepsItsMetadata) {
    const DirRef root = tree(blobs, names_of_one({file(blobs, "a", "same", 0640), file(blobs, "b", "same", 0640)}));
    std::filesystem::create_directory(scratch / "target");
    write_file(scratch / "precious", "same");
    ::chmod((scratch / "precious").c_str(), 0600);
    ASSERT_EQ(::link((scratch / "precious").c_str(), (scratch / "target/a").c_str()), 0);
    RestoreRequest asked = request();
    asked.overwrite = true;
    EXPECT_EQ(run(asked, root).value().files_restored, 2U);
    struct stat info;
    ::stat((scratch / "precious").c_str(), &info);
    EXPECT_EQ(info.st_mode & 07777, 0600U);
    EXPECT_TRUE(std::filesystem::equivalent(scratch / "target/a", scratch / "target/b"));
}

// Between the plan and its execution another file comes under the name.
TEST_F(RestoreTest, OnlyTheFileThatThePlanSawGetsMetadataAndFurtherNames) {
    const std::vector<Entry> names = names_of_one({file(blobs, "one", "same"), file(blobs, "two", "same")});
    const DirRef root = tree(blobs, {file(blobs, "f", "same", 0640), names[0], names[1]});
    std::filesystem::create_directory(scratch / "target");
    for (const char* name : {"f", "one"}) write_file(scratch / ("target/" + std::string{name}), "same");
    RestoreRequest asked = request();
    asked.overwrite = true;
    monitor.on_progress = [&](const Progress& progress) {
        if (progress.phase != "comparing") return;
        for (const char* name : {"f", "one"}) {
            write_file(scratch / "precious", "same");
            ::chmod((scratch / "precious").c_str(), 0600);
            std::filesystem::rename(scratch / "precious", scratch / ("target/" + std::string{name}));
        }
    };

    const RestoreOutcome outcome = run(asked, root).value();

    struct stat info;
    for (const char* name : {"f", "one"}) {
        ::stat((scratch / ("target/" + std::string{name})).c_str(), &info);
        EXPECT_EQ(info.st_mode & 07777, 0600U) << name;
    }
    EXPECT_FALSE(exists(scratch / "target/two"));
    EXPECT_EQ(outcome.failure_count, 3U);
}

}  // namespace
}  // namespace dr
