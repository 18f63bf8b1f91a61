#include "dr/service/access.h"

#include <chrono>

#include "dr/platform/posix/directory_lock.h"
#include "dr/repository/checkpoint.h"
#include "dr/repository/log_record.h"
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

// The checkpoint is of a key that did not make the repository, and the machine is new.
TEST_F(OpeningTheRepository, BelievesTheCheckpointsOfTheKeyInHand) {
    const std::string second_key = place + "/second.json";
    ASSERT_TRUE(service.slot_add({"second", second_key, settings.keys}, monitor).ok());
    settings.key_files = {second_key};
    OpenRepository opened = open(Access::Change);
    Log& log = opened.repository.log();
    while (log.state().head().seq < kCheckpointEvery)
        ASSERT_TRUE(log.append(opened.repository.actor(), clock, Open{}).ok());
    ASSERT_TRUE(opened.store->remove(record_name(30)).ok());

    settings.state_directory = place + "/another state";
    EXPECT_EQ(open_repository(world, settings, Access::Log, monitor).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(open(Access::Content).repository.state(), log.state());
}

}  // namespace
}  // namespace dr
