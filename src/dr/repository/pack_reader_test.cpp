#include "dr/repository/pack_reader.h"

#include <gtest/gtest.h>

#include "dr/repository/pack_source.h"
#include "dr/repository/pack_testing.h"

namespace dr {
namespace {

using testing::put_small_pack;
using testing::TestBlob;
using testing::TestRepository;

class Packs : public ::testing::TestWithParam<bool> {
protected:
    Packs() : repository(GetParam()), name(put_small_pack(repository, &blobs)) {}

    Bytes& bytes() { return repository.store.objects()[name.object()]; }
    Result<PackVerified> verify() { return verify_pack(repository.store, repository.keys, repository.tools, name); }
    PackSource source() {
        return PackSource{{.objects = repository.store,
                           .keys = repository.keys,
                           .is_live = [](const PackId&) { return true; },
                           .live_packs = [this] { return std::vector{name}; }},
                          {}};
    }

    TestRepository repository;
    std::vector<TestBlob> blobs;
    PackName name;
};

INSTANTIATE_TEST_SUITE_P(EncryptedOrNot, Packs, ::testing::Bool());

TEST_P(Packs, AreVerifiedBlobByBlob) {
    const PackVerified verified = verify().value();
    EXPECT_EQ(verified.blobs, 4U);
    EXPECT_EQ(verified.bytes_read, bytes().size());
    std::uint64_t plain = 1 + 3;  // the lengths in the solid frame
    for (const TestBlob& blob : blobs) plain += blob.bytes.size();
    EXPECT_EQ(verified.plain_bytes, plain);
}

TEST_P(Packs, AreCheckedWithoutAKey) {
    EXPECT_TRUE(check_pack_slices(repository.store, name.object()).ok());
    EXPECT_EQ(read_pack_footer(repository.store, name.object()).value().id, name.id);
}

TEST_P(Packs, ListTheirBlobsInTheirDirectory) {
    const PackContents contents = read_pack_contents(repository.store, repository.keys, repository.tools, name).value();
    ASSERT_EQ(contents.frames.size(), 2U);
    std::vector<BlobId> listed;
    for (const DirectoryFrame& frame : contents.frames) {
        for (const DirectoryBlob& blob : frame.blobs) listed.push_back(blob.id);
    }
    // The large blob was whole before the solid frame was closed.
    const std::vector<BlobId> expected = {blobs[3].id, blobs[0].id, blobs[1].id, blobs[2].id};
    EXPECT_EQ(listed, expected);
}

// Whatever changes on disk, nobody ever gets bytes that are not the blob's.
TEST_P(Packs, WithAnyByteChangedNeverGiveAWrongBlob) {
    const Bytes good = bytes();
    for (std::size_t i = 0; i < good.size(); ++i) {
        SCOPED_TRACE("byte " + std::to_string(i) + " of " + std::to_string(good.size()));
        bytes() = good;
        bytes()[i] ^= 0x11;
        EXPECT_EQ(verify().error().code(), ErrorCode::Damaged);
        EXPECT_EQ(check_pack_slices(repository.store, name.object()).error().code(), ErrorCode::Damaged);
        PackSource reader = source();
        for (const TestBlob& blob : blobs) {
            const Result<Bytes> read = reader.read(blob.type, blob.id);
            EXPECT_TRUE(read.ok() ? read.value() == blob.bytes : read.error().code() == ErrorCode::Damaged);
        }
    }
}

TEST_P(Packs, CutShortAnywhereAreDamaged) {
    const Bytes good = bytes();
    for (std::size_t size = 0; size < good.size(); ++size) {
        bytes().assign(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_EQ(verify().error().code(), ErrorCode::Damaged) << size;
        EXPECT_EQ(check_pack_slices(repository.store, name.object()).error().code(), ErrorCode::Damaged) << size;
    }
    bytes() = good;
    bytes().push_back(0);
    EXPECT_EQ(verify().error().code(), ErrorCode::Damaged);
}

TEST_P(Packs, UnderTheNameOfAnotherAreDamaged) {
    const PackName other = put_small_pack(repository, nullptr, 2);
    std::swap(bytes(), repository.store.objects()[other.object()]);
    EXPECT_EQ(verify().error().code(), ErrorCode::Damaged);
    EXPECT_EQ(check_pack_slices(repository.store, name.object()).error().code(), ErrorCode::Damaged);
}

TEST_P(Packs, BelowAnotherSessionAreDamaged) {
    const PackName moved{name.session + 1, name.id};
    repository.store.objects()[moved.object()] = bytes();
    EXPECT_EQ(verify_pack(repository.store, repository.keys, repository.tools, moved).error().code(),
              ErrorCode::Damaged);
}

TEST_P(Packs, WithFramesOfAnotherPackAreDamaged) {
    const PackName other = put_small_pack(repository, nullptr, 2);
    const Bytes& others = repository.store.objects()[other.object()];
    const auto frames = read_pack_contents(repository.store, repository.keys, repository.tools, name).value().frames;
    // Of one length, so that only the seal can tell.
    const std::uint32_t length = std::min(frames[0].length(), 700U);
    std::copy_n(others.begin() + frames[0].offset, length, bytes().begin() + frames[0].offset);
    EXPECT_EQ(verify().error().code(), ErrorCode::Damaged);
}

TEST_P(Packs, OfAnotherRepositoryAreDamaged) {
    const RepositoryKeys foreign{GetParam(), testing::test_repository_id(2),
                                 GetParam() ? testing::test_ring() : plain_ring()};
    EXPECT_EQ(verify_pack(repository.store, foreign, repository.tools, name).error().code(), ErrorCode::Damaged);
}

TEST_P(Packs, OfARepositoryWithTheOtherEncryptionAreDamaged) {
    const RepositoryKeys other{!GetParam(), testing::test_repository_id(),
                               GetParam() ? plain_ring() : testing::test_ring()};
    EXPECT_EQ(verify_pack(repository.store, other, repository.tools, name).error().code(), ErrorCode::Damaged);
}

TEST_P(Packs, ThatAreIndexRunsHoldNoBlobs) {
    const std::string run = repository.store.list("index").value().at(0).name;
    const PackName disguised{name.session, pack_id_in_name(run).value()};
    repository.store.objects()[disguised.object()] = repository.store.objects()[run];
    EXPECT_EQ(verify_pack(repository.store, repository.keys, repository.tools, disguised).error().code(),
              ErrorCode::Damaged);
}

TEST_P(Packs, ThatAreNotThereAreNotFound) {
    repository.store.objects().clear();
    EXPECT_EQ(verify().error().code(), ErrorCode::NotFound);
}

// The seal is right, but the writer named a blob wrongly: a wrong restore is worse than a slow check.
TEST_P(Packs, WhoseBlobsAreNotWhatTheyAreNamedAreDamaged) {
    PackSink sink{repository.sink_world()};
    TestBlob liar = repository.blob(testing::noise(80'000, 5));
    liar.bytes[7] ^= 1;
    testing::add(sink, liar).value();
    name.id = sink.finish().value().packs.at(0).id;
    EXPECT_TRUE(check_pack_slices(repository.store, name.object()).ok());
    EXPECT_EQ(verify().error().code(), ErrorCode::Damaged);
    EXPECT_EQ(source().read(liar.type, liar.id).error().code(), ErrorCode::Damaged);
}

TEST_P(Packs, TellWhichOneIsDamaged) {
    bytes()[300] ^= 1;
    EXPECT_NE(verify().error().one_line().find(name.id.hex()), std::string::npos);
}

TEST_P(Packs, OfManySlicesAreCheckedInPieces) {
    PackSink sink{repository.sink_world()};
    testing::add(sink, repository.blob(testing::noise(5'000'000, 1))).value();
    const PackName large{7, sink.finish().value().packs.at(0).id};
    EXPECT_TRUE(check_pack_slices(repository.store, large.object()).ok());
    EXPECT_TRUE(verify_pack(repository.store, repository.keys, repository.tools, large).ok());
    repository.store.objects()[large.object()][4'999'999] ^= 1;
    EXPECT_FALSE(check_pack_slices(repository.store, large.object()).ok());
}

}  // namespace
}  // namespace dr
