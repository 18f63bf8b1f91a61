#include "dr/restore/restore.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <thread>

#include "dr/restore/staging.h"
#include "dr/restore/testing/same_tree.h"
#include "dr/restore/testing/scratch.h"

namespace dr {
namespace {

using namespace dr::testing;

std::string noise(std::size_t size, std::uint64_t seed) {
    std::string text(size, 0);
    for (char& c : text) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        c = static_cast<char>(seed >> 56);
    }
    return text;
}

class RestoreTest : public ::testing::Test {
protected:
    RestoreRequest request() const {
        RestoreRequest request;
        request.plan_id = Identifier::parse("plan-1").value();
        request.snapshot_id = Identifier::parse("snap-1").value();
        request.target_path = scratch / "target";
        request.sync = false;
        return request;
    }
    Result<RestoreOutcome> run(const RestoreRequest& asked, const DirRef& root) {
        // Not before: the thread sanitizer does not allow a test to fork once there are threads.
        if (!pool) pool.emplace(2U);
        return restore(asked, blobs, root, RestoreAllowlist{{scratch.path()}}, *pool, monitor);
    }
    Result<RestoreOutcome> run(const DirRef& root) { return run(request(), root); }
    std::vector<std::string> names(const std::string& path) const {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator{path}) found.push_back(entry.path().filename());
        std::ranges::sort(found);
        return found;
    }
    bool exists(const std::string& path) const {
        return std::filesystem::exists(std::filesystem::symlink_status(path));
    }

    Scratch scratch;
    MemoryBlobs blobs;
    std::optional<TaskPool> pool;
    RememberingMonitor monitor;
};

// A source with one of everything that this file system and user can make.
void make_source(const std::string& path) {
    const auto in = [&](const std::string& name) { return path + "/" + name; };
    std::filesystem::create_directories(in("deep/er/and/deeper"));
    std::filesystem::create_directories(in("empty"));
    write_file(in("small"), "hello");
    write_file(in("empty-file"), "");
    write_file(in("medium"), noise(50'000, 1));
    write_file(in("deep/er/large"), noise(3'500'000, 2));
    write_file(in("deep/er/and/deeper/tool"), noise(2'000, 3));
    write_file(in("name\nwith newline"), "x");
    write_file(in("\xff\xfe not utf-8"), "y");
    ::chmod(in("deep/er/and/deeper/tool").c_str(), 06755);
    ::chmod(in("deep/er/and").c_str(), 0551);
    DR_CHECK(::link(in("medium").c_str(), in("deep/second name").c_str()) == 0);
    DR_CHECK(::link(in("medium").c_str(), in("zz third name").c_str()) == 0);
    DR_CHECK(::link(in("deep/er/large").c_str(), in("deep/large too").c_str()) == 0);
    DR_CHECK(::symlink("nowhere at all", in("dangling").c_str()) == 0);
    DR_CHECK(::mkfifo(in("fifo").c_str(), 0640) == 0);
    ::setxattr(in("small").c_str(), "user.note", "value", 5, 0);
    ::setxattr(in("medium").c_str(), "user.big", noise(3000, 9).data(), 3000, 0);
    {
        const FileDescriptor sparse{::open(in("sparse").c_str(), O_CREAT | O_WRONLY, 0600)};
        DR_CHECK(::ftruncate(sparse.get(), 64LL << 30) == 0);
        DR_CHECK(::pwrite(sparse.get(), "middle", 6, 32LL << 30) == 6);
        DR_CHECK(::pwrite(sparse.get(), "end", 3, (64LL << 30) - 3) == 3);
    }
    for (int i = 0; i < 700; ++i)
        write_file(in("deep/many-" + std::to_string(i)), noise(static_cast<std::size_t>(65 + i), 100 + i));
    const timespec times[2] = {{1'500'000'000, 7}, {1'500'000'000, 987'654'321}};
    ::utimensat(AT_FDCWD, in("small").c_str(), times, 0);
    ::utimensat(AT_FDCWD, in("empty").c_str(), times, 0);
    ::utimensat(AT_FDCWD, in("dangling").c_str(), times, AT_SYMLINK_NOFOLLOW);
    if (::geteuid() != 0) return;
    EXPECT_EQ(::chown(in("small").c_str(), 1234, 4321), 0);
    EXPECT_EQ(::lchown(in("dangling").c_str(), 77, 78), 0);
    EXPECT_EQ(::chown(in("deep/er/and/deeper/tool").c_str(), 1000, 1000), 0);
    ::chmod(in("deep/er/and/deeper/tool").c_str(), 06755);
    // cap_net_raw+ep, as setcap writes it.
    const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};
    ::setxattr(in("deep/many-1").c_str(), "security.capability", capability, sizeof capability, 0);
    // user::rw-, user:1234:r--, group::r--, mask::r--, other::---
    const unsigned char acl[] = {2, 0,    0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  4,
                                 0, 0xd2, 4,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
                                 4, 0,    255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};
    ::setxattr(in("deep/many-2").c_str(), "system.posix_acl_access", acl, sizeof acl, 0);
    ::setxattr(in("deep").c_str(), "system.posix_acl_default", acl, sizeof acl, 0);
    for (const auto& [name, flags] :
         {std::pair{"deep/many-3", FS_NODUMP_FL}, std::pair{"deep/many-4", FS_IMMUTABLE_FL}}) {
        const FileDescriptor fd{::open(in(name).c_str(), O_RDONLY)};
        int now = 0;
        if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &now) != 0) continue;
        now |= flags;
        ::ioctl(fd.get(), FS_IOC_SETFLAGS, &now);
    }
}

void clear_flags(const std::string& path) {
    const FileDescriptor fd{::open(path.c_str(), O_RDONLY)};
    int flags = 0;
    if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
    flags &= ~FS_IMMUTABLE_FL;
    ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
}

TEST_F(RestoreTest, EverythingComesBackAsItWas) {
    std::filesystem::create_directory(scratch / "source");
    make_source(scratch / "source");
    const DirRef root = Scanner{blobs}.scan(scratch / "source");

    const RestoreOutcome outcome = run(root).value();

    EXPECT_EQ(differences(scratch / "source", scratch / "target"), std::vector<std::string>{});
    EXPECT_EQ(outcome.failure_count, 0U);
    EXPECT_EQ(outcome.files_restored, 700U + 13U);
    EXPECT_EQ(outcome.directories_restored, 5U);
    EXPECT_TRUE(outcome.losses.empty()) << outcome.losses[0].what << outcome.losses[0].reason;
    struct stat sparse;
    ASSERT_EQ(::stat((scratch / "target/sparse").c_str(), &sparse), 0);
    EXPECT_LT(sparse.st_blocks, 1000);

    // Again: nothing is read, nothing is written.
    blobs.frames_opened = 0;
    const auto before = std::filesystem::last_write_time(scratch / "target");
    const RestoreOutcome again = run(root).value();
    EXPECT_EQ(again.files_restored, 0U);
    EXPECT_EQ(again.files_skipped, outcome.files_restored);
    EXPECT_EQ(again.bytes_read, 0U);
    EXPECT_EQ(blobs.frames_opened, 0U);
    EXPECT_EQ(std::filesystem::last_write_time(scratch / "target"), before);

    // And after one file was lost and one changed.
    std::filesystem::remove(scratch / "target/deep/many-7");
    write_file(scratch / "target/deep/many-8", "spoilt");
    RestoreRequest overwriting = request();
    overwriting.overwrite = true;
    const RestoreOutcome repaired = run(overwriting, root).value();
    EXPECT_EQ(repaired.files_restored, 2U);
    EXPECT_EQ(repaired.created, std::vector<std::string>{"deep/many-7"});
    EXPECT_EQ(repaired.replaced, std::vector<std::string>{"deep/many-8"});
    EXPECT_EQ(differences(scratch / "source", scratch / "target"), std::vector<std::string>{});
    clear_flags(scratch / "source/deep/many-4");
    clear_flags(scratch / "target/deep/many-4");
}

TEST_F(RestoreTest, DevicesComeBackOnlyOnRequest) {
    Entry device = named("null", EntryKind::CharDevice, 0666);
    device.device_major = 1;
    device.device_minor = 3;
    const DirRef root =
        tree(blobs, {device, named("talk", EntryKind::Socket, 0751), named("disk", EntryKind::BlockDevice, 0600)});

    const RestoreOutcome without = run(root).value();
    EXPECT_EQ(without.files_restored, 1U);
    EXPECT_EQ(without.plan.files_refused, 2U);
    EXPECT_EQ(without.withheld.count, 0U);  // nobody asked for them
    struct stat info;
    ASSERT_EQ(::stat((scratch / "target/talk").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode, static_cast<mode_t>(S_IFSOCK | 0751));

    if (::geteuid() != 0) GTEST_SKIP() << "only root makes devices";
    RestoreRequest asked = request();
    asked.devices = true;
    const RestoreOutcome with = run(asked, root).value();
    EXPECT_EQ(with.plan.files_refused, 0U);
    if (with.failure_count > 0) GTEST_SKIP() << "devices cannot be made here: " << with.failures[0].error;
    ASSERT_EQ(::stat((scratch / "target/null").c_str(), &info), 0);
    EXPECT_TRUE(S_ISCHR(info.st_mode));
    EXPECT_EQ(info.st_rdev, makedev(1, 3));
    EXPECT_EQ(run(asked, root).value().files_skipped, 3U);
}

TEST_F(RestoreTest, WhatIsNotRestoredIsListedAlsoInNewDirectories) {
    const DirRef root =
        tree(blobs, {directory(blobs, "new", {named("null", EntryKind::CharDevice, 0666), file(blobs, "file", "x")})});
    const RestoreOutcome outcome = run(root).value();
    ASSERT_EQ(outcome.plan.refused.size(), 1U);
    EXPECT_EQ(outcome.plan.files_refused, 1U);
    EXPECT_EQ(outcome.plan.refused[0].path, "new/null");
    const RestoreOutcome again = run(root).value();
    EXPECT_EQ(again.plan.files_refused, 1U);
}

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

TEST_F(RestoreTest, ADryRunWritesNothingAndSaysWhatWouldHappen) {
    const DirRef root = tree(
        blobs, {file(blobs, "equal", "same"), file(blobs, "differs", noise(500, 1)), file(blobs, "new", noise(700, 2)),
                directory(blobs, "dir", {file(blobs, "inner", "x"), symlink_to("l", "y")}),
                named("s", EntryKind::BlockDevice, 0)});
    RestoreRequest asked = request();
    asked.dry_run = true;

    const RestoreOutcome nothing_there = run(asked, root).value();
    EXPECT_FALSE(exists(scratch / "target"));
    EXPECT_EQ(nothing_there.plan.files_to_create, 5U);

    std::filesystem::create_directory(scratch / "target");
    write_file(scratch / "target/equal", "same");
    write_file(scratch / "target/differs", "other");
    const auto before = describe(scratch / "target");
    const RestoreOutcome refused = run(asked, root).value();
    EXPECT_EQ(refused.plan.files_to_skip, 1U);
    EXPECT_EQ(refused.plan.files_to_create, 3U);
    EXPECT_EQ(refused.plan.files_to_replace, 0U);
    EXPECT_EQ(refused.plan.files_refused, 2U);  // the device too
    EXPECT_EQ(refused.plan.bytes_to_read, 701U);

    asked.overwrite = true;
    const RestoreOutcome replacing = run(asked, root).value();
    EXPECT_EQ(replacing.plan.files_to_replace, 1U);
    EXPECT_EQ(replacing.plan.bytes_to_read, 1201U);
    EXPECT_EQ(replacing.replaced, std::vector<std::string>{"differs"});
    EXPECT_EQ(describe(scratch / "target"), before);
}

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

TEST_F(RestoreTest, FiltersTakeAPartWithTheDirectoriesAboveIt) {
    const DirRef root =
        tree(blobs, {directory(blobs, "etc",
                               {file(blobs, "app.conf", "c"), file(blobs, "app.log", "l"),
                                directory(blobs, "sub", {file(blobs, "deep.conf", "d"), file(blobs, "x.txt", "x")})},
                               0750),
                     directory(blobs, "usr", {file(blobs, "u", "u")}), directory(blobs, "bare", {})});
    RestoreRequest asked = request();
    asked.filter = RestoreFilter{{RelativePath::parse("etc/sub").value()}, {}, {}};
    EXPECT_EQ(run(asked, root).value().files_restored, 2U);
    EXPECT_EQ(names(scratch / "target"), std::vector<std::string>{"etc"});
    EXPECT_EQ(names(scratch / "target/etc"), std::vector<std::string>{"sub"});
    struct stat info;
    ASSERT_EQ(::stat((scratch / "target/etc").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0750U);

    asked.target_path = scratch / "second";
    asked.filter = RestoreFilter{{}, {Glob::parse("*.conf").value()}, {Glob::parse("deep*").value()}};
    EXPECT_EQ(run(asked, root).value().files_restored, 1U);
    EXPECT_EQ(names(scratch / "second"), std::vector<std::string>{"etc"});
    EXPECT_EQ(names(scratch / "second/etc"), std::vector<std::string>{"app.conf"});

    asked.filter = RestoreFilter{{RelativePath::parse("etc/none").value()}, {}, {}};
    EXPECT_EQ(run(asked, root).error().code(), ErrorCode::NotFound);
}

TEST_F(RestoreTest, AFilterThatSelectsNothingIsAnError) {
    const DirRef root = tree(blobs, {directory(blobs, "d", {file(blobs, "f", "x")})});
    RestoreRequest asked = request();
    for (const bool dry : {false, true}) {
        asked.dry_run = dry;
        asked.filter = RestoreFilter{{}, {Glob::parse("*nomatch*").value()}, {}};
        const Result<RestoreOutcome> outcome = run(asked, root);
        ASSERT_FALSE(outcome.ok());
        EXPECT_EQ(outcome.error().code(), ErrorCode::NotFound);
        EXPECT_TRUE(outcome.error().what().starts_with("no entry matches"));
        EXPECT_TRUE(outcome.error().next_step().starts_with("qnwis_dr ls "));
        asked.filter = RestoreFilter{{RelativePath::parse("d").value()}, {}, {Glob::parse("d").value()}};
        EXPECT_EQ(run(asked, root).error().code(), ErrorCode::NotFound);
    }
    EXPECT_FALSE(exists(scratch / "target"));
    // Nothing is all that there is.
    asked.filter = RestoreFilter{{}, {}, {Glob::parse("*.log").value()}};
    EXPECT_TRUE(run(asked, tree(blobs, {})).ok());
}

TEST_F(RestoreTest, DirectoriesAboveWhatIsSelectedStayAsTheyAre) {
    const DirRef root =
        tree(blobs,
             {directory(blobs, "d", {directory(blobs, "e", {file(blobs, "b", "new"), file(blobs, "c", "c")}, 0755)})});
    RestoreRequest asked = request();
    asked.overwrite = true;
    const auto spoil = [&] {
        std::filesystem::create_directories(scratch / "target/d/e");
        write_file(scratch / "target/d/e/b", "old");
        for (const char* name : {"target/d", "target/d/e"}) ::chmod((scratch / name).c_str(), 0700);
        ::setxattr((scratch / "target/d/e").c_str(), "user.mine", "x", 1, 0);
    };
    const auto mode = [&](const std::string& name) {
        struct stat info{};
        ::stat((scratch / name).c_str(), &info);
        return info.st_mode & 07777;
    };
    const auto path = [](std::string_view text) { return RelativePath::parse(text).value(); };
    spoil();
    const ssize_t attribute = ::getxattr((scratch / "target/d/e").c_str(), "user.mine", nullptr, 0);
    for (const RestoreFilter& filter :
         {RestoreFilter{{path("d/e/b")}, {}, {}}, RestoreFilter{{}, {Glob::parse("b").value()}, {}}}) {
        spoil();
        asked.filter = filter;
        const RestoreOutcome outcome = run(asked, root).value();
        EXPECT_EQ(outcome.files_restored, 1U);
        EXPECT_EQ(outcome.metadata.count, 0U);
        EXPECT_EQ(mode("target/d"), 0700U);
        EXPECT_EQ(mode("target/d/e"), 0700U);
        EXPECT_EQ(::getxattr((scratch / "target/d/e").c_str(), "user.mine", nullptr, 0), attribute);
    }
    // Named itself, and not all of it: that one is brought back, and the one above it is not.
    asked.filter = RestoreFilter{{path("d/e")}, {}, {Glob::parse("c").value()}};
    EXPECT_EQ(run(asked, root).value().metadata.listed, std::vector<std::string>{"d/e"});
    EXPECT_EQ(mode("target/d"), 0700U);
    EXPECT_EQ(mode("target/d/e"), 0755U);
    EXPECT_FALSE(exists(scratch / "target/d/e/c"));
}

TEST_F(RestoreTest, ADirectoryThatIsSelectedComesBackEvenIfAllInItIsExcluded) {
    const DirRef root =
        tree(blobs, {directory(blobs, "logs", {file(blobs, "a.log", "x")}), directory(blobs, "bare", {})});
    RestoreRequest asked = request();
    asked.filter = RestoreFilter{{}, {}, {Glob::parse("*.log").value()}};
    EXPECT_EQ(run(asked, root).value().directories_restored, 2U);
    EXPECT_EQ(names(scratch / "target"), (std::vector<std::string>{"bare", "logs"}));
}

// Built and proven, but something stands at its place since: it does not count as restored.
TEST_F(RestoreTest, WhatDoesNotGetToItsPlaceIsNotCounted) {
    Entry flagged = file(blobs, "b", noise(300, 2));
    flagged.inode_flags = FS_NODUMP_FL;
    const DirRef root =
        tree(blobs, {file(blobs, "a", noise(200, 1)),
                     directory(blobs, "new", {flagged, directory(blobs, "in", {file(blobs, "c", "c")})}),
                     file(blobs, "old", "new content")});
    std::filesystem::create_directory(scratch / "target");
    write_file(scratch / "target/old", "old");
    RestoreRequest asked = request();
    asked.overwrite = true;
    monitor.on_progress = [&](const Progress& progress) {
        if (progress.phase == "restoring") write_file(scratch / "target/new", "mine");
    };
    const RestoreOutcome outcome = run(asked, root).value();
    EXPECT_EQ(outcome.failure_count, 1U);
    EXPECT_EQ(outcome.files_restored, 2U);
    EXPECT_EQ(outcome.files_replaced, 1U);
    EXPECT_EQ(outcome.directories_restored, 0U);
    EXPECT_EQ(outcome.bytes_restored, 211U);
    EXPECT_EQ(outcome.created, std::vector<std::string>{"a"});
    EXPECT_TRUE(outcome.losses.empty());
    EXPECT_EQ(read_file(scratch / "target/new"), "mine");
}

TEST_F(RestoreTest, ADamagedFileIsNamedAndNotMadeAndTheOthersAre) {
    const std::string bad = noise(70'000, 1);
    const std::string worse = noise(400'000, 2);
    const DirRef root =
        tree(blobs, {file(blobs, "bad", bad), file(blobs, "good", noise(70'000, 3)), file(blobs, "worse", worse)});
    blobs.flip(blobs.namer().name(BlobType::Data, sha256(as_bytes(bad))));
    blobs.forget(
        blobs.namer().name(BlobType::Data, sha256(as_bytes(std::string_view{worse}.substr(100'000, 100'000)))));

    const RestoreOutcome outcome = run(root).value();

    EXPECT_EQ(outcome.failure_count, 2U);
    EXPECT_EQ(outcome.worst_failure, ErrorCode::Damaged);
    EXPECT_EQ(outcome.files_restored, 1U);
    EXPECT_EQ(names(scratch / "target"), std::vector<std::string>{"good"});
}

TEST_F(RestoreTest, ADamagedDirectoryCostsOnlyItself) {
    std::vector<Entry> many;
    for (int i = 0; i < 600; ++i) many.push_back(file(blobs, "f" + std::to_string(i), noise(64, i)));
    const Entry lost = directory(blobs, "lost", many);
    ASSERT_EQ(lost.directory.form, DirRef::Form::Node);
    const DirRef root = tree(blobs, {lost, file(blobs, "kept", "k")});
    blobs.forget(lost.directory.node.id);
    const RestoreOutcome outcome = run(root).value();
    EXPECT_EQ(outcome.failure_count, 1U);
    EXPECT_EQ(outcome.failures.at(0).path, "lost");
    EXPECT_EQ(read_file(scratch / "target/kept"), "k");
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

TEST_F(RestoreTest, ASymlinkPlantedForADirectoryIsNeverFollowed) {
    const DirRef root = tree(blobs, {directory(blobs, "etc", {file(blobs, "passwd", "mine")})});
    std::filesystem::create_directories(scratch / "target");
    std::filesystem::create_directories(scratch / "outside");
    std::filesystem::create_symlink(scratch / "outside", scratch / "target/etc");
    EXPECT_EQ(run(root).error().code(), ErrorCode::AlreadyExists);
    RestoreRequest asked = request();
    asked.overwrite = true;
    const RestoreOutcome outcome = run(asked, root).value();
    EXPECT_EQ(outcome.plan.files_refused, 1U);
    EXPECT_TRUE(names(scratch / "outside").empty());
    EXPECT_TRUE(std::filesystem::is_symlink(scratch / "target/etc"));
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

// Whoever could write to a file may still hold it open: he must not decide what is in it once it is somebody else's.
TEST_F(RestoreTest, AnEqualFileThatOthersCouldWriteToIsReplacedAndNeverGivenAway) {
    const auto in = [&](const std::string& name) { return scratch / ("target/" + name); };
    const DirRef root = tree(blobs, {file(blobs, "any", "same", 0755), file(blobs, "ours", "same", 0755),
                                     file(blobs, "rights", "same", 04755), file(blobs, "shared", "same", 0664)});
    std::filesystem::create_directory(scratch / "target");
    for (const auto& [name, mode] : {std::pair{"any", 0666}, {"ours", 0700}, {"rights", 0775}, {"shared", 0660}}) {
        write_file(in(name), "same");
        ::chmod(in(name).c_str(), static_cast<mode_t>(mode));
    }
    const FileDescriptor held{::open(in("any").c_str(), O_WRONLY)};
    struct stat before[2];
    ::stat(in("ours").c_str(), &before[0]);
    ::stat(in("shared").c_str(), &before[1]);
    RestoreRequest asked = request();
    asked.overwrite = true;

    const RestoreOutcome outcome = run(asked, root).value();

    EXPECT_EQ(outcome.replaced, (std::vector<std::string>{"any", "rights"}));
    EXPECT_EQ(outcome.metadata.listed, (std::vector<std::string>{"ours", "shared"}));
    EXPECT_EQ(::pwrite(held.get(), "evil", 4, 0), 4);
    EXPECT_EQ(read_file(in("any")), "same");
    struct stat info;
    for (const auto& [name, was] : {std::pair{"ours", &before[0]}, {"shared", &before[1]}}) {
        ::stat(in(name).c_str(), &info);
        EXPECT_EQ(info.st_ino, was->st_ino) << name;
    }
    EXPECT_EQ(info.st_mode & 07777, 0664U);
}

TEST_F(RestoreTest, AnEqualFileOfAnotherOwnerIsReplacedAndNeverGivenAway) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
    Entry theirs = file(blobs, "theirs", "same", 0600);
    theirs.uid = 65534;
    const DirRef root = tree(blobs, {file(blobs, "tool", "same", 04755), file(blobs, "plain", "same"), theirs});
    std::filesystem::create_directory(scratch / "target");
    for (const char* name : {"tool", "plain", "theirs"}) {
        write_file(scratch / ("target/" + std::string{name}), "same");
        ASSERT_EQ(::chown((scratch / ("target/" + std::string{name})).c_str(), 65534, 65534), 0);
    }
    const FileDescriptor held{::open((scratch / "target/tool").c_str(), O_WRONLY)};
    RestoreRequest asked = request();
    asked.overwrite = true;

    const RestoreOutcome outcome = run(asked, root).value();

    EXPECT_EQ(outcome.replaced, (std::vector<std::string>{"plain", "tool"}));
    EXPECT_EQ(outcome.metadata.listed, std::vector<std::string>{"theirs"});  // it stays with whom it is
    EXPECT_EQ(::pwrite(held.get(), "evil", 4, 0), 4);
    EXPECT_EQ(read_file(scratch / "target/tool"), "same");
    struct stat info;
    ::fstat(held.get(), &info);
    EXPECT_EQ(info.st_uid, 65534U);
    EXPECT_EQ(info.st_mode & 07000, 0U);
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

TEST_F(RestoreTest, AnImpossibleSizeIsToldApartFromASparseOne) {
    Entry huge = named("huge", EntryKind::File, 0644);
    huge.size = 1ULL << 50;
    huge.content.form = FileContent::Form::List;
    huge.content.extents = {{true, {}, huge.size}};
    Entry full = huge;
    const BlobId id = blobs.store(BlobType::Data, as_bytes(noise(1U << 20, 1)));
    full.content.extents.clear();
    full.size = 0;
    // 400,000 GiB of data, or so it says.
    const DirRef sparse = tree(blobs, {huge});
    DirRef lying = sparse;
    const Result<RestoreOutcome> outcome = run(sparse);
    // Where the file system cannot hold it, the file fails; where it can, it is there. Neither is a lack of space.
    ASSERT_TRUE(outcome.ok()) << outcome.error().what();
    EXPECT_EQ(outcome.value().files_restored + outcome.value().failure_count, 1U);

    for (int i = 0; i < 100; ++i) full.content.extents.push_back({false, id, 1U << 20});
    full.size = 100ULL << 20;
    std::vector<Entry> level{full};
    DirRef root = tree(blobs, level);
    for (int depth = 0; depth < 7; ++depth) {
        std::vector<Entry> next;
        for (int i = 0; i < 10; ++i) {
            Entry entry = named("d" + std::to_string(i), EntryKind::Directory, 0755);
            entry.directory = root;
            next.push_back(entry);
        }
        root = tree(blobs, next);
        if (depth == 3) {
            RestoreRequest asked = request();
            asked.target_path = scratch / "other";
            const Result<RestoreOutcome> refused = run(asked, root);
            if (!refused.ok()) {
                EXPECT_EQ(refused.error().code(), ErrorCode::NoSpace);
                EXPECT_NE(refused.error().what().find(std::to_string(100ULL * 10'000 << 20)), std::string::npos)
                    << refused.error().what();
            }
            EXPECT_FALSE(exists(scratch / "other"));
            return;
        }
    }
}

TEST_F(RestoreTest, DepthIsNoProblem) {
    // 3000 levels: deeper than PATH_MAX, than the handles kept open and than several anchors.
    DirRef root = tree(blobs, {file(blobs, "bottom", "here")});
    for (int i = 0; i < 3000; ++i) {
        Entry entry = named("level", EntryKind::Directory, 0755);
        entry.directory = root;
        root = tree(blobs, {entry, file(blobs, "beside", "b")});
    }
    const RestoreOutcome outcome = run(root).value();
    EXPECT_EQ(outcome.directories_restored, 3000U);
    EXPECT_EQ(outcome.files_restored, 3001U);
    EXPECT_EQ(outcome.failure_count, 0U);
    EXPECT_EQ(run(root).value().files_skipped, 3001U);
    const FileDescriptor target{::open((scratch / "target").c_str(), O_RDONLY | O_DIRECTORY)};
    EXPECT_TRUE(remove_content(target.get()).ok());
    EXPECT_TRUE(names(scratch / "target").empty());
}

TEST_F(RestoreTest, ACancelledRestoreLeavesNothing) {
    std::vector<Entry> entries;
    for (int i = 0; i < 50; ++i) entries.push_back(file(blobs, "f" + std::to_string(i), noise(90'000, i)));
    const DirRef root = tree(blobs, entries);
    blobs.on_open = [&] { monitor.cancel = true; };
    const Result<RestoreOutcome> outcome = run(root);
    EXPECT_EQ(outcome.error().code(), ErrorCode::Cancelled);
    EXPECT_TRUE(names(scratch / "target").empty());
}

TEST_F(RestoreTest, AKilledRestoreShowsNothingAndIsCleanedUpByTheNext) {
    std::vector<Entry> entries;
    for (int i = 0; i < 50; ++i) entries.push_back(file(blobs, "f" + std::to_string(i), noise(90'000, i)));
    const DirRef root = tree(blobs, {directory(blobs, "d", entries)});
    const pid_t child = ::fork();
    if (child == 0) {
        TaskPool own{1};
        blobs.on_open = [&] {
            if (blobs.frames_opened > 20) ::_exit(1);
        };
        (void)restore(request(), blobs, root, RestoreAllowlist{{scratch.path()}}, own, monitor).ok();
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(WEXITSTATUS(status), 1);
    const std::vector<std::string> left = names(scratch / "target");
    ASSERT_EQ(left.size(), 1U);
    EXPECT_TRUE(left[0].starts_with(kStagingPrefix));

    EXPECT_EQ(run(root).value().files_restored, 50U);
    EXPECT_EQ(names(scratch / "target"), std::vector<std::string>{"d"});
}

TEST_F(RestoreTest, AnOrdinaryUserGetsWhatHeMayAndAReportOfTheRest) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    Entry owned = file(blobs, "owned", noise(100, 1), 04755);
    owned.uid = 0;
    owned.gid = 0;
    owned.xattrs = {{"trusted.x", {1}}, {"user.y", {2}}};
    Entry closed = directory(blobs, "closed", {file(blobs, "inner", "i")}, 0500);
    const DirRef root = tree(blobs, {owned, closed});
    std::filesystem::create_directory(scratch / "theirs");
    ::chmod(scratch.path().c_str(), 0755);
    EXPECT_EQ(::chown((scratch / "theirs").c_str(), 65534, 65534), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
        TaskPool own{1};
        RestoreRequest asked = request();
        asked.target_path = scratch / "theirs";
        const auto outcome = restore(asked, blobs, root, RestoreAllowlist{{scratch.path()}}, own, monitor);
        if (!outcome.ok() || outcome.value().failure_count > 0) ::_exit(8);
        std::set<std::string> losses;
        for (const RestoreLoss& loss : outcome.value().losses) losses.insert(loss.what);
        ::_exit(losses.contains("the owner") && losses.contains("the set-user-ID or set-group-ID bit") &&
                        losses.contains("an extended attribute of the system")
                    ? 0
                    : 7);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    struct stat info;
    ASSERT_EQ(::stat((scratch / "theirs/owned").c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 65534U);
    EXPECT_EQ(info.st_mode & 07777, 0755U);
    ASSERT_EQ(::stat((scratch / "theirs/closed").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0500U);
    EXPECT_EQ(read_file(scratch / "theirs/closed/inner"), "i");
}

// What an ordinary user cannot set is no difference: the same restore again finds nothing to do.
TEST_F(RestoreTest, TheSameRestoreAgainByAnOrdinaryUserChangesNothing) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    std::vector<Entry> entries{file(blobs, "owned", noise(100, 1), 06755), symlink_to("link", "there"),
                               named("fifo", EntryKind::Fifo, 0640),
                               directory(blobs, "d", {file(blobs, "f", "x")}, 02755), file(blobs, "flagged", "y")};
    entries[0].xattrs = {{"security.capability", {1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
                         {"trusted.x", {1}}};
    entries[4].inode_flags = FS_IMMUTABLE_FL | FS_NODUMP_FL;
    const DirRef root = tree(blobs, entries);
    std::filesystem::create_directory(scratch / "theirs");
    ::chmod(scratch.path().c_str(), 0755);
    EXPECT_EQ(::chown((scratch / "theirs").c_str(), 65534, 65534), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
        TaskPool own{1};
        RestoreRequest asked = request();
        asked.target_path = scratch / "theirs";
        const auto once = [&] { return restore(asked, blobs, root, RestoreAllowlist{{scratch.path()}}, own, monitor); };
        if (!once().ok()) ::_exit(8);
        for (const bool overwrite : {false, true}) {
            asked.overwrite = overwrite;
            const auto again = once();
            if (!again.ok() || again.value().files_restored > 0) ::_exit(7);
            if (again.value().metadata.count > 0 || again.value().metadata_restored > 0) ::_exit(6);
            if (!again.value().losses.empty()) ::_exit(5);
        }
        // What he can set is brought back, and that is all that is told.
        ::chmod((scratch / "theirs/owned").c_str(), 0600);
        const auto mended = once();
        ::_exit(mended.ok() && mended.value().metadata.count == 1 && once().value().metadata.count == 0 ? 0 : 4);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(RestoreTest, ATargetThatCannotBeWrittenToIsSaidSo) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    const DirRef root = tree(blobs, {file(blobs, "f", "x")});
    std::filesystem::create_directory(scratch / "target");
    ::chmod(scratch.path().c_str(), 0755);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
        TaskPool own{1};
        const auto outcome = restore(request(), blobs, root, RestoreAllowlist{{scratch.path()}}, own, monitor);
        ::_exit(!outcome.ok() && outcome.error().code() == ErrorCode::Io ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_TRUE(names(scratch / "target").empty());
}

// Somebody swaps a directory of the target for a symlink and back while files are restored into it. Some runs fail,
// some succeed; none may write where the link points.
TEST_F(RestoreTest, SwappingADirectoryForASymlinkGainsNothing) {
    std::filesystem::create_directories(scratch / "outside");
    std::filesystem::create_directories(scratch / "target/d/e");
    std::atomic<bool> stop{false};
    std::thread attacker{[&] {
        while (!stop) {
            std::error_code ignored;
            std::filesystem::rename(scratch / "target/d", scratch / "target/hidden", ignored);
            std::filesystem::create_directory_symlink(scratch / "outside", scratch / "target/d", ignored);
            std::filesystem::remove(scratch / "target/d", ignored);
            std::filesystem::rename(scratch / "target/hidden", scratch / "target/d", ignored);
        }
    }};
    for (int i = 0; i < 60; ++i) {
        const DirRef root =
            tree(blobs, {directory(blobs, "d",
                                   {directory(blobs, "e", {file(blobs, "f" + std::to_string(i), noise(2000, i))}),
                                    file(blobs, "g" + std::to_string(i), "x")})});
        RestoreRequest asked = request();
        asked.overwrite = i % 2 == 1;
        (void)run(asked, root).ok();
        ASSERT_TRUE(names(scratch / "outside").empty()) << "round " << i;
    }
    stop = true;
    attacker.join();
}

TEST_F(RestoreTest, ARestoresOwnDirectoryNameIsRefusedAndSoIsTheSecondOfOneId) {
    const DirRef root = tree(blobs, {file(blobs, ".qnwis-restore-evil", "x"), file(blobs, "f", "y")});
    const RestoreOutcome outcome = run(root).value();
    EXPECT_EQ(outcome.plan.files_refused, 1U);
    EXPECT_EQ(outcome.withheld.count, 1U);
    EXPECT_EQ(outcome.withheld.listed.at(0).path, ".qnwis-restore-evil");
    EXPECT_EQ(names(scratch / "target"), std::vector<std::string>{"f"});
    // Further down it is a name like any other, also when it is there already.
    RestoreRequest below = request();
    below.target_path = scratch / "below";
    const DirRef deeper = tree(blobs, {directory(blobs, "d", {file(blobs, ".qnwis-restore-evil", "x")})});
    EXPECT_EQ(run(below, deeper).value().files_restored, 1U);
    const RestoreOutcome again = run(below, deeper).value();
    EXPECT_EQ(again.withheld.count, 0U);
    EXPECT_EQ(again.files_skipped, 1U);

    const FileDescriptor target{::open((scratch / "target").c_str(), O_RDONLY | O_DIRECTORY)};
    const Staging running = Staging::create(target.get(), "plan-1").value();
    EXPECT_EQ(run(tree(blobs, {file(blobs, "other", "x")})).error().code(), ErrorCode::AlreadyExists);
}

TEST_F(RestoreTest, ManySmallFilesOfSeveralWindowsComeBack) {
    std::vector<Entry> directories;
    for (int d = 0; d < 12; ++d) {
        std::vector<Entry> entries;
        for (int i = 0; i < 1500; ++i)
            entries.push_back(file(blobs, "f" + std::to_string(i), noise(static_cast<std::size_t>(i % 150), i)));
        directories.push_back(directory(blobs, "d" + std::to_string(d), entries));
    }
    const DirRef root = tree(blobs, directories);
    const RestoreOutcome outcome = run(root).value();
    EXPECT_EQ(outcome.files_restored, 18'000U);
    EXPECT_EQ(outcome.failure_count, 0U);
    EXPECT_EQ(read_file(scratch / "target/d11/f1499"), noise(149, 1499));
    MemoryBlobs other;
    EXPECT_EQ(run(root).value().files_skipped, 18'000U);
}

}  // namespace
}  // namespace dr
