// What every Disk promises, on the real one and on the simulated one.
#include "dr/platform/disk.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>

#include "dr/platform/posix/posix_disk.h"
#include "dr/platform/sim/sim_disk.h"
#include "dr/platform/testing/scratch.h"

namespace dr {
namespace {

struct DiskKindOfTest {
    const char* name;
    std::function<std::unique_ptr<Disk>(const std::string&)> make;
};

class DiskContract : public ::testing::TestWithParam<DiskKindOfTest> {
protected:
    void SetUp() override { disk_ = GetParam().make(scratch_.path()); }

    void write_file(std::string_view path, std::string_view text) {
        auto file = disk_->create(path).value();
        file->write(as_bytes(text)).value();
        file->start_writeback(0, text.size());
        file->sync().value();
    }
    std::string read_file(std::string_view path) {
        auto file = disk_->open(path).value();
        Bytes bytes(static_cast<std::size_t>(file->size().value()) + 5);
        bytes.resize(file->read_at(0, bytes).value());
        return std::string{as_text(bytes)};
    }

    testing::Scratch scratch_;
    std::unique_ptr<Disk> disk_;
};

TEST_P(DiskContract, WhatWasWrittenIsRead) {
    auto file = disk_->create("a").value();
    file->write(as_bytes("one ")).value();
    file->write(as_bytes("two")).value();
    EXPECT_EQ(file->size().value(), 7U);
    EXPECT_EQ(read_file("a"), "one two");
    Bytes part(3);
    EXPECT_EQ(disk_->open("a").value()->read_at(4, part).value(), 3U);
    EXPECT_EQ(as_text(part), "two");
    EXPECT_EQ(disk_->open("a").value()->read_at(7, part).value(), 0U);
}

TEST_P(DiskContract, ANameIsGivenOnce) {
    write_file("a", "first");
    EXPECT_EQ(disk_->create("a").error().code(), ErrorCode::AlreadyExists);
    write_file("b", "second");
    EXPECT_EQ(disk_->link("b", "a").error().code(), ErrorCode::AlreadyExists);
    EXPECT_EQ(read_file("a"), "first");
    ASSERT_TRUE(disk_->make_directory("d").ok());
    EXPECT_EQ(disk_->make_directory("d").error().code(), ErrorCode::AlreadyExists);
}

TEST_P(DiskContract, ALinkOutlivesTheNameItWasMadeFrom) {
    write_file("tmp", "text");
    ASSERT_TRUE(disk_->make_directory("d").ok());
    ASSERT_TRUE(disk_->link("tmp", "d/name").ok());
    ASSERT_TRUE(disk_->unlink("tmp").ok());
    EXPECT_EQ(read_file("d/name"), "text");
    EXPECT_EQ(disk_->open("tmp").error().code(), ErrorCode::NotFound);
}

TEST_P(DiskContract, RenameReplaces) {
    write_file("old", "old");
    write_file("new", "new");
    ASSERT_TRUE(disk_->rename("new", "old").ok());
    EXPECT_EQ(read_file("old"), "new");
    EXPECT_EQ(disk_->stat("new").error().code(), ErrorCode::NotFound);
}

TEST_P(DiskContract, ListsWhatIsThereInOrder) {
    write_file("b", "1");
    write_file("a", "22");
    ASSERT_TRUE(disk_->make_directory("c").ok());
    ASSERT_TRUE(disk_->sync_directory("").ok());
    const std::vector<DiskEntry> found = disk_->list("").value();
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].name + found[1].name + found[2].name, "abc");
    EXPECT_EQ(found[1].kind, DiskKind::File);
    EXPECT_EQ(found[2].kind, DiskKind::Directory);
    EXPECT_EQ(disk_->stat("a").value().size, 2U);
    EXPECT_EQ(disk_->stat("").value().kind, DiskKind::Directory);
    EXPECT_TRUE(disk_->list("c").value().empty());
}

TEST_P(DiskContract, WhatIsNotThereIsSaidToBeMissing) {
    EXPECT_EQ(disk_->open("x").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->open("x/y").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->create("x/y").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->unlink("x").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->stat("x").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->list("x").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->link("x", "y").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->rename("x", "y").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->make_directory("x/y").error().code(), ErrorCode::NotFound);
    EXPECT_EQ(disk_->sync_directory("x").error().code(), ErrorCode::NotFound);
}

TEST_P(DiskContract, AFileIsNoDirectoryAndADirectoryNoFile) {
    write_file("a", "1");
    ASSERT_TRUE(disk_->make_directory("d").ok());
    EXPECT_FALSE(disk_->open("d").ok());
    EXPECT_FALSE(disk_->unlink("d").ok());
    EXPECT_FALSE(disk_->list("a").ok());
    EXPECT_FALSE(disk_->create("a/b").ok());
    EXPECT_FALSE(disk_->sync_directory("a").ok());
}

INSTANTIATE_TEST_SUITE_P(Disks, DiskContract,
                         ::testing::Values(DiskKindOfTest{"posix",
                                                          [](const std::string& path) -> std::unique_ptr<Disk> {
                                                              return PosixDisk::open_root(path).value();
                                                          }},
                                           DiskKindOfTest{"sim",
                                                          [](const std::string&) -> std::unique_ptr<Disk> {
                                                              return std::make_unique<SimDisk>(1);
                                                          }}),
                         [](const auto& kind) { return std::string{kind.param.name}; });

TEST(DiskPath, LeadsNowhereElse) {
    for (const char* good : {"", "a", "a/b", "log/0001", "..a", "a b"}) EXPECT_TRUE(is_disk_path(good)) << good;
    for (const char* bad : {"/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b"})
        EXPECT_FALSE(is_disk_path(bad)) << bad;
    EXPECT_FALSE(is_disk_path(std::string(256, 'a')));
    EXPECT_FALSE(is_disk_path(std::string_view{"a\0b", 3}));
}

TEST(PosixDisk, NeverFollowsASymbolicLink) {
    testing::Scratch outside;
    testing::Scratch inside;
    auto elsewhere = PosixDisk::open_root(outside.path()).value();
    elsewhere->create("secret").value();
    std::filesystem::create_symlink(outside.path(), (inside / "way-out"));
    std::filesystem::create_symlink((outside / "secret"), (inside / "file"));

    auto disk = PosixDisk::open_root(inside.path()).value();
    EXPECT_FALSE(disk->open("way-out/secret").ok());
    EXPECT_FALSE(disk->open("file").ok());
    EXPECT_FALSE(disk->create("way-out/new").ok());
    EXPECT_FALSE(disk->list("way-out").ok());
    EXPECT_EQ(disk->stat("file").value().kind, DiskKind::Other);
    EXPECT_EQ(disk->list("").value()[0].kind, DiskKind::Other);
    EXPECT_FALSE(std::filesystem::exists(outside / "new"));
}

TEST(PosixDisk, AFifoInTheWayDoesNotHang) {
    testing::Scratch scratch;
    ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(PosixDisk::open_root(scratch.path()).value()->open("pipe").error().code(), ErrorCode::Io);
}

TEST(PosixDisk, TheRootMustBeThere) {
    testing::Scratch scratch;
    EXPECT_EQ(PosixDisk::open_root(scratch / "missing").error().code(), ErrorCode::NotFound);
    ASSERT_TRUE(PosixDisk::make_root(scratch / "made/deep/").ok());
    ASSERT_TRUE(PosixDisk::make_root(scratch / "made/deep").ok());
    EXPECT_TRUE(PosixDisk::open_root(scratch / "made/deep").ok());
    PosixDisk::open_root(scratch.path()).value()->create("file").value();
    EXPECT_FALSE(PosixDisk::make_root(scratch / "file").ok());
    EXPECT_FALSE(PosixDisk::make_root(scratch / "file/below").ok());
    EXPECT_FALSE(PosixDisk::make_root("").ok());
}

TEST(SimDisk, APowerCutTakesOnlyWhatWasNotSynced) {
    bool kept = false, lost = false, torn = false, name_lost = false;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        SimDisk disk{seed};
        auto safe = disk.create("safe").value();
        safe->write(as_bytes("synced")).value();
        safe->sync().value();
        disk.sync_directory("").value();
        safe->write(as_bytes("unsynced")).value();
        auto fresh = disk.create("fresh").value();
        fresh->write(as_bytes("x")).value();
        fresh->sync().value();
        disk.cut_power();
        EXPECT_FALSE(disk.stat("safe").ok());
        EXPECT_FALSE(safe->write(as_bytes("more")).ok());
        disk.restart();
        EXPECT_FALSE(safe->write(as_bytes("more")).ok()) << "a file opened before the cut is closed";

        const std::string left{as_text(disk.content("safe").value())};
        ASSERT_EQ(left.substr(0, 6), "synced");
        kept |= left == "syncedunsynced";
        lost |= left == "synced";
        torn |= left.size() > 6 && left != "syncedunsynced";
        name_lost |= !disk.stat("fresh").ok();
        if (disk.stat("fresh").ok()) {
            EXPECT_EQ(as_text(disk.content("fresh").value()), "x");
        }
    }
    EXPECT_TRUE(kept && lost && torn && name_lost);
}

TEST(SimDisk, EqualSeedsLoseTheSame) {
    const auto run = [](std::uint64_t seed) {
        SimDisk disk{seed};
        disk.make_directory("d").value();
        for (int i = 0; i < 20; ++i) disk.create("d/" + std::to_string(i)).value()->write(Bytes(100, 7)).value();
        disk.sync_directory("").value();
        disk.restart();
        std::string left;
        for (const DiskEntry& entry : disk.list("d").value()) {
            left += entry.name + ":" + std::to_string(disk.content("d/" + entry.name).value().size()) + " ";
        }
        return left;
    };
    EXPECT_EQ(run(3), run(3));
    EXPECT_NE(run(3), run(4));
}

TEST(SimDisk, AnOperationFailsWhereItWasTold) {
    SimDisk disk{1};
    disk.fail_at(1, ENOSPC);
    auto file = disk.create("a").value();
    EXPECT_EQ(file->write(as_bytes("x")).error().code(), ErrorCode::NoSpace);
    EXPECT_TRUE(file->write(as_bytes("y")).ok());
    EXPECT_EQ(disk.operations(), 3U);
    disk.fail_syncs(EIO);
    EXPECT_EQ(file->sync().error().code(), ErrorCode::Io);
    EXPECT_FALSE(disk.sync_directory("").ok());
    disk.fail_syncs(0);
    disk.fail_writes(ENOSPC);
    EXPECT_EQ(file->write(as_bytes("z")).error().code(), ErrorCode::NoSpace);
    disk.cut_power_before(disk.operations());
    EXPECT_FALSE(disk.power_was_cut());
    EXPECT_FALSE(disk.list("").ok());
    EXPECT_TRUE(disk.power_was_cut());
}

}  // namespace
}  // namespace dr
