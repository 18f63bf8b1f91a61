#include "dr/service/access.h"

#include <chrono>

#include "dr/platform/posix/directory_lock.h"
#include "dr/service/testing/machine.h"

namespace dr {
namespace {

using OpeningTheRepository = testing_support::Machine;

TEST_F(OpeningTheRepository, PinsWhoseKeyItWas) {
    EXPECT_TRUE(open(Access::Log).pinned_actors.empty());
    const OpenRepository opened = open(Access::Content);
    EXPECT_EQ(opened.pinned_actors, std::vector{opened.repository.actor().public_key()});
}

// A process that was stopped while it changed a pin keeps nobody from restoring.
TEST_F(OpeningTheRepository, WaitsForNobodyWhereThereIsNothingToRemember) {
    open(Access::Content);
    const DirectoryLock held{settings.state_directory};
    const auto start = std::chrono::steady_clock::now();
    for (const Access access : {Access::Log, Access::Content, Access::Change})
        EXPECT_EQ(open(access).pinned_actors.size(), 1U);
    EXPECT_LT(std::chrono::steady_clock::now() - start, DirectoryLock::kPatience);
}

}  // namespace
}  // namespace dr
