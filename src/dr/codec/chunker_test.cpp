#include "dr/codec/chunker.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <random>
#include <string>

namespace dr {
namespace {

GearTable gear_of(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    GearTable gear;
    for (std::uint64_t& entry : gear) entry = random();
    return gear;
}

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    Bytes bytes(size);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

Bytes text(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    std::string lines;
    while (lines.size() < size)
        lines += std::to_string(random() % 1000) + ",Doha,2026-11-" + std::to_string(random() % 30) + "\n";
    lines.resize(size);
    return Bytes(lines.begin(), lines.end());
}

// The definition in chunker.h word for word, as slow as it reads.
std::size_t reference_cut(const ChunkSizes& sizes, const GearTable& gear, ByteSpan data, bool end_of_file) {
    const int a = std::countr_zero(sizes.average);
    for (std::size_t length = sizes.min; length <= data.size(); ++length) {
        if (length == sizes.max) return length;
        std::uint64_t hash = 0;
        for (std::size_t i = 0; i < 64; ++i) hash += gear[data[length - 1 - i]] << i;
        if ((hash >> (64 - (length < sizes.average ? a + 2 : a - 2))) == 0) return length;
    }
    return end_of_file ? data.size() : 0;
}

std::vector<std::size_t> cuts(const Chunker& chunker, ByteSpan data) {
    std::vector<std::size_t> ends;
    std::size_t at = 0;
    while (at < data.size()) {
        const std::size_t length = chunker.next_cut(data.subspan(at), true);
        if (length == 0 || length > chunker.max_size() || length > data.size() - at) break;
        ends.push_back(at += length);
    }
    return ends;
}

// Chunks smaller than a block of lanes, just as large, and larger.
const ChunkSizes kSmallSizes[] = {{64, 256, 1024}, {1000, 4096, 40000}, {4096, 16384, 65536}, {8192, 65536, 300000}};

TEST(Chunker, CutsWhereItsDefinitionSays) {
    const GearTable gear = gear_of(1);
    for (const ChunkSizes& sizes : kSmallSizes) {
        const Chunker chunker{sizes, gear};
        for (const Bytes& data : {random_bytes(600'000, 2), text(600'000, 3), Bytes(200'000, 0)}) {
            std::size_t at = 0;
            while (at < data.size()) {
                const ByteSpan rest = ByteSpan{data}.subspan(at);
                const std::size_t length = chunker.next_cut(rest, true);
                ASSERT_EQ(length, reference_cut(sizes, gear, rest, true))
                    << "at " << at << ", average " << sizes.average;
                at += length;
            }
        }
    }
}

// Every length of data, so that the end falls on every boundary of lanes, minimum, average and maximum.
TEST(Chunker, CutsWhereItsDefinitionSaysWhateverTheLengthOfTheData) {
    const ChunkSizes sizes{100, 256, 700};
    for (std::uint64_t seed = 0; seed < 15; ++seed) {
        const GearTable gear = gear_of(seed);
        const Chunker chunker{sizes, gear};
        const Bytes data = random_bytes(800, seed);
        for (std::size_t size = 0; size <= data.size(); ++size) {
            const ByteSpan part = ByteSpan{data}.first(size);
            for (const bool end_of_file : {false, true}) {
                ASSERT_EQ(chunker.next_cut(part, end_of_file), reference_cut(sizes, gear, part, end_of_file))
                    << "seed " << seed << ", size " << size;
            }
        }
    }
}

// A rare cut is put, by search, at chosen places: both sides of every lane boundary, minimum, average and maximum.
TEST(Chunker, FindsACutAtEveryBoundary) {
    const GearTable gear = gear_of(4);
    const ChunkSizes sizes{5000, 1U << 15, 90'000};
    const Chunker chunker{sizes, gear};
    // 64 bytes whose hash has 17 zero bits on top.
    std::mt19937_64 random{5};
    Bytes trigger(64);
    std::uint64_t hash = UINT64_MAX;
    while (hash >> 47 != 0) {
        hash = 0;
        for (std::uint8_t& byte : trigger) hash = (hash << 1) + gear[byte = static_cast<std::uint8_t>(random())];
    }
    ASSERT_EQ(chunker.next_cut(Bytes(100'000, 'x'), false), sizes.max);

    std::vector<std::size_t> lengths;
    for (const std::size_t origin : {sizes.min, sizes.average}) {
        for (std::size_t block = 0; block < 10; ++block) {
            for (std::size_t near = 0; near < 4; ++near) lengths.push_back(origin + block * 4096 + near);
        }
    }
    for (const std::size_t boundary : {sizes.min, sizes.average, sizes.max}) {
        for (std::size_t near = 0; near < 4; ++near) lengths.push_back(boundary - 2 + near);
    }
    for (const std::size_t length : lengths) {
        Bytes data(100'000, 'x');
        std::copy(trigger.begin(), trigger.end(), data.begin() + static_cast<std::ptrdiff_t>(length - 64));
        const std::size_t expected = length < sizes.min || length > sizes.max ? sizes.max : length;
        EXPECT_EQ(chunker.next_cut(data, false), reference_cut(sizes, gear, data, false)) << length;
        EXPECT_EQ(chunker.next_cut(data, false), expected) << length;

        // A second one later, in any lane, changes nothing.
        if (length < sizes.min) continue;
        for (std::size_t later = length + 64; later < length + 40'000 && later < data.size(); later += 8192 - 64) {
            Bytes both = data;
            std::copy(trigger.begin(), trigger.end(), both.begin() + static_cast<std::ptrdiff_t>(later - 64));
            EXPECT_EQ(chunker.next_cut(both, false), expected) << length << ", " << later;
        }
    }
}

TEST(Chunker, MoreBytesDoNotMoveACut) {
    const Chunker chunker{{1000, 4096, 20'000}, gear_of(6)};
    const Bytes data = random_bytes(30'000, 7);
    const std::size_t cut = chunker.next_cut(data, false);
    ASSERT_GT(cut, 0U);
    for (std::size_t size = 0; size <= data.size(); size += 13) {
        EXPECT_EQ(chunker.next_cut(ByteSpan{data}.first(size), false), size >= cut ? cut : 0) << size;
    }
}

TEST(Chunker, AnInsertionMovesOnlyTheCutsAroundIt) {
    const Chunker chunker{{1024, 4096, 16384}, gear_of(8)};
    const Bytes data = random_bytes(1'000'000, 9);
    Bytes changed = data;
    changed.insert(changed.begin() + 300'000, 17, 'x');

    const std::vector<std::size_t> before = cuts(chunker, data);
    std::map<std::size_t, bool> after;
    for (const std::size_t cut : cuts(chunker, changed)) after[cut < 300'000 ? cut : cut - 17] = true;
    std::size_t lost = 0;
    for (const std::size_t cut : before) lost += after.contains(cut) ? 0 : 1;
    EXPECT_GT(before.size(), 150U);
    EXPECT_LT(lost, 8U);
}

TEST(Chunker, ChunksHaveAboutTheirAverageSize) {
    const Chunker chunker{{4096, 16384, 65536}, gear_of(10)};
    const Bytes data = random_bytes(8'000'000, 11);
    const std::size_t mean = data.size() / cuts(chunker, data).size();
    EXPECT_GT(mean, 13'000U);
    EXPECT_LT(mean, 22'000U);
}

TEST(Chunker, AnotherKeyCutsElsewhere) {
    const Bytes data = random_bytes(100'000, 12);
    const ChunkSizes sizes{1024, 4096, 16384};
    EXPECT_NE(cuts(Chunker{sizes, gear_of(1)}, data), cuts(Chunker{sizes, gear_of(2)}, data));
}

TEST(Chunker, ZerosMakeChunksOfMaximumSize) {
    const Chunker chunker{ChunkSizes{}, gear_of(13)};
    EXPECT_EQ(chunker.next_cut(Bytes(5U << 20, 0), false), 4U << 20);
}

// What repositories hold rests on these cuts: if this fails, the next backup stores everything again.
TEST(Chunker, TheCutsOfVersion1StayWhereTheyAre) {
    GearTable gear;
    std::uint64_t state = 0;
    for (std::uint64_t& entry : gear) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        entry = state ^ (state >> 29);
    }
    Bytes data(6'000'000);
    for (std::uint8_t& byte : data) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        byte = static_cast<std::uint8_t>(state >> 56);
    }
    EXPECT_EQ(cuts(Chunker{ChunkSizes{}, gear}, data),
              (std::vector<std::size_t>{1143909, 2198491, 4300600, 5447746, 6000000}));
}

TEST(Chunker, FixedChunksAreAllOfOneSize) {
    const Chunker chunker = Chunker::fixed(1000);
    EXPECT_EQ(chunker.max_size(), 1000U);
    EXPECT_EQ(cuts(chunker, Bytes(2500, 1)), (std::vector<std::size_t>{1000, 2000, 2500}));
    EXPECT_EQ(chunker.next_cut(Bytes(999, 1), false), 0U);
    EXPECT_EQ(chunker.next_cut(Bytes(1000, 1), false), 1000U);
    EXPECT_EQ(chunker.next_cut(Bytes(3000, 1), false), 1000U);
    EXPECT_DEATH(Chunker::fixed(0), "a bug");
}

TEST(Chunker, NothingAtTheEndIsNoChunk) {
    EXPECT_EQ(Chunker::fixed(10).next_cut({}, true), 0U);
    EXPECT_EQ((Chunker{ChunkSizes{}, gear_of(1)}).next_cut({}, true), 0U);
}

TEST(ChunkSizes, OnlySensibleSizesPass) {
    EXPECT_TRUE(ChunkSizes{}.check().ok());
    EXPECT_TRUE((ChunkSizes{64, 256, 257}).check().ok());
    const ChunkSizes bad[] = {{63, 256, 1024}, {256, 256, 1024},           {64, 256, 256}, {64, 300, 1024},
                              {64, 128, 1024}, {64, 256, (64U << 20) + 1}, {0, 0, 0}};
    for (const ChunkSizes& sizes : bad) EXPECT_EQ(sizes.check().error().code(), ErrorCode::BadRequest) << sizes.average;
    EXPECT_DEATH((Chunker{ChunkSizes{0, 0, 0}, GearTable{}}), "a bug");
}

}  // namespace
}  // namespace dr
