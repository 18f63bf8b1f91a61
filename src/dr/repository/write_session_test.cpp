#include "dr/repository/write_session.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dr/repository/index_row.h"
#include "dr/repository/testing/test_repository.h"
#include "dr/repository/tree_reader.h"

namespace dr {
namespace {

using testing_support::content_of_size;
using testing_support::OpenedTestRepository;
using testing_support::TestRepository;

// What the snapshot of `record` holds in its one file.
Result<Bytes> read_back(OpenedTestRepository& open, std::uint64_t record) {
    const Snapshot* snapshot = open.repository.state().snapshot_at(record);
    if (snapshot == nullptr) return Error{ErrorCode::NotFound, "no such snapshot"};
    const Commit commit = DR_TRY(open.repository.log().commit_of(*snapshot));
    const Bytes plain = DR_TRY(open_record_body(open.repository.keys(), snapshot->session, commit.body, 1 << 20));
    const SnapshotBody body = DR_TRY(decode_snapshot_body(plain));
    const std::unique_ptr<PackSource> source = open_content(open.repository);
    const std::optional<Entry> file = DR_TRY(find_entry(*source, body.root, "file"));
    if (!file) return Error{ErrorCode::NotFound, "no such file"};
    return source->read(BlobType::Data, source->namer().name(BlobType::Data, file->content.sha256));
}

TEST(WriteSession, WhatWasCommittedIsReadBackByAnyoneWhoOpensIt) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    const Bytes content = content_of_size(100'000, 5);
    const std::uint64_t record = OpenedTestRepository{test}.backup(content).value();
    OpenedTestRepository later{test};
    EXPECT_EQ(read_back(later, record).value(), content);
    EXPECT_TRUE(later.repository.state().open_sessions().empty());
}

TEST(WriteSession, TheSameContentAgainStoresNoDataAndNamesItsParent) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    OpenedTestRepository open{test};
    const Bytes content = content_of_size(100'000, 5);
    const std::uint64_t first = open.backup(content).value();
    auto session = open.session().value();
    EXPECT_EQ(session->parent()->record, first);
    const DirRef root = open.store_file(*session, content).value();
    ASSERT_TRUE(session->commit(open.details(root, "spec", 30, false)).ok());
    EXPECT_EQ(session->totals().blobs_stored, 0U);
    EXPECT_FALSE(open.session("another plan").value()->parent());
}

// What the log calls damaged is neither a place to find content in nor part of the next snapshot, which therefore is
// whole; what is still good in it is read for older snapshots all the same.
TEST(WriteSession, WhatOnlyADamagedPackHoldsIsStoredAnew) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    OpenedTestRepository open{test};
    const Bytes content = content_of_size(100'000, 5);
    ASSERT_TRUE(open.backup(content_of_size(50'000, 6)).ok());  // its pack is inherited, and not damaged
    const std::uint64_t first = open.backup(content).value();
    const Snapshot before = *open.repository.state().snapshot_at(first);
    const PackNumbers packs = open.repository.state().packset_of(before);
    ASSERT_GE(packs.size(), 2U);
    const PackId damaged = open.repository.state().packs()[packs.back()].id;
    ASSERT_TRUE(open.repository.log().append(open.repository.actor(), test.clock, DamagedPacks{{damaged}}).ok());
    EXPECT_FALSE(open.repository.state().is_whole(*open.repository.state().snapshot_at(first)));
    EXPECT_EQ(read_back(open, first).value(), content);

    auto session = open.session().value();
    EXPECT_TRUE(session->parent_is_damaged());
    EXPECT_EQ(session->parent()->record, first);
    const DirRef root = open.store_file(*session, content).value();
    const std::uint64_t second = session->commit(open.details(root, "spec", 30, false)).value();
    EXPECT_GT(session->totals().blobs_stored, 0U);

    const State& state = open.repository.state();
    const Snapshot& after = *state.snapshot_at(second);
    EXPECT_TRUE(state.is_whole(after));
    for (const PackNumber number : packs)
        EXPECT_EQ(std::ranges::count(state.packset_of(after), number), state.packs()[number].live() ? 1 : 0)
            << "all but the damaged one";
    EXPECT_EQ(read_back(open, second).value(), content);
    EXPECT_FALSE(open.session().value()->parent_is_damaged());
}

TEST(WriteSession, AWormSnapshotSaysUntilWhen) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    OpenedTestRepository open{test};
    const std::uint64_t record =
        open.backup(as_bytes("evidence, long enough for a blob of its own"), "spec", 10, true).value();
    const Snapshot& snapshot = *open.repository.state().snapshot_at(record);
    EXPECT_TRUE(snapshot.worm);
    EXPECT_EQ(snapshot.retain_until.nanoseconds() - snapshot.created_at.nanoseconds(), 10 * kNanosecondsPerDay);
}

TEST(WriteSession, WhatADeadSessionStoredIsTakenOver) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    const Bytes content = content_of_size(300'000, 5);
    {
        OpenedTestRepository open{test};
        auto session = open.session().value();
        ASSERT_TRUE(open.store_file(*session, content).ok());
        ASSERT_TRUE(session->sink().finish().ok());  // durable, and then the process dies
    }
    test.clock.advance(kStaleSessionNanoseconds * 2);
    OpenedTestRepository open{test};
    ASSERT_TRUE(open.backup(as_bytes("something else moves the log's time on, far beyond the other")).ok());
    OpenedTestRepository later{test};
    auto session = later.session("third").value();
    const DirRef root = later.store_file(*session, content).value();
    const std::uint64_t record = session->commit(later.details(root, "third", 30, false)).value();
    EXPECT_GE(session->bytes_adopted() + 0, 0U);
    OpenedTestRepository last{test};
    EXPECT_EQ(read_back(last, record).value(), content);
    EXPECT_TRUE(last.repository.state().open_sessions().empty());
}

TEST(WriteSession, AnAbandonedSessionLeavesNoSnapshot) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    OpenedTestRepository open{test};
    auto session = open.session().value();
    ASSERT_TRUE(open.store_file(*session, content_of_size(100, 1)).ok());
    ASSERT_TRUE(session->abandon().ok());
    EXPECT_TRUE(open.repository.state().snapshots().empty());
    EXPECT_TRUE(open.repository.state().open_sessions().empty());
}

TEST(WriteSession, ManySnapshotsKeepFewIndexRuns) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    OpenedTestRepository open{test};
    std::vector<std::uint64_t> records;
    for (std::uint64_t i = 0; i < 30; ++i) records.push_back(open.backup(content_of_size(2000, i)).value());
    EXPECT_LE(open.repository.state().runs().size(), 17U);
    for (std::uint64_t i = 0; i < 30; ++i)
        EXPECT_EQ(read_back(open, records[i]).value(), content_of_size(2000, i)) << i;
}

void store_blob(OpenedTestRepository& open, WriteSession& session, const Bytes& bytes) {
    const auto content = std::make_shared<const Bytes>(bytes);
    const BlobId id = open.repository.keys().namer.name(BlobType::Data, sha256(*content));
    ASSERT_TRUE(session.sink().add(BlobType::Data, id, {*content, content}).ok());
}

// The index is a convenience: no part of it that rots may end a backup, and it becomes whole again by itself.
TEST(WriteSession, ARottenIndexRunEndsNoBackup) {
    constexpr std::uint64_t kMore = 40;
    enum class Rot { Rows, Packs, Footer, Gone };
    for (const Rot rot : {Rot::Rows, Rot::Packs, Rot::Footer, Rot::Gone}) {
        SCOPED_TRACE(static_cast<int>(rot));
        TestRepository test;
        ASSERT_TRUE(test.create(*test.store()).ok());
        std::vector<std::uint64_t> records;
        const auto content = [](std::uint64_t i) { return content_of_size(2000, i); };
        const auto back_up = [&](std::uint64_t i) {
            OpenedTestRepository open{test};
            auto session = open.session().value();
            // So many blobs that the ids of every run span those of the others.
            for (std::uint64_t more = 0; more < kMore; ++more)
                store_blob(open, *session, content_of_size(300, 1000 + i * kMore + more));
            const DirRef root = open.store_file(*session, content(i)).value();
            const Result<std::uint64_t> record = session->commit(open.details(root, "spec", 30, false));
            ASSERT_TRUE(record.ok()) << i << ": " << record.error().one_line();
            records.push_back(record.value());
        };
        for (std::uint64_t i = 0; i < 3; ++i) back_up(i);
        const auto store = test.store();
        const std::string run = store->list("index").value().at(1).name;
        Bytes bytes = store->get(run, 1 << 24).value();
        const std::size_t rows_end = kPackHeaderSize + kFrameOverhead + (kMore + 1) * sizeof(IndexRow);
        if (rot == Rot::Rows) bytes[kPackHeaderSize + 40] ^= 1;
        if (rot == Rot::Packs) bytes[rows_end + 40] ^= 1;
        if (rot == Rot::Footer) bytes[bytes.size() - 100] ^= 1;
        ASSERT_TRUE(test.disk.overwrite(run, bytes).ok());
        if (rot == Rot::Gone) store->remove(run).value();

        for (std::uint64_t i = 3; i < 30; ++i) back_up(i);
        OpenedTestRepository open{test};
        EXPECT_LE(open.repository.state().runs().size(), 17U);
        EXPECT_FALSE(open.repository.state().runs().contains(pack_id_in_name(run).value()));
        const auto source = open_content(open.repository);
        for (std::uint64_t i = 0; i < 30; ++i) {
            EXPECT_EQ(read_back(open, records[i]).value(), content(i)) << i;
            const BlobId id = source->namer().name(BlobType::Data, sha256(content(i)));
            EXPECT_EQ(source->index().packs_of(id, [](const PackId&) { return true; }).size(), 1U)
                << "the index has its row again";
        }
    }
}

// Many small packs: more than one record may list. Any limit that a commit runs into here would stop every retry too.
struct ManyPacks : testing::Test {
    TestRepository test;

    void SetUp() override {
        test.pack_target = 4096;
        test.solid_target = 4096;
        test.small_limit = 512;
        ASSERT_TRUE(test.create(*test.store()).ok());
    }
    // A pack for each blob.
    static void store_blobs(OpenedTestRepository& open, WriteSession& session, std::uint64_t first,
                            std::uint64_t count) {
        for (std::uint64_t i = first; i < first + count; ++i) store_blob(open, session, content_of_size(4200, i));
    }
};

TEST_F(ManyPacks, AreCommittedBesideALargeBody) {
    OpenedTestRepository open{test};
    auto session = open.session().value();
    store_blobs(open, *session, 0, 2500);
    CommitDetails details = open.details({}, "spec", 30, false);
    for (std::uint64_t i = 0; i < kMaxListedUnreadable; ++i)
        details.body.unreadable.emplace_back(as_text(content_of_size(440, 90'000 + i)), "no");
    const Result<std::uint64_t> record = session->commit(details);
    ASSERT_TRUE(record.ok()) << record.error().one_line();
    EXPECT_EQ(open.repository.state().packset_of(*open.repository.state().snapshot_at(record.value())).size(), 2500U);
}

// As many again that a snapshot holds which is forgotten, and whose packs are condemned, while the session is open.
TEST_F(ManyPacks, AreCommittedBesideManyThatMustBeRescued) {
    constexpr std::uint64_t kPacks = 7'800;
    std::uint64_t old = 0;
    {
        OpenedTestRepository open{test};
        auto session = open.session("old").value();
        store_blobs(open, *session, 0, kPacks);
        old = session->commit(open.details({}, "old", 30, false)).value();
    }
    OpenedTestRepository open{test};
    auto session = open.session().value();
    store_blobs(open, *session, 0, 2 * kPacks);  // the first half is found

    OpenedTestRepository other{test};
    Log& log = other.repository.log();
    ASSERT_TRUE(log.append(other.repository.actor(), test.clock, Forget{{{old, {}}}}).ok());
    std::vector<PackId> condemned;
    for (const PackNumber number : log.state().unneeded_packs()) condemned.push_back(log.state().packs()[number].id);
    ASSERT_EQ(condemned.size(), kPacks);
    ASSERT_TRUE(log.append(other.repository.actor(), test.clock, Condemn{log.state().head().seq, condemned}).ok());

    const Result<std::uint64_t> record = session->commit(open.details({}, "spec", 30, false));
    ASSERT_TRUE(record.ok()) << record.error().one_line();
    const State& state = open.repository.state();
    EXPECT_EQ(state.packset_of(*state.snapshot_at(record.value())).size(), 2 * kPacks);
    for (const PackId& id : condemned) ASSERT_TRUE(state.is_live(id));
}

// Power goes before every disk operation of two backups. Whatever was acknowledged is whole afterwards, and a third
// backup works.
TEST(WriteSession, PowerCutsNeverLoseAnAcknowledgedSnapshot) {
    const Bytes contents[] = {content_of_size(40'000, 1), content_of_size(30'000, 2)};
    for (std::uint64_t step = 0;; ++step) {
        SCOPED_TRACE("power cut before disk operation " + std::to_string(step));
        TestRepository test{step + 1};
        ASSERT_TRUE(test.create(*test.store()).ok());
        std::vector<std::uint64_t> acknowledged;
        {
            OpenedTestRepository open{test};
            test.disk.cut_power_before(test.disk.operations() + step);
            for (const Bytes& content : contents) {
                const Result<std::uint64_t> record = open.backup(content);
                if (record.ok()) acknowledged.push_back(record.value());
            }
        }
        const bool finished = !test.disk.power_was_cut();
        test.disk.restart();
        OpenedTestRepository later{test};
        for (std::size_t i = 0; i < acknowledged.size(); ++i)
            EXPECT_EQ(read_back(later, acknowledged[i]).value(), contents[i]);
        const Result<std::uint64_t> again = later.backup(contents[0]);
        ASSERT_TRUE(again.ok()) << again.error().one_line();
        EXPECT_EQ(read_back(later, again.value()).value(), contents[0]);
        if (finished) break;
    }
}

// No plaintext key, name or content in any byte of the repository.
TEST(WriteSession, NothingThatIsSecretStandsInTheClear) {
    TestRepository test;
    ASSERT_TRUE(test.create(*test.store()).ok());
    OpenedTestRepository open{test};
    const std::string content =
        "a sentence that nobody but key holders may find in the repository, long enough not to lie in the tree";
    ASSERT_TRUE(open.backup(as_bytes(content)).ok());
    const SlotFile& slot = test.key->slot;
    const std::string_view secrets[] = {
        std::string_view(content).substr(0, 24), "/app", as_text(open.repository.ring().k_id.bytes()),
        as_text(open.repository.ring().epochs.at(1).bytes()), as_text(test.key->opened.slot_private.bytes())};
    ASSERT_FALSE(slot.wrapped.empty());
    for (const ObjectInfo& object : open.store->list("").value()) {
        if (object.name == "FORMAT.txt") continue;
        const Bytes bytes = open.store->get(object.name, 1 << 24).value();
        for (const std::string_view secret : secrets)
            EXPECT_EQ(as_text(bytes).find(secret), std::string_view::npos) << object.name;
    }
}

}  // namespace
}  // namespace dr
