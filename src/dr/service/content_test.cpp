#include "dr/service/content.h"

#include <gtest/gtest.h>

#include "dr/repository/testing/test_repository.h"
#include "dr/retention/collector.h"

namespace dr {
namespace {

using testing_support::content_of_size;
using testing_support::OpenedTestRepository;
using testing_support::TestRepository;

// Somebody reads the only snapshot, and somebody else changes the log beside him.
struct Reading : testing::Test {
    TestRepository test;
    SilentMonitor monitor;
    SiteCalendar calendar = SiteCalendar::utc();
    World world{test.clock, test.random, test.host, calendar};
    std::unique_ptr<OpenedTestRepository> other;
    OpenSnapshot snapshot;

    void SetUp() override {
        ASSERT_TRUE(test.create(*test.store()).ok());
        other = std::make_unique<OpenedTestRepository>(test);
        ASSERT_TRUE(other->backup(content_of_size(50'000, 1)).ok());
        std::unique_ptr<ObjectStore> store = test.store();
        Repository repository = Repository::open(*store).value();
        repository.unlock(test.key->slot, test.key->opened).value();
        snapshot.open =
            std::make_unique<OpenRepository>(OpenRepository{std::move(store), std::move(repository), false, false, {}});
        snapshot.snapshot = *snapshot.open->repository.state().find_snapshot("latest").value();
    }
    void append(const RecordPayload& payload) {
        const Result<Appended> appended =
            other->repository.log().append(other->repository.actor(), test.clock, payload);
        ASSERT_TRUE(appended.ok()) << appended.error().one_line();
    }
    void forget_and_collect() {
        append(Forget{{{snapshot.snapshot.record, "test"}}});
        ASSERT_TRUE(collect(other->repository, other->repository.actor(), test.clock, "", "elsewhere", monitor).ok());
    }
};

TEST_F(Reading, WithASessionIsNotOvertaken) {
    snapshot.reading = ReadSession::open(world, snapshot.open->repository);
    ASSERT_TRUE(snapshot.reading.is_open());
    EXPECT_FALSE(snapshot.was_overtaken());
    forget_and_collect();
    EXPECT_FALSE(snapshot.was_overtaken());
}

TEST_F(Reading, WithoutOneIsOvertakenByAPrune) {
    EXPECT_FALSE(snapshot.was_overtaken());
    forget_and_collect();
    EXPECT_TRUE(snapshot.was_overtaken());
}

// Another host's prune may take it for one that was left, by a clock that is ahead.
TEST_F(Reading, WithASessionThatAnotherHostEndedIsOvertakenByItsPrune) {
    snapshot.reading = ReadSession::open(world, snapshot.open->repository);
    ASSERT_TRUE(snapshot.reading.is_open());
    ASSERT_TRUE(other->repository.log().refresh().ok());
    ASSERT_EQ(other->repository.state().open_sessions().size(), 1U);
    append(Abandon{other->repository.state().open_sessions().begin()->first});
    EXPECT_FALSE(snapshot.was_overtaken()) << "nothing was removed yet";
    forget_and_collect();
    EXPECT_TRUE(snapshot.was_overtaken());
}

}  // namespace
}  // namespace dr
