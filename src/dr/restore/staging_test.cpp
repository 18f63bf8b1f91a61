#include "dr/restore/staging.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dr/restore/testing/scratch.h"
#include "dr/restore/testing/tree_builder.h"

namespace dr {
namespace {

using namespace dr::testing;

FileDescriptor open_path(const std::string& path) {
    return FileDescriptor{::open(path.c_str(), O_RDONLY | O_DIRECTORY)};
}

TEST(Staging, IsPrivateAndGoesAwayWithAllThatIsInIt) {
    const Scratch scratch;
    // A target that hands down group, set-group-ID bit and a default ACL.
    ::chmod(scratch.path().c_str(), 02777);
    const unsigned char acl[] = {2, 0, 0,   0,   1,   0,   7,  0, 255, 255, 255, 255, 4,   0,
                                 7, 0, 255, 255, 255, 255, 32, 0, 7,   0,   255, 255, 255, 255};
    ::setxattr(scratch.path().c_str(), "system.posix_acl_default", acl, sizeof acl, 0);
    const FileDescriptor target = open_path(scratch.path());
    {
        const Staging staging = Staging::create(target.get(), "one").value();
        struct stat info;
        ASSERT_EQ(::fstat(staging.fd(), &info), 0);
        EXPECT_EQ(info.st_mode & 07777, 0700U);
        EXPECT_EQ(info.st_gid, ::getegid());
        EXPECT_LT(::fgetxattr(staging.fd(), "system.posix_acl_default", nullptr, 0), 0);
        std::filesystem::create_directories(scratch / ".qnwis-restore-one/a/b/c");
        write_file(scratch / ".qnwis-restore-one/a/b/f", "x");
        std::filesystem::create_directories(scratch / ".qnwis-restore-one/removed-3/x");
        ::chmod((scratch / ".qnwis-restore-one/a/b").c_str(), 0);
        EXPECT_EQ(Staging::create(target.get(), "one").error().code(), ErrorCode::AlreadyExists);
    }
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(Staging, OfALivingRestoreStaysAndOfADeadOneGoes) {
    const Scratch scratch;
    const FileDescriptor target = open_path(scratch.path());
    const Staging living = Staging::create(target.get(), "living").value();
    std::filesystem::create_directories(scratch / ".qnwis-restore-dead/d");
    write_file(scratch / ".qnwis-restore-file", "a file of that name is nobody's staging");
    std::filesystem::create_directories(scratch / "elsewhere/kept");
    std::filesystem::create_directory_symlink(scratch / "elsewhere", scratch / ".qnwis-restore-link");

    Staging::remove_dead(target.get());

    EXPECT_TRUE(std::filesystem::exists(scratch / ".qnwis-restore-living"));
    EXPECT_FALSE(std::filesystem::exists(scratch / ".qnwis-restore-dead"));
    EXPECT_TRUE(std::filesystem::exists(scratch / ".qnwis-restore-file"));
    EXPECT_TRUE(std::filesystem::exists(scratch / "elsewhere/kept"));
}

TEST(Staging, OfAnotherUserStays) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make another user's directory";
    const Scratch scratch;
    std::filesystem::create_directory(scratch / ".qnwis-restore-theirs");
    ASSERT_EQ(::chown((scratch / ".qnwis-restore-theirs").c_str(), 65534, 65534), 0);
    Staging::remove_dead(open_path(scratch.path()).get());
    EXPECT_TRUE(std::filesystem::exists(scratch / ".qnwis-restore-theirs"));
}

TEST(Staging, AnOrdinaryUserRemovesWhatHeCannotEvenRead) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    const Scratch scratch;
    ASSERT_EQ(::chown(scratch.path().c_str(), 65534, 65534), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
        std::filesystem::create_directories(scratch / ".qnwis-restore-dead/a/b/c");
        ::chmod((scratch / ".qnwis-restore-dead/a/b").c_str(), 0);
        ::chmod((scratch / ".qnwis-restore-dead/a").c_str(), 0500);
        Staging::remove_dead(open_path(scratch.path()).get());
        ::_exit(std::filesystem::is_empty(scratch.path()) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace dr
