#include "dr/verify/verify_snapshot.h"

#include "dr/repository/snapshot_body.h"

#include <gtest/gtest.h>

#include "dr/restore/testing/scratch.h"
#include "dr/restore/testing/source_in_front.h"
#include "dr/restore/testing/tree_builder.h"
#include "dr/verify/smoke_restore.h"

namespace dr {
namespace {

using namespace dr::testing;

std::string noise(std::size_t size, std::uint64_t seed) {
    std::string text(size, 0);
    for (char& c : text) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        c = static_cast<char>(seed >> 56);
    }
    return text;
}

constexpr std::uint64_t kMebibyte = 1U << 20;

// One chunk again and again: large, and made in no time.
Entry repeated(MemoryBlobs& blobs, std::string name, std::size_t mebibytes) {
    Entry entry = named(std::move(name), EntryKind::File, 0644);
    const std::string chunk = noise(kMebibyte, 77);
    Sha256Stream whole;
    entry.size = mebibytes * kMebibyte;
    entry.content.form = FileContent::Form::List;
    for (std::size_t i = 0; i < mebibytes; ++i) {
        whole.update(as_bytes(chunk));
        entry.content.extents.push_back({false, blobs.store(BlobType::Data, as_bytes(chunk)), kMebibyte});
    }
    entry.content.sha256 = whole.finish();
    return entry;
}

class VerifyTest : public ::testing::Test {
protected:
    VerifyTest() {
        std::vector<Entry> many;
        for (int i = 0; i < 600; ++i)
            many.push_back(file(blobs, "f" + std::to_string(i), noise(static_cast<std::size_t>(66 + i), i)));
        std::string sparse = noise(900'000, 5);
        std::fill(sparse.begin() + 200'000, sparse.begin() + 700'000, 0);
        inner = directory(blobs, "many", many);
        Entry noted = file(blobs, "noted", "small");
        noted.xattrs = {{"user.long", Bytes(5000, 7)}};
        root = tree(blobs, {inner, file(blobs, "big", noise(1'500'000, 1)), file(blobs, "sparse", sparse),
                            file(blobs, "empty", ""), noted, symlink_to("link", "x")});
    }
    VerifyRequest request() const {
        VerifyRequest asked;
        asked.report_id = Identifier::parse("report-1").value();
        asked.snapshot_id = Identifier::parse("snap-1").value();
        asked.manifest_nonce.fill(9);
        asked.manifest_hash = manifest_hash(asked.manifest_nonce, root);
        asked.commit_hash = RecordHash::from(sha256(as_bytes("commit")).bytes());
        asked.scratch_directory = scratch.path();
        return asked;
    }
    VerificationReport run(const VerifyRequest& asked) {
        const VerificationReport report = verify_snapshot(asked, blobs, root, pool, monitor).value();
        EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));  // the private directory is gone
        return report;
    }
    BlobId blob(const std::string& content) const {
        return blobs.namer().name(BlobType::Data, sha256(as_bytes(content)));
    }

    Scratch scratch;
    MemoryBlobs blobs;
    TaskPool pool{2};
    RememberingMonitor monitor;
    Entry inner;
    DirRef root;
};

TEST_F(VerifyTest, AWholeSnapshotPasses) {
    const VerificationReport report = run(request());
    EXPECT_TRUE(report.passed()) << report.errors.size();
    EXPECT_EQ(report.files_checked, 10U);
    EXPECT_FALSE(report.everything_read);

    VerifyRequest more = request();
    more.sample_count = 10'000;
    const VerificationReport all = run(more);
    EXPECT_TRUE(all.passed());
    EXPECT_EQ(all.files_checked, 604U);
    EXPECT_GT(all.bytes_checked, 1'900'000U);
}

TEST_F(VerifyTest, TheSampleIsTheSameEachTimeAndAnotherForAnotherCommit) {
    VerifyRequest one = request();
    one.sample_count = 3;
    const std::uint64_t bytes = run(one).bytes_checked;
    EXPECT_EQ(run(one).bytes_checked, bytes);
    bool other = false;
    for (int i = 0; i < 5 && !other; ++i) {
        one.commit_hash = RecordHash::from(sha256(as_bytes(std::to_string(i))).bytes());
        other = run(one).bytes_checked != bytes;
    }
    EXPECT_TRUE(other);
}

TEST_F(VerifyTest, ARootThatTheCommitDoesNotNameIsSaidSo) {
    VerifyRequest asked = request();
    asked.manifest_nonce[0] ^= 1;
    const VerificationReport report = run(asked);
    EXPECT_FALSE(report.manifest_ok);
    EXPECT_FALSE(report.passed());
    EXPECT_TRUE(report.restore_smoke_ok);
}

TEST_F(VerifyTest, AMissingBlobIsNamedWithItsFile) {
    blobs.forget(blob(noise(66 + 17, 17)));
    const VerificationReport report = run(request());
    EXPECT_FALSE(report.manifest_ok);
    ASSERT_FALSE(report.errors.empty());
    EXPECT_NE(report.errors[0].find("snap-1"), std::string::npos);
    EXPECT_NE(report.errors[0].find("'many/f17'"), std::string::npos) << report.errors[0];
}

TEST_F(VerifyTest, AMissingNodeCostsItsDirectoryAndTheRestIsStillLookedAt) {
    ASSERT_EQ(inner.directory.form, DirRef::Form::Node);
    blobs.forget(inner.directory.node.id);
    blobs.forget(blob(noise(1'500'000, 1).substr(100'000, 100'000)));
    const VerificationReport report = run(request());
    EXPECT_FALSE(report.passed());
    EXPECT_FALSE(report.restore_smoke_ok);
    ASSERT_GE(report.errors.size(), 2U);
    EXPECT_NE(report.errors[0].find("'many'"), std::string::npos) << report.errors[0];
    EXPECT_NE(report.errors[1].find("'big'"), std::string::npos) << report.errors[1];
}

TEST_F(VerifyTest, AFlippedByteInASampledFileIsFound) {
    blobs.flip(blob(noise(66 + 17, 17)));
    VerifyRequest asked = request();
    asked.sample_count = 1000;
    const VerificationReport report = run(asked);
    EXPECT_TRUE(report.manifest_ok);
    EXPECT_FALSE(report.sample_files_ok);
    EXPECT_FALSE(report.decrypt_ok);
    EXPECT_FALSE(report.restore_smoke_ok);
    EXPECT_NE(report.errors.at(0).find("'many/f17'"), std::string::npos);
}

TEST_F(VerifyTest, AFileWhoseHashIsNotThatOfItsBlobsIsFound) {
    Entry liar = file(blobs, "liar", noise(300'000, 3));
    liar.content.sha256 = sha256(as_bytes("something else"));
    root = tree(blobs, {liar});
    const VerificationReport report = run(request());
    EXPECT_FALSE(report.sample_files_ok);
    EXPECT_FALSE(report.restore_smoke_ok);
    EXPECT_NE(report.errors.at(0).find("SHA-256"), std::string::npos);
}

TEST_F(VerifyTest, AFileThatCameBackIsReadOnce) {
    root = tree(blobs, {file(blobs, "big", noise(1'500'000, 1))});
    blobs.frames_opened = 0;
    const VerificationReport report = run(request());
    EXPECT_TRUE(report.passed());
    EXPECT_EQ(blobs.frames_opened, 15U);
    EXPECT_EQ(report.bytes_checked, 1'500'000U);
    EXPECT_EQ(report.bytes_restored, 1'500'000U);
}

TEST_F(VerifyTest, TheSmallestOfTheSampleComeBack) {
    root =
        tree(blobs, {repeated(blobs, "large", 50), repeated(blobs, "larger", 60), file(blobs, "small", noise(99, 1))});
    const VerificationReport report = run(request());
    EXPECT_TRUE(report.passed());
    EXPECT_EQ(report.files_checked, 3U);
    EXPECT_EQ(report.files_restored, 2U);
    EXPECT_EQ(report.bytes_restored, 50 * kMebibyte + 99);
}

TEST_F(VerifyTest, OfAFileThatIsTooLargeAPartComesBackAndAllIsHashed) {
    Entry large = repeated(blobs, "large", 100);
    root = tree(blobs, {large});
    const VerificationReport good = run(request());
    EXPECT_TRUE(good.passed());
    EXPECT_EQ(good.files_restored, 1U);
    EXPECT_EQ(good.bytes_restored, kMaxSmoke);
    EXPECT_EQ(good.bytes_checked, large.size);

    large.content.sha256 = sha256(as_bytes("something else"));
    root = tree(blobs, {large});
    const VerificationReport liar = run(request());
    EXPECT_FALSE(liar.sample_files_ok);
    EXPECT_TRUE(liar.restore_smoke_ok);

    blobs.flip(large.content.extents[0].chunk);
    const VerificationReport bad = run(request());
    EXPECT_FALSE(bad.restore_smoke_ok);
    EXPECT_FALSE(bad.decrypt_ok);
}

// 200 GiB, of which 1 MiB is not a hole.
TEST_F(VerifyTest, AVastFileOfHolesComesBack) {
    Entry image = repeated(blobs, "image", 1);
    for (const bool before : {true, false}) {
        const Extent hole{true, {}, 100 * 1024 * kMebibyte};
        image.content.extents.insert(before ? image.content.extents.begin() : image.content.extents.end(), hole);
        image.size += hole.length;
    }
    root = tree(blobs, {image});
    const VerificationReport report = run(request());
    EXPECT_TRUE(report.passed()) << report.errors.at(0);
    EXPECT_EQ(report.bytes_restored, kMebibyte);
}

TEST_F(VerifyTest, EveryPackIsReadAndTheFilesOfADamagedOneAreNamed) {
    VerifyRequest asked = request();
    asked.packs = {PackId{}, PackId::from(sha256(as_bytes("other")).bytes())};
    asked.verify_pack = [](const PackId&) -> Result<std::uint64_t> { return 1000U; };
    const VerificationReport good = run(asked);
    EXPECT_TRUE(good.passed());
    EXPECT_TRUE(good.everything_read);
    EXPECT_EQ(good.bytes_checked, 2000U);
    EXPECT_EQ(good.files_checked, 604U);
    EXPECT_EQ(good.files_restored, 10U);

    // MemoryBlobs calls all its packs zero.
    blobs.flip(blob(noise(66 + 17, 17)));
    asked.sample_count = 1;
    asked.verify_pack = [](const PackId& pack) -> Result<std::uint64_t> {
        if (pack.is_zero()) return Error{ErrorCode::Damaged, "a frame does not open"};
        return 1000U;
    };
    const VerificationReport bad = run(asked);
    EXPECT_FALSE(bad.decrypt_ok);
    EXPECT_FALSE(bad.sample_files_ok);
    ASSERT_EQ(bad.errors.size(), 2U);
    EXPECT_NE(bad.errors[0].find("pack 0000"), std::string::npos);
    EXPECT_NE(bad.errors[1].find("'many/f17'"), std::string::npos);
}

TEST_F(VerifyTest, WhereEveryPackWasReadAFileWithAWrongHashIsFoundAllTheSame) {
    Entry liar = repeated(blobs, "liar", 20);
    liar.content.sha256 = sha256(as_bytes("something else"));
    root = tree(blobs, {liar, repeated(blobs, "large", 70)});
    VerifyRequest asked = request();
    asked.packs = {PackId{}};
    asked.verify_pack = [](const PackId&) -> Result<std::uint64_t> { return 1000U; };
    const VerificationReport report = run(asked);
    EXPECT_FALSE(report.passed());
    ASSERT_EQ(report.errors.size(), 1U);
    EXPECT_NE(report.errors[0].find("'liar': what came back is not what its SHA-256 says"), std::string::npos)
        << report.errors[0];
}

TEST_F(VerifyTest, AnEmptySnapshotPasses) {
    root = DirRef{};
    EXPECT_TRUE(run(request()).passed());
}

TEST_F(VerifyTest, ItStopsWhenAskedAndFailsWithoutAScratchDirectory) {
    VerifyRequest asked = request();
    asked.scratch_directory = scratch / "missing";
    EXPECT_FALSE(verify_snapshot(asked, blobs, root, pool, monitor).ok());
    monitor.cancel = true;
    EXPECT_EQ(verify_snapshot(request(), blobs, root, pool, monitor).error().code(), ErrorCode::Cancelled);
}

TEST_F(VerifyTest, WithoutAScratchDirectoryNothingIsRead) {
    VerifyRequest asked = request();
    asked.scratch_directory = scratch / "missing";
    asked.packs = {PackId{}};
    bool read = false;
    asked.verify_pack = [&](const PackId&) -> Result<std::uint64_t> {
        read = true;
        return 1U;
    };
    const Result<VerificationReport> report = verify_snapshot(asked, blobs, root, pool, monitor);
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.error().code(), ErrorCode::Io);
    EXPECT_TRUE(report.error().meaning().starts_with("nothing was read")) << report.error().meaning();
    EXPECT_FALSE(read);
}

// A disk that is taken away meanwhile.
TEST_F(VerifyTest, DamageIsReportedAlsoWhereTheScratchDirectoryWentAway) {
    VerifyRequest asked = request();
    asked.scratch_directory = scratch / "gone";
    asked.packs = {PackId::from(sha256(as_bytes("other")).bytes())};
    Result<std::uint64_t> read = Error{ErrorCode::Damaged, "a frame does not open"};
    asked.verify_pack = [&](const PackId&) {
        std::filesystem::remove_all(asked.scratch_directory);
        return read;
    };
    std::filesystem::create_directory(asked.scratch_directory);
    const Result<VerificationReport> bad = verify_snapshot(asked, blobs, root, pool, monitor);
    ASSERT_TRUE(bad.ok());
    EXPECT_FALSE(bad.value().passed());
    EXPECT_FALSE(bad.value().restore_smoke_ok);
    ASSERT_EQ(bad.value().errors.size(), 2U);
    EXPECT_NE(bad.value().errors[0].find("a frame does not open"), std::string::npos);
    EXPECT_NE(bad.value().errors[1].find("scratch directory"), std::string::npos) << bad.value().errors[1];

    read = 1000U;
    std::filesystem::create_directory(asked.scratch_directory);
    const Result<VerificationReport> good = verify_snapshot(asked, blobs, root, pool, monitor);
    ASSERT_FALSE(good.ok());
    EXPECT_TRUE(good.error().meaning().starts_with("what was looked at before was good")) << good.error().meaning();
}

// Somebody who asks to stop as soon as the first byte of content is read.
class ImpatientSource final : public SourceInFront {
public:
    ImpatientSource(BlobSource& source, RememberingMonitor& monitor) : SourceInFront(source), monitor_(monitor) {}
    Result<Bytes> read(BlobType type, const BlobId& id) override {
        if (type == BlobType::Data) {
            ++blobs_read;
            monitor_.cancel = true;
        }
        return SourceInFront::read(type, id);
    }

    std::atomic<int> blobs_read{0};

private:
    RememberingMonitor& monitor_;
};

TEST_F(VerifyTest, ItStopsInTheMiddleOfALargeFile) {
    root = tree(blobs, {repeated(blobs, "big", 80)});  // too large for the trial to prove it
    ImpatientSource source{blobs, monitor};
    EXPECT_EQ(verify_snapshot(request(), source, root, pool, monitor).error().code(), ErrorCode::Cancelled);
    EXPECT_LT(source.blobs_read, 40);
}

}  // namespace
}  // namespace dr
