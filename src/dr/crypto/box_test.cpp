#include "dr/crypto/box.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dr/crypto/testing.h"
#include "dr/platform/sim/sim_random.h"

namespace dr {
namespace {

const Bytes kRing = counting(0x10, 32);

Key32 private_key(std::uint8_t start = 1) { return Key32::copy_of(counting(start, 32)); }

Bytes sealed_ring() {
    StuckRandom random{0x42};
    return box_seal(x25519_public(private_key()), as_bytes("ring 1"), kRing, random).value();
}

// Made by an independent implementation: FORMAT.md is what both follow.
TEST(Box, HasTheBytesOfTheFormat) {
    EXPECT_EQ(x25519_public(private_key()).hex(), "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c");
    EXPECT_EQ(to_hex(sealed_ring()),
              "132c442be010fbd57e72603328aa76e71fccc1503aae219327d14d9c9993f472c206224bbb94f5c4a17596315c20b9ee"
              "c45196b9f18e867af890a4b19b8e795eaa753261d6482e9f");
}

TEST(Box, ThePrivateKeyOpensIt) {
    SeededRandom random{1};
    for (const std::size_t size : {16U, 72U, 64U, 4096U}) {
        const Bytes plain = counting(5, size);
        const Bytes box = box_seal(x25519_public(private_key()), as_bytes("ring 1"), plain, random).value();
        EXPECT_EQ(box.size(), size + kBoxOverhead);
        EXPECT_TRUE(equal(box_open(private_key(), as_bytes("ring 1"), box).value().bytes(), plain)) << size;
    }
}

TEST(Box, EachOneHasAKeyOfItsOwn) {
    SeededRandom random{1};
    const PublicKey recipient = x25519_public(private_key());
    EXPECT_NE(box_seal(recipient, {}, kRing, random).value(), box_seal(recipient, {}, kRing, random).value());
}

TEST(Box, AnotherKeyOrContextDoesNotOpenIt) {
    const Result<SecretBytes> other_key = box_open(private_key(9), as_bytes("ring 1"), sealed_ring());
    ASSERT_FALSE(other_key.ok());
    EXPECT_EQ(other_key.error().code(), ErrorCode::WrongKey);
    const Result<SecretBytes> other_context = box_open(private_key(), as_bytes("ring 2"), sealed_ring());
    ASSERT_FALSE(other_context.ok());
    EXPECT_EQ(other_context.error().code(), ErrorCode::WrongKey);
}

// The top bit of an X25519 public key does not count in the multiplication, yet it does in the salt.
TEST(Box, EveryFlippedBitIsNoticed) {
    const Bytes box = sealed_ring();
    for (std::size_t bit = 0; bit < 8 * box.size(); ++bit) {
        Bytes changed = box;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        ASSERT_FALSE(box_open(private_key(), as_bytes("ring 1"), changed).ok()) << bit;
    }
}

TEST(Box, AKeyOfSmallOrderIsRefusedAtBothEnds) {
    StuckRandom random{0x42};
    const Result<Bytes> sealed = box_seal(PublicKey{}, {}, kRing, random);
    ASSERT_FALSE(sealed.ok());
    EXPECT_EQ(sealed.error().code(), ErrorCode::Damaged);

    Bytes box = sealed_ring();
    std::fill_n(box.begin(), 32, std::uint8_t{0});
    const Result<SecretBytes> opened = box_open(private_key(), as_bytes("ring 1"), box);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code(), ErrorCode::Damaged);
}

TEST(Box, WhatHasNoFormOfABoxIsDamage) {
    const Bytes box = sealed_ring();
    for (const std::size_t size : {0U, 31U, 32U, 48U, 71U}) {
        const Result<SecretBytes> opened = box_open(private_key(), as_bytes("ring 1"), ByteSpan{box}.first(size));
        ASSERT_FALSE(opened.ok());
        EXPECT_EQ(opened.error().code(), ErrorCode::Damaged) << size;
    }
}

}  // namespace
}  // namespace dr
