#include "dr/codec/wire.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "dr/base/ids.h"

namespace dr {
namespace {

const std::uint64_t kInteresting[] = {
    0, 1, 127, 128, 255, 16383, 16384, 1ULL << 31, 1ULL << 32, (1ULL << 63) - 1, 1ULL << 63, UINT64_MAX};

Bytes varint(std::uint64_t value) {
    Bytes out;
    WireWriter{out}.varint(value);
    return out;
}

bool is_damaged(WireReader& reader) {
    const Result<void> result = reader.finish("the test");
    return !result.ok() && result.error().code() == ErrorCode::Damaged;
}

TEST(Wire, WhatIsWrittenIsRead) {
    Bytes out;
    WireWriter writer{out};
    writer.u8(0xab);
    writer.u16(0x0102);
    writer.u32(0x01020304);
    writer.u64(0x0102030405060708);
    writer.i64(-2);
    writer.varint(300);
    writer.svarint(-300);
    writer.text("name");
    writer.raw(Bytes{1, 2, 3});
    writer.id(Sha256::from(Bytes(32, 7)));

    WireReader reader{out};
    EXPECT_EQ(reader.u8(), 0xab);
    EXPECT_EQ(reader.u16(), 0x0102);
    EXPECT_EQ(reader.u32(), 0x01020304U);
    EXPECT_EQ(reader.u64(), 0x0102030405060708U);
    EXPECT_EQ(reader.i64(), -2);
    EXPECT_EQ(reader.varint(), 300U);
    EXPECT_EQ(reader.svarint(), -300);
    EXPECT_EQ(reader.text(4), "name");
    EXPECT_TRUE(equal(reader.raw(3), Bytes{1, 2, 3}));
    EXPECT_EQ(reader.id<Sha256>(), Sha256::from(Bytes(32, 7)));
    EXPECT_TRUE(reader.finish("the test").ok());
}

TEST(Wire, FixedIntegersAreLittleEndian) {
    Bytes out;
    WireWriter writer{out};
    writer.u16(0x0102);
    writer.u32(0x03040506);
    EXPECT_EQ(out, (Bytes{2, 1, 6, 5, 4, 3}));
}

TEST(Wire, VarintsAreLeb128) {
    EXPECT_EQ(varint(0), Bytes{0});
    EXPECT_EQ(varint(127), Bytes{127});
    EXPECT_EQ(varint(128), (Bytes{0x80, 1}));
    EXPECT_EQ(varint(UINT64_MAX), (Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}));
    for (const std::uint64_t value : kInteresting) {
        const Bytes encoded = varint(value);
        EXPECT_EQ(encoded.size(), varint_size(value));
        WireReader reader{encoded};
        EXPECT_EQ(reader.varint(), value);
        EXPECT_TRUE(reader.finish("the test").ok());
    }
}

TEST(Wire, SignedVarintsAreZigzag) {
    EXPECT_EQ(zigzag(0), 0U);
    EXPECT_EQ(zigzag(-1), 1U);
    EXPECT_EQ(zigzag(1), 2U);
    EXPECT_EQ(zigzag(std::numeric_limits<std::int64_t>::min()), UINT64_MAX);
    for (const std::uint64_t value : kInteresting) {
        const auto number = static_cast<std::int64_t>(value);
        EXPECT_EQ(unzigzag(zigzag(number)), number);
    }
}

TEST(Wire, ANumberHasOneEncoding) {
    const Bytes bad[] = {
        {0x80, 0},                                                        // 0 in two bytes
        {0xff, 0x80, 0},                                                  // 127 in three
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2},        // 65 bits
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0},        // a tenth byte for nothing
        {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0},  // an eleventh
        {0x80},                                                           // cut off
        {},
    };
    for (const Bytes& encoded : bad) {
        WireReader reader{encoded};
        EXPECT_EQ(reader.varint(), 0U);
        EXPECT_TRUE(is_damaged(reader)) << testing::PrintToString(encoded);
    }
}

// Every string of up to 3 bytes: whatever is accepted encodes to exactly these bytes again.
TEST(Wire, AcceptedNumbersEncodeToTheSameBytes) {
    for (std::uint32_t bits = 0; bits < (1U << 24); bits += 61) {
        const Bytes encoded{static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8),
                            static_cast<std::uint8_t>(bits >> 16)};
        WireReader reader{encoded};
        const std::uint64_t value = reader.varint();
        if (!reader.ok()) continue;
        ASSERT_TRUE(equal(varint(value), ByteSpan{encoded}.first(reader.position())));
    }
}

TEST(Wire, LengthsAreHeldToTheirLimitAndToWhatIsThere) {
    Bytes out;
    WireWriter{out}.text("abcd");

    WireReader too_long{out};
    EXPECT_TRUE(too_long.bytes(3).empty());
    EXPECT_TRUE(is_damaged(too_long));

    out.pop_back();
    WireReader cut_off{out};
    EXPECT_TRUE(cut_off.bytes(100).empty());
    EXPECT_TRUE(is_damaged(cut_off));

    const Bytes huge = varint(UINT64_MAX);
    WireReader hostile{huge};
    EXPECT_TRUE(hostile.bytes(SIZE_MAX).empty());
    EXPECT_TRUE(is_damaged(hostile));

    const Bytes small = varint(5);
    WireReader limited{small};
    EXPECT_EQ(limited.varint(4), 0U);
    EXPECT_TRUE(is_damaged(limited));
}

TEST(Wire, CountsNeverExceedWhatTheRestCanHold) {
    Bytes out = varint(3);
    append(out, Bytes(23, 0));
    WireReader fits{out};
    EXPECT_EQ(fits.count(100, 7), 3U);
    WireReader exceeds{out};
    EXPECT_EQ(exceeds.count(100, 8), 0U);
    EXPECT_TRUE(is_damaged(exceeds));
    WireReader limited{out};
    EXPECT_EQ(limited.count(2), 0U);
    EXPECT_TRUE(is_damaged(limited));
}

TEST(Wire, TheFirstProblemSticksAndSilencesAllReads) {
    const Bytes bytes{1, 2, 3, 4, 5};
    WireReader reader{bytes};
    EXPECT_EQ(reader.u16(), 0x0201);
    EXPECT_EQ(reader.u32(), 0U);
    EXPECT_EQ(reader.u8(), 0U);
    EXPECT_EQ(reader.varint(), 0U);
    EXPECT_TRUE(reader.raw(1).empty());
    EXPECT_EQ(reader.array<4>(), (std::array<std::uint8_t, 4>{}));
    reader.fail("another problem");
    EXPECT_FALSE(reader.ok());
    EXPECT_TRUE(reader.at_end());
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_EQ(reader.position(), 2U);
    EXPECT_EQ(reader.finish("the directory").error().what(), "the directory is damaged at byte 2: it ends too early");
}

TEST(Wire, WhatTheCallerFindsWrongIsDamageToo) {
    const Bytes bytes{1, 2};
    WireReader reader{bytes};
    EXPECT_EQ(reader.u8(), 1);
    EXPECT_TRUE(reader.check("the test").ok());
    reader.fail("names are not in order");
    EXPECT_EQ(reader.check("the test").error().what(), "the test is damaged at byte 1: names are not in order");
}

TEST(Wire, BytesLeftOverAreDamage) {
    const Bytes bytes{1, 2};
    WireReader reader{bytes};
    EXPECT_EQ(reader.u8(), 1);
    EXPECT_TRUE(is_damaged(reader));
}

TEST(Wire, AWriterAppendsAndPatches) {
    Bytes out{9};
    WireWriter writer{out};
    EXPECT_EQ(writer.position(), 1U);
    writer.u32(0);
    writer.u8(8);
    writer.patch_u32(1, 0x01020304);
    EXPECT_EQ(out, (Bytes{9, 4, 3, 2, 1, 8}));
    EXPECT_DEATH(writer.patch_u32(3, 0), "a bug");
}

// Seeded noise through every kind of read: nothing crashes, and spans stay inside the bytes.
TEST(Wire, NoiseIsReadOrRefusedButNeverBeyondItsEnd) {
    std::mt19937_64 random{5};
    for (int round = 0; round < 20'000; ++round) {
        Bytes noise(random() % 40);
        for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 8);
        WireReader reader{noise};
        while (reader.ok() && !reader.at_end()) {
            switch (random() % 6) {
                case 0: reader.u64(); break;
                case 1: reader.svarint(); break;
                case 2: reader.count(50, 2); break;
                case 3: reader.u16(); break;
                case 4: reader.array<5>(); break;
                default: {
                    const ByteSpan found = reader.bytes(20);
                    ASSERT_LE(found.size(), 20U);
                    ASSERT_TRUE(found.empty() || found.data() + found.size() <= noise.data() + noise.size());
                }
            }
        }
        ASSERT_LE(reader.position(), noise.size());
    }
}

}  // namespace
}  // namespace dr
