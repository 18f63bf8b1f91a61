#include "dr/platform/posix/open_beneath.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "dr/platform/testing/scratch.h"

namespace dr {
namespace {

class OpenBeneath : public ::testing::Test {
protected:
    void SetUp() override {
        std::filesystem::create_directories(scratch_ / "inside/below");
        std::ofstream{scratch_ / "secret"} << "secret";
        std::ofstream{scratch_ / "inside/below/file"} << "file";
        std::filesystem::create_symlink("below", scratch_ / "inside/link");
        directory_ = FileDescriptor{::open((scratch_ / "inside").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    }
    int error_of(const std::string& path, int flags = O_RDONLY) {
        return open_beneath(directory_.get(), path, flags).is_open() ? 0 : errno;
    }

    testing::Scratch scratch_;
    FileDescriptor directory_;
};

TEST_F(OpenBeneath, OpensWhatIsThereAndTheDirectoryItself) {
    EXPECT_EQ(error_of("below/file"), 0);
    EXPECT_EQ(error_of("", O_RDONLY | O_DIRECTORY), 0);
    EXPECT_EQ(error_of("below/nothing"), ENOENT);
}

TEST_F(OpenBeneath, NothingLeadsOut) {
    EXPECT_EQ(error_of("../secret"), EXDEV);
    EXPECT_EQ(error_of("below/../../secret"), EXDEV);
    EXPECT_EQ(error_of(scratch_ / "secret"), EXDEV);
}

TEST_F(OpenBeneath, NoLinkIsFollowed) {
    EXPECT_EQ(error_of("link"), ELOOP);
    EXPECT_EQ(error_of("link/file"), ELOOP);
    const FileDescriptor link = open_beneath(directory_.get(), "link", O_PATH | O_NOFOLLOW);
    ASSERT_TRUE(link.is_open());
    struct stat status{};
    ASSERT_EQ(::fstat(link.get(), &status), 0);
    EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST_F(OpenBeneath, WhatIsMadeHasItsModeAndIsClosedByTheNextProgram) {
    const FileDescriptor made = open_beneath(directory_.get(), "below/new", O_RDWR | O_CREAT | O_EXCL, 0600);
    ASSERT_TRUE(made.is_open());
    struct stat status{};
    ASSERT_EQ(::fstat(made.get(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_NE(::fcntl(made.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(error_of("below/new", O_RDWR | O_CREAT | O_EXCL), EEXIST);
}

}  // namespace
}  // namespace dr
