#include "dr/retention/collector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "dr/repository/testing/test_repository.h"

namespace dr {
namespace {

using testing_support::content_of_size;
using testing_support::OpenedTestRepository;
using testing_support::TestRepository;

struct CollectorTest : testing::Test {
    TestRepository test;
    SilentMonitor monitor;

    void SetUp() override { ASSERT_TRUE(test.create(*test.store()).ok()); }

    Result<CollectOutcome> collect_in(OpenedTestRepository& open) {
        return collect(open.repository, open.repository.actor(), test.clock, "", "host", monitor);
    }
    void forget(OpenedTestRepository& open, std::uint64_t record) {
        ASSERT_TRUE(open.repository.log().append(open.repository.actor(), test.clock, Forget{{{record, "test"}}}).ok());
    }
    static std::size_t packs_in(OpenedTestRepository& open) { return open.store->list("packs").value().size(); }
    static void expect_whole(OpenedTestRepository& open, std::uint64_t record, const Bytes& content) {
        const Snapshot* snapshot = open.repository.state().snapshot_at(record);
        ASSERT_NE(snapshot, nullptr);
        const auto source = open_content(open.repository);
        const BlobId id = source->namer().name(BlobType::Data, sha256(content));
        const Result<Bytes> read = source->read(BlobType::Data, id);
        ASSERT_TRUE(read.ok()) << read.error().one_line();
        EXPECT_EQ(read.value(), content);
    }
};

TEST_F(CollectorTest, WhatASnapshotNeedsStays) {
    OpenedTestRepository open{test};
    const Bytes content = content_of_size(50'000, 1);
    const std::uint64_t record = open.backup(content).value();
    const std::size_t before = packs_in(open);
    const CollectOutcome outcome = collect_in(open).value();
    EXPECT_TRUE(outcome.marked);
    EXPECT_EQ(outcome.packs_removed, 0U);
    EXPECT_EQ(packs_in(open), before);
    expect_whole(open, record, content);
}

TEST_F(CollectorTest, WhatOnlyForgottenSnapshotsNeededGoes) {
    OpenedTestRepository open{test};
    const Bytes kept = content_of_size(50'000, 2);
    const std::uint64_t old = open.backup(content_of_size(50'000, 1), "a").value();
    const std::uint64_t young = open.backup(kept, "b").value();
    forget(open, old);
    const std::size_t before = packs_in(open);
    const CollectOutcome outcome = collect_in(open).value();
    EXPECT_GT(outcome.packs_removed, 0U);
    EXPECT_GT(outcome.bytes_freed, 50'000U);
    EXPECT_EQ(packs_in(open), before - outcome.packs_removed);
    expect_whole(open, young, kept);
    EXPECT_EQ(collect_in(open).value().packs_removed, 0U);  // nothing is left for a second run
}

// The child's packset holds all of its parent's until somebody who can read the tree says what it really uses.
TEST_F(CollectorTest, AParentsPacksGoAlthoughTheChildInheritedThem) {
    OpenedTestRepository open{test};
    const Bytes kept = content_of_size(50'000, 2);
    const std::uint64_t parent = open.backup(content_of_size(50'000, 1)).value();
    const std::uint64_t child = open.backup(kept).value();
    forget(open, parent);
    EXPECT_GT(collect_in(open).value().packs_removed, 0U);
    expect_whole(open, child, kept);
}

TEST_F(CollectorTest, WithoutTheReadKeyOnlyWhatTheLogKnowsIsUnusedGoes) {
    std::uint64_t alone = 0;
    std::uint64_t parent = 0;
    {
        OpenedTestRepository open{test};
        alone = open.backup(content_of_size(50'000, 1), "alone").value();
        parent = open.backup(content_of_size(50'000, 2), "chain").value();
        ASSERT_TRUE(open.backup(content_of_size(50'000, 3), "chain").ok());
        forget(open, alone);
        forget(open, parent);
    }
    const auto store = test.store();
    Repository locked = Repository::open(*store).value();
    const CollectOutcome outcome = collect(locked, test.key->opened.actor, test.clock, "", "host", monitor).value();
    EXPECT_FALSE(outcome.marked);
    EXPECT_GT(outcome.packs_removed, 0U);
    OpenedTestRepository open{test};
    EXPECT_GT(collect_in(open).value().packs_removed, 0U);  // the parent's, now that trees can be read
}

TEST_F(CollectorTest, APackThatAnOpenSessionMayUseWaits) {
    OpenedTestRepository writer{test};
    const Bytes content = content_of_size(50'000, 1);
    const std::uint64_t old = writer.backup(content, "a").value();
    auto session = writer.session("b").value();
    const DirRef root = writer.store_file(*session, content).value();  // found by deduplication

    OpenedTestRepository other{test};
    forget(other, old);
    const CollectOutcome outcome = collect_in(other).value();
    EXPECT_GT(outcome.packs_condemned, 0U);
    EXPECT_GT(outcome.packs_waiting, 0U);
    EXPECT_EQ(outcome.packs_removed, 0U);

    const std::uint64_t record = session->commit(writer.details(root, "b", 30, false)).value();  // rescues
    OpenedTestRepository later{test};
    EXPECT_EQ(collect_in(later).value().packs_removed, 0U);
    expect_whole(later, record, content);
}

// Two writers that did not see each other stored the same content. Each snapshot holds the pack of its own copy only,
// so neither copy may go while its snapshot is there, whichever of them the index finds first.
TEST_F(CollectorTest, OfTwoCopiesEachSnapshotKeepsItsOwn) {
    const Bytes content = content_of_size(50'000, 1);
    for (const bool first_goes : {true, false}) {
        TestRepository both;
        ASSERT_TRUE(both.create(*both.store()).ok());
        std::array<std::uint64_t, 2> records{};
        {
            OpenedTestRepository one{both};
            OpenedTestRepository two{both};
            auto here = one.session("a").value();
            auto there = two.session("b").value();
            const DirRef first = one.store_file(*here, content).value();
            const DirRef second = two.store_file(*there, content).value();
            records = {here->commit(one.details(first, "a", 30, false)).value(),
                       there->commit(two.details(second, "b", 30, false)).value()};
        }
        const auto collect_now = [&] {
            OpenedTestRepository open{both};
            ASSERT_TRUE(collect(open.repository, open.repository.actor(), both.clock, "", "host", monitor).ok());
        };
        collect_now();
        {
            OpenedTestRepository open{both};
            forget(open, records[first_goes ? 0 : 1]);
        }
        collect_now();
        collect_now();
        OpenedTestRepository open{both};
        expect_whole(open, records[first_goes ? 1 : 0], content);
    }
}

TEST_F(CollectorTest, ADamagedPackGoesOnceNothingNeedsIt) {
    OpenedTestRepository open{test};
    const std::uint64_t record = open.backup(content_of_size(50'000, 1)).value();
    std::vector<PackId> packs;
    for (const PackState& pack : open.repository.state().packs()) packs.push_back(pack.id);
    std::ranges::sort(packs);
    ASSERT_TRUE(open.repository.log().append(open.repository.actor(), test.clock, DamagedPacks{packs}).ok());
    const std::size_t before = packs_in(open);
    EXPECT_EQ(collect_in(open).value().packs_removed, 0U) << "what is good in it can be read yet";
    EXPECT_EQ(packs_in(open), before);
    forget(open, record);
    EXPECT_EQ(collect_in(open).value().packs_removed, packs.size());
}

TEST_F(CollectorTest, AWormSnapshotsPacksStay) {
    OpenedTestRepository open{test};
    const std::uint64_t record = open.backup(content_of_size(50'000, 1), "a", 10, true).value();
    const Result<Appended> forgotten =
        open.repository.log().append(open.repository.actor(), test.clock, Forget{{{record, "test"}}});
    EXPECT_EQ(forgotten.error().code(), ErrorCode::Refused);
    EXPECT_EQ(collect_in(open).value().packs_removed, 0U);
}

TEST_F(CollectorTest, LeftoversOfDeadSessionsAreRemoved) {
    {
        OpenedTestRepository open{test};
        auto session = open.session().value();
        ASSERT_TRUE(open.store_file(*session, content_of_size(200'000, 1)).ok());
        ASSERT_TRUE(session->sink().finish().ok());
    }
    OpenedTestRepository young{test};
    EXPECT_EQ(collect_in(young).value().orphans_removed, 0U);  // it may still live
    test.clock.advance(kStaleSessionNanoseconds * 2);
    ASSERT_TRUE(
        young.repository.log().append(young.repository.actor(), test.clock, Open{SessionKind::Read, 0, {}}).ok());
    OpenedTestRepository open{test};
    const CollectOutcome outcome = collect_in(open).value();
    EXPECT_EQ(outcome.sessions_abandoned, 1U);
    EXPECT_GT(outcome.orphans_removed, 0U);
    EXPECT_EQ(packs_in(open), 0U);
}

// Power goes before every disk operation of a collection. The kept snapshot is whole afterwards, and the next run
// finishes the work.
TEST_F(CollectorTest, ACollectionCutAnywhereLosesNothingAndIsFinishedByTheNext) {
    const Bytes kept = content_of_size(20'000, 2);
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        TestRepository cut{step + 1};
        ASSERT_TRUE(cut.create(*cut.store()).ok());
        std::uint64_t young = 0;
        {
            OpenedTestRepository open{cut};
            const std::uint64_t old = open.backup(content_of_size(20'000, 1)).value();
            young = open.backup(kept).value();
            ASSERT_TRUE(open.repository.log().append(open.repository.actor(), cut.clock, Forget{{{old, "test"}}}).ok());
            cut.disk.cut_power_before(cut.disk.operations() + step);
            (void)collect(open.repository, open.repository.actor(), cut.clock, "", "host", monitor).ok();
        }
        const bool finished = !cut.disk.power_was_cut();
        cut.disk.restart();
        OpenedTestRepository open{cut};
        expect_whole(open, young, kept);
        ASSERT_TRUE(collect(open.repository, open.repository.actor(), cut.clock, "", "host", monitor).ok());
        expect_whole(open, young, kept);
        EXPECT_TRUE(open.repository.state().open_sessions().empty());
        if (finished) break;
    }
}

}  // namespace
}  // namespace dr
