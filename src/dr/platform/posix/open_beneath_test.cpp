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

using Open = FileDescriptor (*)(int directory, const std::string& path, int flags, mode_t mode);

class OpenBeneath : public ::testing::TestWithParam<Open> {
protected:
    void SetUp() override {
        std::filesystem::create_directories(scratch_ / "inside/below");
        std::ofstream{scratch_ / "secret"} << "secret";
        std::ofstream{scratch_ / "inside/below/file"} << "file";
        std::filesystem::create_symlink("below", scratch_ / "inside/link");
        directory_ = FileDescriptor{::open((scratch_ / "inside").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    }
    int error_of(const std::string& path, int flags = O_RDONLY) {
        return GetParam()(directory_.get(), path, flags, 0).is_open() ? 0 : errno;
    }

    testing::Scratch scratch_;
    FileDescriptor directory_;
};

TEST_P(OpenBeneath, OpensWhatIsThereAndTheDirectoryItself) {
    EXPECT_EQ(error_of("below/file"), 0);
    EXPECT_EQ(error_of("", O_RDONLY | O_DIRECTORY), 0);
    EXPECT_EQ(error_of("below/nothing"), ENOENT);
}

TEST_P(OpenBeneath, NothingLeadsOut) {
    EXPECT_EQ(error_of("../secret"), EXDEV);
    EXPECT_EQ(error_of("below/../../secret"), EXDEV);
    EXPECT_EQ(error_of(scratch_ / "secret"), EXDEV);
}

TEST_P(OpenBeneath, NoLinkIsFollowed) {
    EXPECT_EQ(error_of("link"), ELOOP);
    const int in_the_middle = error_of("link/file");
    EXPECT_TRUE(in_the_middle == ELOOP || in_the_middle == ENOTDIR) << in_the_middle;
    const FileDescriptor link = GetParam()(directory_.get(), "link", O_PATH | O_NOFOLLOW, 0);
    ASSERT_TRUE(link.is_open());
    struct stat status{};
    ASSERT_EQ(::fstat(link.get(), &status), 0);
    EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST_P(OpenBeneath, WhatIsMadeHasItsModeAndIsClosedByTheNextProgram) {
    const FileDescriptor made = GetParam()(directory_.get(), "below/new", O_RDWR | O_CREAT | O_EXCL, 0600);
    ASSERT_TRUE(made.is_open());
    struct stat status{};
    ASSERT_EQ(::fstat(made.get(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_NE(::fcntl(made.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(error_of("below/new", O_RDWR | O_CREAT | O_EXCL), EEXIST);
}

INSTANTIATE_TEST_SUITE_P(Ways, OpenBeneath, ::testing::Values(&open_beneath, &open_by_component));

}  // namespace
}  // namespace dr
