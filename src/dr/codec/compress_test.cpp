#include "dr/codec/compress.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <cmath>
#include <random>
#include <string>

namespace dr {
namespace {

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    Bytes bytes(size);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

Bytes csv(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    std::string lines = "id,city,date,amount\n";
    while (lines.size() < size) {
        lines += std::to_string(random() % 1'000'000) + ",Doha,2026-11-" + std::to_string(random() % 30) + "," +
                 std::to_string(random() % 10'000) + ".50\n";
    }
    lines.resize(size);
    return Bytes(lines.begin(), lines.end());
}

Bytes prose(std::size_t size) {
    std::string words;
    while (words.size() < size)
        words += "Ministry of Labour \u0648\u0632\u0627\u0631\u0629 \u0627\u0644\u0639\u0645\u0644\n";
    words.resize(size);
    return Bytes(words.begin(), words.end());
}

Bytes packed_by(Compressor& compressor, ByteSpan plain) {
    Bytes out(Compressor::bound(plain.size()));
    out.resize(compressor.compress(plain, out).value());
    return out;
}

ErrorCode code_of(const Result<void>& result) { return result.error().code(); }

TEST(Compress, WhatIsPackedIsUnpacked) {
    Decompressor decompressor;
    for (const int level : {1, 3, 9}) {
        Compressor compressor{level};
        for (const std::size_t size : {0, 1, 100, 70'000, 1'200'000}) {
            for (const Bytes& plain : {csv(size, 1), random_bytes(size, 2), Bytes(size, 0)}) {
                const Bytes packed = packed_by(compressor, plain);
                Bytes out(plain.size(), 0xee);
                ASSERT_TRUE(decompressor.decompress(packed, out).ok()) << level << ", " << size;
                EXPECT_EQ(out, plain);
            }
        }
    }
}

TEST(Compress, FramesArePlain) {
    for (const int level : {1, 3, 19, kLevelForNumbers}) {
        Compressor compressor{level};
        const Bytes packed = packed_by(compressor, csv(300'000, 3));
        EXPECT_TRUE(equal(ByteSpan{packed}.first(5), Bytes{0x28, 0xb5, 0x2f, 0xfd, 0})) << level;
        EXPECT_EQ(ZSTD_getFrameContentSize(packed.data(), packed.size()), ZSTD_CONTENTSIZE_UNKNOWN);
    }
}

// What the object compressed before, what failed in it, or that it is another one: no byte may depend on it.
TEST(Compress, EqualBytesPackEqually) {
    for (const int level : {1, 3, 6, 13, kLevelForNumbers}) {
        Compressor reused{level};
        for (std::uint64_t seed = 0; seed < 25; ++seed) {
            const Bytes plain = csv(1000 + seed * 9173, seed % 5);
            Compressor fresh{level};
            Bytes tiny(20);
            EXPECT_EQ(reused.compress(random_bytes(5000, seed), tiny).error().code(), ErrorCode::NoSpace);
            ASSERT_EQ(packed_by(reused, plain), packed_by(fresh, plain)) << level << ", " << seed;
        }
    }
}

TEST(Compress, WhatDoesNotShrinkDoesNotFit) {
    Compressor compressor{1};
    const Bytes plain = random_bytes(100'000, 4);
    Bytes out(plain.size() - 1);
    EXPECT_EQ(compressor.compress(plain, out).error().code(), ErrorCode::NoSpace);
    const Bytes text = csv(100'000, 4);
    EXPECT_TRUE(compressor.compress(text, out).ok());
}

TEST(Compress, TheBuildNamesLibraryAndLevel) {
    EXPECT_EQ(codec_build(3), ZSTD_versionNumber() * 256 + 3);
    EXPECT_NE(codec_build(3), codec_build(4));
    EXPECT_NE(codec_build(kLevelForNumbers), codec_build(1));
    EXPECT_DEATH(codec_build(21), "a bug");
    EXPECT_DEATH(Compressor{0}, "a bug");
}

TEST(Decompress, TheSizeMustBeExactAndNothingBeyondIsTouched) {
    Compressor compressor{1};
    Decompressor decompressor;
    const Bytes plain = csv(50'000, 5);
    const Bytes packed = packed_by(compressor, plain);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, plain.size() - 1, plain.size() + 1, plain.size() * 2}) {
        Bytes room(size + 64, 0xee);
        EXPECT_EQ(code_of(decompressor.decompress(packed, MutableByteSpan{room}.first(size))), ErrorCode::Damaged)
            << size;
        EXPECT_EQ(Bytes(room.end() - 64, room.end()), Bytes(64, 0xee)) << size;
    }
}

TEST(Decompress, EveryShorterOrLongerFrameIsDamaged) {
    Compressor compressor{1};
    Decompressor decompressor;
    const Bytes plain = csv(3000, 6);
    Bytes packed = packed_by(compressor, plain);
    Bytes out(plain.size());
    for (std::size_t size = 0; size < packed.size(); ++size) {
        EXPECT_EQ(code_of(decompressor.decompress(ByteSpan{packed}.first(size), out)), ErrorCode::Damaged) << size;
    }
    packed.push_back(0);
    EXPECT_EQ(code_of(decompressor.decompress(packed, out)), ErrorCode::Damaged);
}

TEST(Decompress, ASecondFrameIsDamaged) {
    Compressor compressor{1};
    Decompressor decompressor;
    const Bytes plain = csv(3000, 7);
    Bytes packed = packed_by(compressor, plain);
    append(packed, Bytes(packed));
    Bytes out(2 * plain.size());
    EXPECT_EQ(code_of(decompressor.decompress(packed, out)), ErrorCode::Damaged);

    Bytes skippable{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
    EXPECT_EQ(code_of(decompressor.decompress(skippable, MutableByteSpan{})), ErrorCode::Damaged);
}

TEST(Decompress, OtherKindsOfFramesAreDamaged) {
    Decompressor decompressor;
    const Bytes plain = csv(3000, 8);
    Bytes out(plain.size());
    Bytes packed(Compressor::bound(plain.size()));

    // With a content size, as zstd does by default.
    packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 1));
    EXPECT_EQ(code_of(decompressor.decompress(packed, out)), ErrorCode::Damaged);

    // A dictionary id, a checksum, a reserved bit; then windows: 8 MiB, and the next larger one.
    Compressor compressor{1};
    const Bytes good = packed_by(compressor, plain);
    for (const std::uint8_t descriptor : {std::uint8_t{1}, std::uint8_t{4}, std::uint8_t{8}}) {
        Bytes bad = good;
        bad[4] = descriptor;
        EXPECT_EQ(code_of(decompressor.decompress(bad, out)), ErrorCode::Damaged) << int{descriptor};
    }
    Bytes window = good;
    window[5] = 13 << 3;
    EXPECT_TRUE(decompressor.decompress(window, out).ok());
    for (const std::uint8_t large : {std::uint8_t{(13 << 3) + 1}, std::uint8_t{14 << 3}, std::uint8_t{0xff}}) {
        window[5] = large;
        EXPECT_EQ(code_of(decompressor.decompress(window, out)), ErrorCode::Damaged) << int{large};
    }
}

TEST(Decompress, TheStrongestLevelStaysWithinTheWindow) {
    Compressor compressor{kMaxCompressionLevel};
    Decompressor decompressor;
    const Bytes plain(16U << 20, 'z');
    const Bytes packed = packed_by(compressor, plain);
    Bytes out(plain.size());
    EXPECT_TRUE(decompressor.decompress(packed, out).ok());
}

// A frame with changed bytes inflates to something of the right size or is Damaged; the next good one is not harmed.
TEST(Decompress, ChangedBytesNeverHarm) {
    Compressor compressor{3};
    Decompressor decompressor;
    const Bytes plain = csv(20'000, 9);
    const Bytes good = packed_by(compressor, plain);
    std::mt19937_64 random{10};
    Bytes out(plain.size());
    for (int round = 0; round < 3000; ++round) {
        Bytes bad = good;
        for (int i = 0; i < 3; ++i) bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
        const Result<void> result = decompressor.decompress(bad, out);
        ASSERT_TRUE(result.ok() || code_of(result) == ErrorCode::Damaged);
    }
    ASSERT_TRUE(decompressor.decompress(good, out).ok());
    EXPECT_EQ(out, plain);
}

TEST(Decompress, AMovedObjectGoesOnWorking) {
    Compressor first{1};
    Compressor second = std::move(first);
    first = Compressor{2};
    EXPECT_EQ(first.level(), 2);
    Decompressor one;
    Decompressor other = std::move(one);
    one = Decompressor{};
    const Bytes plain = csv(100, 1);
    Bytes out(100);
    EXPECT_TRUE(other.decompress(packed_by(second, plain), out).ok());
    EXPECT_TRUE(one.decompress(packed_by(first, plain), out).ok());
}

TEST(Incompressible, RandomBytesAreSoInEverySize) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const std::size_t size = (64U << 10) + seed * seed * 397;
        EXPECT_TRUE(looks_incompressible(random_bytes(size, seed))) << seed;
    }
}

// Numbers as a program writes them: small values in four bytes each, so most bytes are zero.
Bytes table(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    Bytes out(size);
    for (std::size_t i = 0; i < size; i += 4) out[i] = static_cast<std::uint8_t>(random());
    return out;
}

TEST(ContentOf, TellsTablesColumnsOfNumbersAndTextInAnyLanguage) {
    for (const std::size_t size : {4U, 100U, 5000U, 300'000U})
        EXPECT_EQ(content_of(table(size, 1)), Content::Binary) << size;
    for (const std::size_t size : {100U, 5000U, 300'000U})
        EXPECT_EQ(content_of(csv(size, 2)), Content::Numbers) << size;
    EXPECT_EQ(content_of({}), Content::Text);
    EXPECT_EQ(content_of(prose(100'000)), Content::Text);
}

TEST(LevelFor, BytesDecideUnlessTheSettingDoes) {
    const Bytes text = prose(1U << 20);
    const Bytes numbers = csv(1U << 20, 3);
    const Bytes binary = table(1U << 20, 4);
    const Bytes noise = random_bytes(1U << 20, 5);
    EXPECT_EQ(level_for(text, kLevelByContent), 1);
    EXPECT_EQ(level_for(numbers, kLevelByContent), kLevelForNumbers);
    EXPECT_EQ(level_for(binary, kLevelByContent), 3);
    EXPECT_EQ(level_for(noise, kLevelByContent), kNoCompression);
    EXPECT_EQ(level_for(noise, 9), kNoCompression);
    EXPECT_EQ(level_for(text, 9), 9);
    EXPECT_EQ(level_for(numbers, 9), 9);
    EXPECT_EQ(level_for(binary, 9), 9);
    EXPECT_EQ(level_for(text, kNoCompression), kNoCompression);
}

TEST(Compress, ALevelCanBeChangedAndBack) {
    const Bytes plain = csv(300'000, 6);
    Compressor changing{3};
    changing.set_level(1);
    Compressor one{1};
    EXPECT_EQ(packed_by(changing, plain), packed_by(one, plain));
    changing.set_level(3);
    Compressor three{3};
    EXPECT_EQ(packed_by(changing, plain), packed_by(three, plain));
    EXPECT_NE(packed_by(changing, plain), packed_by(one, plain));
    changing.set_level(kLevelForNumbers);
    EXPECT_NE(packed_by(changing, plain), packed_by(one, plain));
    changing.set_level(1);
    EXPECT_EQ(packed_by(changing, plain), packed_by(one, plain));
}

TEST(Incompressible, WhatIsCompressedAlreadyIsSo) {
    for (const int level : {1, 3, 9}) {
        Compressor compressor{level};
        const Bytes packed = packed_by(compressor, csv(1U << 20, 11));
        EXPECT_TRUE(looks_incompressible(packed)) << level << ", " << packed.size();
    }
}

TEST(Incompressible, TextNumbersAndPicturesAreNot) {
    constexpr std::size_t kSize = 1U << 20;
    std::mt19937_64 random{12};
    Bytes base64(kSize), ramp(kSize), floats(kSize), counters(kSize), sparse = random_bytes(kSize, 13), picture(kSize);
    for (std::size_t i = 0; i < kSize; ++i) {
        base64[i] = static_cast<std::uint8_t>(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random() % 64]);
        ramp[i] = static_cast<std::uint8_t>(i);
        picture[i] = static_cast<std::uint8_t>(i / 700 + i % 700 / 3 + random() % 4);
    }
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < kSize; i += 4) {
        const float value = normal(random);
        const auto counter = static_cast<std::uint32_t>(i / 4);
        std::memcpy(&floats[i], &value, 4);
        std::memcpy(&counters[i], &counter, 4);
    }
    for (std::size_t i = 0; i < kSize; i += 4096)
        std::fill_n(sparse.begin() + static_cast<std::ptrdiff_t>(i + 1024), 3072, std::uint8_t{0});

    EXPECT_FALSE(looks_incompressible(csv(kSize, 14)));
    EXPECT_FALSE(looks_incompressible(Bytes(kSize, 0)));
    EXPECT_FALSE(looks_incompressible(base64));
    EXPECT_FALSE(looks_incompressible(ramp));
    EXPECT_FALSE(looks_incompressible(floats));
    EXPECT_FALSE(looks_incompressible(counters));
    EXPECT_FALSE(looks_incompressible(sparse));
    EXPECT_FALSE(looks_incompressible(picture));
}

TEST(Incompressible, RandomBlocksThatRepeatAreNot) {
    for (const std::size_t block : {std::size_t{4096}, std::size_t{32} << 10, std::size_t{256} << 10}) {
        Bytes repeated = random_bytes(block, 15);
        while (repeated.size() < (1U << 20)) append(repeated, Bytes(repeated));
        EXPECT_FALSE(looks_incompressible(repeated)) << block;
    }
}

TEST(Incompressible, AMixtureOfTextAndRandomIsNot) {
    Bytes mixed = random_bytes(900'000, 16);
    append(mixed, csv(150'000, 17));
    EXPECT_FALSE(looks_incompressible(mixed));
}

TEST(Incompressible, SmallBuffersAreCompressedWithoutAsking) {
    EXPECT_FALSE(looks_incompressible(random_bytes(65'535, 18)));
}

}  // namespace
}  // namespace dr
