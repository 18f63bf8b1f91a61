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
    bool is_free() const {
        const FileDescriptor other{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        return ::flock(other.get(), LOCK_EX | LOCK_NB) == 0;
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

TEST_F(DirectoryLockTest, OfWhatIsNotThereKeepsNobodyWaiting) {
    const DirectoryLock lock{directory + "/none"};
    const DirectoryLock again{directory + "/none"};
}

}  // namespace
}  // namespace dr
