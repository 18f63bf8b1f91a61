#include "dr/crypto/passphrase.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dr/crypto/testing.h"

namespace dr {
namespace {

constexpr PassphraseParameters kCheap{.passes = 3, .memory_bytes = 64 << 10};

Salt16 salt(std::uint8_t start = 0) {
    Salt16 made;
    std::ranges::copy(counting(start, made.size()), made.begin());
    return made;
}

// Made by an independent implementation of RFC 9106.
TEST(Passphrase, IsArgon2idWithOneLane) {
    const Key32 key = key_from_passphrase(as_bytes("correct horse"), salt(), kCheap).value();
    EXPECT_EQ(to_hex(key.bytes()), "a1dc6a57c61d5fb470584e24085ea3216fd369c61bcd5f845745f9cb0ed02fca");
}

TEST(Passphrase, EveryInputMatters) {
    const Key32 key = key_from_passphrase(as_bytes("correct horse"), salt(), kCheap).value();
    EXPECT_FALSE(key == key_from_passphrase(as_bytes("correct horsf"), salt(), kCheap).value());
    EXPECT_FALSE(key == key_from_passphrase({}, salt(), kCheap).value());
    EXPECT_FALSE(key == key_from_passphrase(as_bytes("correct horse"), salt(1), kCheap).value());
    EXPECT_FALSE(
        key == key_from_passphrase(as_bytes("correct horse"), salt(), {.passes = 4, .memory_bytes = 64 << 10}).value());
    EXPECT_FALSE(
        key == key_from_passphrase(as_bytes("correct horse"), salt(), {.passes = 3, .memory_bytes = 65 << 10}).value());
}

TEST(Passphrase, ParametersThatWouldHangOrExhaustAreDamage) {
    const PassphraseParameters hostile[] = {
        {.passes = 0, .memory_bytes = 1 << 20},
        {.passes = 17, .memory_bytes = 1 << 20},
        {.passes = 0xffffffff, .memory_bytes = 1 << 20},
        {.passes = 3, .memory_bytes = 0},
        {.passes = 3, .memory_bytes = (8 << 10) - 1},
        {.passes = 3, .memory_bytes = (1ULL << 30) + 1024},
        {.passes = 3, .memory_bytes = ~0ULL},
        {.passes = 3, .memory_bytes = (1 << 20) + 1},
    };
    for (const PassphraseParameters& parameters : hostile) {
        const Result<Key32> key = key_from_passphrase(as_bytes("correct horse"), salt(), parameters);
        ASSERT_FALSE(key.ok()) << parameters.passes << ", " << parameters.memory_bytes;
        EXPECT_EQ(key.error().code(), ErrorCode::Damaged);
    }
}

TEST(Passphrase, TheLimitsThemselvesAreAllowed) {
    EXPECT_TRUE(PassphraseParameters{}.check().ok());
    EXPECT_TRUE((PassphraseParameters{.passes = 16, .memory_bytes = 1ULL << 30}.check().ok()));
    EXPECT_TRUE(key_from_passphrase(as_bytes("x"), salt(), {.passes = 1, .memory_bytes = 8 << 10}).ok());
}

}  // namespace
}  // namespace dr
