// Restores from real packs that are damaged: what is lost costs itself, and nothing is lost of which a copy checks.

#include <gtest/gtest.h>

#include <cerrno>

#include "dr/repository/index_merge.h"
#include "dr/repository/pack_source.h"
#include "dr/repository/pack_testing.h"
#include "dr/repository/tree_writer.h"
#include "dr/restore/restore.h"
#include "dr/restore/testing/scratch.h"

namespace dr {
namespace {

using testing::RememberingMonitor;
using testing::Scratch;
using testing::TestBlob;
using testing::TestRepository;

constexpr std::size_t kFiles = 12;

// Twelve files, in as many packs as writers stored them who did not see each other. The parameter is about their size:
// small ones share a frame.
class EveryCopy : public ::testing::TestWithParam<std::size_t> {
protected:
    static constexpr std::uint64_t kFirst = 7;
    static constexpr std::uint64_t kSecond = 8;

    EveryCopy() {
        for (std::size_t i = 0; i < kFiles; ++i) files.push_back(repository.blob(testing::noise(GetParam() + i, i)));
    }

    PackName store(std::uint64_t session, const std::vector<TestBlob>& blobs) {
        SessionKeys keys{repository.keys, session, repository.host, repository.random, repository.clock};
        PackSinkOptions options;
        options.small_limit = 2048;
        PackSink sink{{.objects = repository.store, .pool = repository.pool, .keys = keys}, options};
        for (const TestBlob& blob : blobs) add(sink, blob).value();
        const SinkResult result = sink.finish().value();
        runs.insert(runs.end(), result.runs.begin(), result.runs.end());
        return {session, result.packs.at(0).id};
    }

    void start_again() {
        runs.clear();
        repository.store.objects().clear();
        std::filesystem::remove_all(scratch / "target");
    }

    // Changes a byte of what lies at the place of a file.
    void flip(const PackName& pack, std::size_t file) {
        repository.store.objects()[pack.object()][place_in(pack, file).frame_offset + 40] ^= 1;
    }
    BlobPlace place_in(const PackName& pack, std::size_t file) {
        const PackContents contents =
            read_pack_contents(repository.store, repository.keys, repository.tools, pack).value();
        for (const IndexRow& row : rows_of_pack(contents, 0)) {
            if (row.id() == Id16::of(files[file].id)) return {0, row.frame_offset, row.frame_length, row.ordinal};
        }
        DR_CHECK(false);
        return {};
    }

    static std::string name_of(std::size_t file) { return "file-" + std::to_string(10 + file); }

    DirRef tree() const {
        NoBlobs none;
        DirectoryWriter writer{TreeOutput{none, repository.keys.namer, 1}};
        for (std::size_t i = 0; i < kFiles; ++i) {
            Entry entry;
            entry.name = name_of(i);
            entry.kind = EntryKind::File;
            entry.mode = 0644;
            entry.uid = ::geteuid();
            entry.gid = ::getegid();
            entry.size = files[i].bytes.size();
            entry.content.form = FileContent::Form::Single;
            entry.content.sha256 = sha256(files[i].bytes);
            writer.add(entry).value();
        }
        return writer.finish().value();
    }

    Result<RestoreOutcome> restore_all() {
        RestoreRequest request;
        request.plan_id = Identifier::parse("plan-1").value();
        request.snapshot_id = Identifier::parse("snap-1").value();
        request.target_path = scratch / "target";
        request.sync = false;
        PackSource source{{.objects = repository.store,
                           .keys = repository.keys,
                           .is_live = [](const PackId&) { return true; },
                           .live_packs = [this] { return repository.stored_packs(); }},
                          runs};
        return restore(request, source, tree(), RestoreAllowlist{{scratch.path()}}, repository.pool, monitor);
    }

    // Only these are lost, and named as damaged.
    void expect_lost(std::vector<std::size_t> lost) {
        const RestoreOutcome outcome = restore_all().value();
        EXPECT_EQ(outcome.files_restored, kFiles - lost.size());
        EXPECT_EQ(outcome.failure_count, lost.size());
        EXPECT_EQ(outcome.worst_failure, lost.empty() ? ErrorCode::Io : ErrorCode::Damaged);
        for (std::size_t i = 0; i < kFiles; ++i) {
            const std::string path = scratch / ("target/" + name_of(i));
            if (std::ranges::find(lost, i) != lost.end()) {
                EXPECT_FALSE(std::filesystem::exists(path)) << i;
            } else {
                EXPECT_TRUE(equal(as_bytes(testing::read_file(path)), files[i].bytes)) << i;
            }
        }
    }

    // The tree is small enough to need none.
    struct NoBlobs final : BlobSink {
        Result<bool> add(BlobType, const BlobId&, BlobData) override { DR_CHECK(false); }
        Result<bool> reuse(const BlobId&) override { return false; }
        Result<SinkResult> finish() override { return SinkResult{}; }
        SinkTotals totals() const override { return {}; }
    };

    // Every read of a file's frame in this pack ends with this errno.
    void fail_reads(const PackName& pack, std::size_t file, int number) {
        const BlobPlace place = place_in(pack, file);
        repository.store.before_read = [=](std::string_view name, std::uint64_t offset,
                                           std::size_t size) -> Result<void> {
            if (name != pack.object() || offset + size <= place.frame_offset ||
                offset >= place.frame_offset + place.frame_length)
                return {};
            return Error::from_errno(number, "cannot read");
        };
    }

    TestRepository repository;
    std::vector<TestBlob> files;
    std::vector<PackId> runs;
    Scratch scratch;
    RememberingMonitor monitor;
};

class OneFrameEach : public EveryCopy {};
INSTANTIATE_TEST_SUITE_P(Frames, OneFrameEach, ::testing::Values(4000));
INSTANTIATE_TEST_SUITE_P(Frames, EveryCopy, ::testing::Values(4000, 300));

TEST_P(OneFrameEach, ABadSectorCostsTheFileInIt) {
    fail_reads(store(kFirst, files), 5, EIO);
    expect_lost({5});
}

TEST_P(OneFrameEach, WhatTheTargetOrTheProcessLacksIsNoDamage) {
    for (const int number : {EMFILE, ENFILE, ESTALE}) {
        repository.store.before_read = nullptr;
        if (runs.empty()) store(kFirst, files);
        fail_reads(repository.stored_packs().at(0), 5, number);
        const Result<RestoreOutcome> outcome = restore_all();
        ASSERT_FALSE(outcome.ok());
        EXPECT_EQ(outcome.error().code(), ErrorCode::Io);
    }
    // What concerns one pack costs what is in it, and is not called damaged.
    fail_reads(repository.stored_packs().at(0), 5, EACCES);
    const RestoreOutcome outcome = restore_all().value();
    EXPECT_EQ(outcome.failure_count, 1U);
    EXPECT_EQ(outcome.worst_failure, ErrorCode::Io);
}

TEST_P(OneFrameEach, WhatIsWholeInADamagedPackIsReadWhereTheOtherIsGone) {
    for (const bool first_goes : {true, false}) {
        start_again();
        const PackName first = store(kFirst, files);
        const PackName second = store(kSecond, files);
        flip(first_goes ? second : first, 3);
        repository.store.remove((first_goes ? first : second).object()).value();
        expect_lost({3});
    }
}

TEST_P(OneFrameEach, TwoDamagedPacksLoseOnlyWhatBothLost) {
    const PackName first = store(kFirst, files);
    const PackName second = store(kSecond, files);
    for (const std::size_t file : {0, 2, 4, 6}) flip(first, file);
    for (const std::size_t file : {1, 2, 5, 6, 11}) flip(second, file);
    expect_lost({2, 6});
}

// Whoever holds no key but may write a repository without encryption can make such a frame.
TEST_P(EveryCopy, AFrameThatOpensAndHoldsSomethingElseIsNotTheLastWord) {
    std::vector<TestBlob> lying = files;
    lying[4].bytes[10] ^= 1;
    lying[9].bytes.pop_back();
    for (const std::uint64_t liar : {kFirst, kSecond}) {
        start_again();
        store(kFirst, liar == kFirst ? lying : files);
        store(kSecond, liar == kSecond ? lying : files);
        expect_lost({});
    }
}

TEST_P(EveryCopy, APackThatIsGoneIsDamage) {
    const PackName pack = store(kFirst, files);
    repository.store.remove(pack.object()).value();
    const RestoreOutcome outcome = restore_all().value();
    EXPECT_EQ(outcome.failure_count, kFiles);
    EXPECT_EQ(outcome.worst_failure, ErrorCode::Damaged);
}

}  // namespace
}  // namespace dr
