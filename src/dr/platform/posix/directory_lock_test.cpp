#include "dr/platform/posix/directory_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

namespace dr {
namespace {

struct DirectoryLockTest : testing::Test {
    std::string directory = (std::filesystem::temp_directory_path() / ("lock." + std::to_string(getpid()))).string();
    void SetUp() override { std::filesystem::create_directory(directory); }
    void TearDown() override { std::filesystem::remove_all(directory); }
    FileDescriptor another(const std::string& path) const {
        return FileDescriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    }
    bool is_free() const { return ::flock(another(DirectoryLock::file_in(directory)).get(), LOCK_EX | LOCK_NB) == 0; }
    // How long it takes to have a lock, or to do without.
    std::chrono::milliseconds wait(std::chrono::milliseconds patience) const {
        const auto start = std::chrono::steady_clock::now();
        const DirectoryLock lock{directory, patience};
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    }
};

TEST_F(DirectoryLockTest, IsHeldUntilItGoesOutOfScope) {
    {
        const DirectoryLock lock{directory};
        EXPECT_FALSE(is_free());
    }
    EXPECT_TRUE(is_free());
}

TEST_F(DirectoryLockTest, KeepsTheNextOneWaiting) {
    std::optional<DirectoryLock> first{std::in_place, directory};
    std::atomic<bool> released = false;
    std::jthread next{[&] {
        const DirectoryLock lock{directory};
        EXPECT_TRUE(released);
    }};
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    released = true;
    first.reset();
}

// A stopped process, or one that hangs in a dead network share, holds it for ever.
TEST_F(DirectoryLockTest, ThatNobodyLetsGoOfKeepsNobodyWaitingForEver) {
    const DirectoryLock held{directory};
    const std::chrono::milliseconds patience{60};
    EXPECT_GE(wait(patience), patience);
    EXPECT_LT(wait(patience), DirectoryLock::kPatience);
    EXPECT_FALSE(is_free());
}

// `flock "$QNWIS_DR_STATE_DIR" qnwis_dr backup`, or anybody who may read the directory.
TEST_F(DirectoryLockTest, IsNoneOfTheDirectoryItself) {
    const FileDescriptor other = another(directory);
    ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
    EXPECT_LT(wait(DirectoryLock::kPatience), DirectoryLock::kPatience);
}

TEST_F(DirectoryLockTest, IsAFileThatOnlyItsOwnerOpens) {
    const DirectoryLock lock{directory};
    const auto others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
    EXPECT_EQ(std::filesystem::status(DirectoryLock::file_in(directory)).permissions() & others,
              std::filesystem::perms::none);
}

TEST_F(DirectoryLockTest, OfWhatIsNotThereKeepsNobodyWaiting) {
    const DirectoryLock lock{directory + "/none"};
    const DirectoryLock again{directory + "/none"};
}

}  // namespace
}  // namespace dr
