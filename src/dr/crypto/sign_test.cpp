#include "dr/crypto/sign.h"

#include <gtest/gtest.h>

#include "dr/crypto/testing.h"

namespace dr {
namespace {

struct Example {
    const char* seed;
    const char* public_key;
    const char* message;
    const char* signature;
};

constexpr Example kRfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
     "655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
     "b00d291612bb0c00"},
};

SigningKey signing_key(std::uint8_t start = 1) { return SigningKey::from_seed(Key32::copy_of(counting(start, 32))); }

VerifyKey verify_key(const SigningKey& key) { return VerifyKey::create(key.public_key()).value(); }

TEST(Sign, AgreesWithTheExamplesOfRfc8032) {
    for (const Example& example : kRfc8032) {
        const SigningKey key = SigningKey::from_seed(Key32::copy_of(from_hex(example.seed)));
        EXPECT_EQ(key.public_key().hex(), example.public_key);
        const Bytes message = from_hex(example.message);
        const Signature signature = key.sign(message);
        EXPECT_EQ(to_hex(signature), example.signature);
        EXPECT_TRUE(verify_key(key).verify(message, signature));
    }
}

TEST(Sign, AnotherMessageOrKeyDoesNotVerify) {
    const SigningKey key = signing_key();
    const Signature signature = key.sign(as_bytes("commit 7"));
    EXPECT_TRUE(verify_key(key).verify(as_bytes("commit 7"), signature));
    EXPECT_FALSE(verify_key(key).verify(as_bytes("commit 8"), signature));
    EXPECT_FALSE(verify_key(key).verify({}, signature));
    EXPECT_FALSE(verify_key(signing_key(2)).verify(as_bytes("commit 7"), signature));
}

TEST(Sign, EveryFlippedBitOfASignatureIsNoticed) {
    const SigningKey key = signing_key();
    const VerifyKey verify = verify_key(key);
    const Signature signature = key.sign(as_bytes("commit 7"));
    for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
        Signature changed = signature;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        ASSERT_FALSE(verify.verify(as_bytes("commit 7"), changed)) << bit;
    }
}

// S and S + L sign the same: only one of them may count, or a record could be rewritten without its key.
TEST(Sign, ASignatureHasOneForm) {
    const SigningKey key = signing_key();
    Signature signature = key.sign(as_bytes("commit 7"));
    const Bytes order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unsigned carry = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        carry += static_cast<unsigned>(signature[32 + i]) + order[i];
        signature[32 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
    ASSERT_EQ(carry, 0U);
    EXPECT_FALSE(verify_key(key).verify(as_bytes("commit 7"), signature));
}

TEST(VerifyKey, WhatIsNoPublicKeyIsDamage) {
    std::array<std::uint8_t, 32> identity{1};  // a point of order 1
    std::array<std::uint8_t, 32> too_large;    // y not below 2^255 - 19
    too_large.fill(0xff);
    std::array<std::uint8_t, 32> off_curve{2};
    for (const auto& bytes : {std::array<std::uint8_t, 32>{}, identity, too_large, off_curve}) {
        const Result<VerifyKey> key = VerifyKey::create(PublicKey{bytes});
        ASSERT_FALSE(key.ok()) << to_hex(bytes);
        EXPECT_EQ(key.error().code(), ErrorCode::Damaged);
    }
}

TEST(VerifyKey, KnowsItsPublicKey) { EXPECT_EQ(verify_key(signing_key()).public_key(), signing_key().public_key()); }

}  // namespace
}  // namespace dr
