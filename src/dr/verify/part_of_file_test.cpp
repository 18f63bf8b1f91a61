#include "dr/verify/part_of_file.h"

#include <gtest/gtest.h>

#include "dr/restore/testing/tree_builder.h"

namespace dr {
namespace {

using namespace dr::testing;

// Of pieces that no blob needs to be read for.
Entry with_pieces(std::vector<Extent> extents) {
    Entry entry = named("file", EntryKind::File, 0640);
    entry.hard_link = true;
    entry.link_count = 2;
    entry.content.form = FileContent::Form::List;
    for (const Extent& extent : extents) entry.size += extent.length;
    entry.content.extents = std::move(extents);
    return entry;
}
Extent data(std::uint64_t length, std::uint8_t id = 1) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[0] = id;
    return {false, BlobId::from(bytes), length};
}
Extent hole(std::uint64_t length) { return {true, {}, length}; }

class PartOfFile : public ::testing::Test {
protected:
    std::vector<Extent> part(const Entry& file, std::uint64_t max_bytes, std::uint64_t rank) {
        const Entry part = part_of(blobs, file, {max_bytes, rank}).value();
        EXPECT_FALSE(part.hard_link);
        EXPECT_EQ(part.name, file.name);
        EXPECT_EQ(part.mode, file.mode);
        std::uint64_t size = 0;
        for (const Extent& extent : part.content.extents) size += extent.length;
        EXPECT_EQ(part.size, size);
        return part.content.extents;
    }

    MemoryBlobs blobs;
};

TEST_F(PartOfFile, BeginsAtThePieceThatTheRankMeetsAndHoldsWhatFits) {
    const Entry file = with_pieces({data(10'000, 1), data(10'000, 2), data(10'000, 3), data(10'000, 4)});
    EXPECT_EQ(part(file, 20'000, 0), (std::vector{data(10'000, 1), data(10'000, 2)}));
    EXPECT_EQ(part(file, 20'000, 10'000), (std::vector{data(10'000, 2), data(10'000, 3)}));
    EXPECT_EQ(part(file, 20'000, 19'999), (std::vector{data(10'000, 2), data(10'000, 3)}));
    EXPECT_EQ(part(file, 20'000, 20'000), part(file, 20'000, 0));
}

TEST_F(PartOfFile, HasOnePieceWhereNoneFits) {
    const Entry file = with_pieces({data(10'000, 1), data(10'000, 2)});
    for (const std::uint64_t rank : {0U, 9'999U, 10'000U, 19'998U, 19'999U}) EXPECT_EQ(part(file, 1, rank).size(), 1U);
}

TEST_F(PartOfFile, IsNeverAHoleAloneWhereThereIsData) {
    const Entry file =
        with_pieces({hole(1ULL << 40), data(5'000, 1), hole(1ULL << 40), data(5'000, 2), hole(1ULL << 40)});
    for (std::uint64_t rank = 0; rank < 10'000; rank += 500) {
        const std::vector<Extent> pieces = part(file, 9'500, rank);
        EXPECT_TRUE(std::ranges::any_of(pieces, [](const Extent& extent) { return !extent.hole; })) << rank;
    }
}

TEST_F(PartOfFile, EndsAlsoWhereAllIsHoles) {
    const Entry file = with_pieces(std::vector<Extent>(1000, hole(5)));
    EXPECT_EQ(part(file, 40'960, 7).size(), 10U);
}

TEST_F(PartOfFile, IsAllOfWhatIsNotInPieces) {
    Entry small = file(blobs, "small", "a few bytes");
    EXPECT_EQ(part_of(blobs, small, {1, 5}).value(), small);
}

TEST_F(PartOfFile, ReadsListsThatLieInBlobs) {
    Entry file = with_pieces(std::vector<Extent>(1000, data(10'000)));
    move_large_parts(file, {blobs, blobs.namer(), kSeed}).value();
    ASSERT_EQ(file.content.form, FileContent::Form::ListInBlobs);
    EXPECT_EQ(part(file, 100'000, 5'123'456).size(), 10U);
    blobs.forget(file.content.lists[0].id);
    EXPECT_EQ(part_of(blobs, file, {100'000, 0}).error().code(), ErrorCode::Damaged);
}

}  // namespace
}  // namespace dr
