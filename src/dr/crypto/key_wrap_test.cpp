#include "dr/crypto/key_wrap.h"

#include <gtest/gtest.h>

#include <string>

#include "dr/crypto/testing.h"

namespace dr {
namespace {

Key32 rfc_key() { return Key32::copy_of(counting(0, 32)); }

TEST(KeyWrap, AgreesWithTheExamplesOfRfc3394) {
    const std::string first = "00112233445566778899aabbccddeeff";
    const std::pair<std::string, std::string> examples[] = {
        {first, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"},
        {first + "0001020304050607", "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"},
        {first + "000102030405060708090a0b0c0d0e0f",
         "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
    };
    for (const auto& [plain, wrapped] : examples) {
        EXPECT_EQ(to_hex(key_wrap(rfc_key(), from_hex(plain))), wrapped);
        EXPECT_EQ(to_hex(key_unwrap(rfc_key(), from_hex(wrapped)).value().bytes()), plain);
    }
}

TEST(KeyWrap, EveryLengthThatIsAllowedComesBack) {
    for (std::size_t size = 16; size <= 4096; size += size < 128 ? 8 : 1000) {
        const Bytes plain = counting(3, size);
        const Bytes wrapped = key_wrap(rfc_key(), plain);
        EXPECT_EQ(wrapped.size(), size + kKeyWrapOverhead);
        EXPECT_TRUE(equal(key_unwrap(rfc_key(), wrapped).value().bytes(), plain)) << size;
    }
}

TEST(KeyWrap, AWrongKeyIsNoticed) {
    const Bytes wrapped = key_wrap(rfc_key(), counting(3, 64));
    const Result<SecretBytes> opened = key_unwrap(Key32::copy_of(counting(1, 32)), wrapped);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code(), ErrorCode::WrongKey);
}

TEST(KeyWrap, EveryFlippedBitIsNoticed) {
    const Bytes wrapped = key_wrap(rfc_key(), counting(3, 32));
    for (std::size_t bit = 0; bit < 8 * wrapped.size(); ++bit) {
        Bytes changed = wrapped;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        ASSERT_FALSE(key_unwrap(rfc_key(), changed).ok()) << bit;
    }
}

TEST(KeyWrap, WhatNoKeyWrapsToIsDamage) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{8}, std::size_t{16}, std::size_t{25}, std::size_t{39}, kMaxWrappedKey + 8}) {
        const Result<SecretBytes> opened = key_unwrap(rfc_key(), Bytes(size));
        ASSERT_FALSE(opened.ok());
        EXPECT_EQ(opened.error().code(), ErrorCode::Damaged) << size;
    }
}

TEST(KeyWrapDeathTest, AnotherLengthIsABug) {
    EXPECT_DEATH((void)key_wrap(rfc_key(), Bytes(8)), "size");
    EXPECT_DEATH((void)key_wrap(rfc_key(), Bytes(33)), "size");
}

}  // namespace
}  // namespace dr
