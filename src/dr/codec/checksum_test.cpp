#include <gtest/gtest.h>

#include <random>

#include "dr/base/hex.h"
#include "dr/codec/crc32c.h"
#include "dr/codec/xxh.h"

namespace dr {
namespace {

TEST(Crc32c, HasTheCheckValuesOfTheStandard) {
    EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);
    EXPECT_EQ(crc32c(ByteSpan{}), 0U);
    EXPECT_EQ(crc32c(Bytes(32, 0)), 0x8A9136AAU);     // RFC 3720, B.4
    EXPECT_EQ(crc32c(Bytes(32, 0xff)), 0x62A8AB43U);  // RFC 3720, B.4
    EXPECT_EQ(crc32c_portable(as_bytes("123456789")), 0xE3069283U);
}

TEST(Crc32c, IsTheSameWithAndWithoutTheInstructionAndInPieces) {
    std::mt19937_64 random{1};
    Bytes bytes(300);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    for (std::size_t from = 0; from < 9; ++from) {
        for (std::size_t size = 0; size + from <= bytes.size(); ++size) {
            const ByteSpan part = ByteSpan{bytes}.subspan(from, size);
            const std::uint32_t whole = crc32c(part);
            ASSERT_EQ(whole, crc32c_portable(part));
            const std::size_t half = size / 2;
            ASSERT_EQ(whole, crc32c(part.subspan(half), crc32c(part.first(half))));
        }
    }
}

TEST(Xxh3, IsCanonical) {
    // Values of the XXH128 specification's own tools.
    EXPECT_EQ(to_hex(xxh3_128({})), "99aa06d3014798d86001c324468d497f");
    EXPECT_EQ(to_hex(xxh3_128(as_bytes("abc"))), "06b05ab6733a618578af5f94892f3950");
}

}  // namespace
}  // namespace dr
