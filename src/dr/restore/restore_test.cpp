#include <grp.h>
#include <sys/wait.h>

#include "dr/restore/staging.h"
#include "dr/restore/testing/restore_test.h"

namespace dr {
namespace {

using namespace dr::testing;

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
