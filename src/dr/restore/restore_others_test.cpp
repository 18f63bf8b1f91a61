// Restores where others may write to the target, and by users who may not do everything.

#include <grp.h>
#include <sys/wait.h>

#include <thread>

#include "dr/restore/staging.h"
#include "dr/restore/testing/restore_test.h"

namespace dr {
namespace {

using namespace dr::testing;

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

}  // namespace
}  // namespace dr
