#include "dr/crypto/aead.h"

#include <gtest/gtest.h>

#include <string>

#include "dr/crypto/testing.h"

namespace dr {
namespace {

struct Sealed {
    Bytes cipher;
    std::array<std::uint8_t, AesGcm::kTagSize> tag{};
};

const Nonce kNonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

Key32 key_of(std::uint8_t start) { return Key32::copy_of(counting(start, 32)); }

Sealed seal(AesGcm& gcm, const Nonce& nonce, ByteSpan aad, ByteSpan plain) {
    Sealed sealed{.cipher = Bytes(plain.size())};
    gcm.seal(nonce, {aad}, plain, sealed.cipher.data(), sealed.tag.data());
    return sealed;
}

Result<Bytes> unseal(AesGcm& gcm, const Nonce& nonce, ByteSpan aad, const Sealed& sealed) {
    Bytes plain(sealed.cipher.size());
    DR_TRY(gcm.unseal(nonce, {aad}, sealed.cipher, sealed.tag, plain.data()));
    return plain;
}

TEST(AesGcm, AgreesWithTheExamplesOfItsSpecification) {
    AesGcm zero{Key32{}};
    const Sealed nothing = seal(zero, Nonce{}, {}, {});
    EXPECT_EQ(to_hex(nothing.tag), "530f8afbc74536b9a963b4f1c4cb738b");
    const Sealed zeros = seal(zero, Nonce{}, {}, Bytes(16, 0));
    EXPECT_EQ(to_hex(zeros.cipher), "cea7403d4d606b6e074ec5d3baf39d18");
    EXPECT_EQ(to_hex(zeros.tag), "d0d1c8a799996bf0265b98b5d48ab919");

    AesGcm gcm{Key32::copy_of(from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))};
    const Nonce nonce{0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
    const Bytes plain = from_hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        "b16aedf5aa0de657ba637b39");
    const Sealed sealed = seal(gcm, nonce, from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), plain);
    EXPECT_EQ(to_hex(sealed.cipher),
              "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
              "c5f61e6393ba7a0abcc9f662");
    EXPECT_EQ(to_hex(sealed.tag), "76fc6ece0f4e1768cddf8853bb2d551b");
}

TEST(AesGcm, WhatWasSealedIsUnsealed) {
    AesGcm gcm{key_of(1)};
    for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1000U, 100'000U}) {
        const Bytes plain = counting(7, size);
        const Sealed sealed = seal(gcm, kNonce, as_bytes("header"), plain);
        EXPECT_EQ(unseal(gcm, kNonce, as_bytes("header"), sealed).value(), plain) << size;
    }
}

TEST(AesGcm, PartsOfTheAadCountAsOneString) {
    AesGcm gcm{key_of(1)};
    const Sealed whole = seal(gcm, kNonce, as_bytes("pack frame"), counting(0, 50));
    Sealed parts{.cipher = Bytes(50)};
    gcm.seal(kNonce, {as_bytes("pack "), {}, as_bytes("frame")}, counting(0, 50), parts.cipher.data(),
             parts.tag.data());
    EXPECT_EQ(parts.cipher, whole.cipher);
    EXPECT_EQ(parts.tag, whole.tag);
}

TEST(AesGcm, WorksInPlace) {
    AesGcm gcm{key_of(1)};
    const Bytes plain = counting(0, 1000);
    Bytes bytes = plain;
    std::array<std::uint8_t, 16> tag;
    gcm.seal(kNonce, {}, bytes, bytes.data(), tag.data());
    EXPECT_NE(bytes, plain);
    ASSERT_TRUE(gcm.unseal(kNonce, {}, bytes, tag, bytes.data()).ok());
    EXPECT_EQ(bytes, plain);
}

TEST(AesGcm, EveryFlippedBitIsNoticedAndNothingIsGivenOut) {
    AesGcm gcm{key_of(1)};
    const Bytes plain = counting(1, 40);
    const Sealed sealed = seal(gcm, kNonce, as_bytes("header"), plain);
    for (std::size_t bit = 0; bit < 8 * (40 + 16); ++bit) {
        Sealed changed = sealed;
        std::uint8_t& byte = bit / 8 < 40 ? changed.cipher[bit / 8] : changed.tag[bit / 8 - 40];
        byte = static_cast<std::uint8_t>(byte ^ (1U << (bit % 8)));
        Bytes out = counting(9, 40);
        const Result<void> done = gcm.unseal(kNonce, {as_bytes("header")}, changed.cipher, changed.tag, out.data());
        ASSERT_FALSE(done.ok()) << bit;
        ASSERT_EQ(done.error().code(), ErrorCode::Damaged);
        ASSERT_EQ(out, Bytes(40, 0)) << bit;
    }
    // A failure leaves the object as good as before.
    EXPECT_EQ(unseal(gcm, kNonce, as_bytes("header"), sealed).value(), plain);
}

TEST(AesGcm, AnotherKeyNonceOrAadIsNoticed) {
    AesGcm gcm{key_of(1)};
    const Sealed sealed = seal(gcm, kNonce, as_bytes("header"), counting(1, 40));
    EXPECT_FALSE(unseal(gcm, Nonce{}, as_bytes("header"), sealed).ok());
    EXPECT_FALSE(unseal(gcm, kNonce, as_bytes("headex"), sealed).ok());
    EXPECT_FALSE(unseal(gcm, kNonce, {}, sealed).ok());
    gcm.set_key(key_of(2));
    EXPECT_FALSE(unseal(gcm, kNonce, as_bytes("header"), sealed).ok());
    gcm.set_key(key_of(1));
    EXPECT_TRUE(unseal(gcm, kNonce, as_bytes("header"), sealed).ok());
}

TEST(AesGcm, ATagOfAnotherSizeIsDamage) {
    AesGcm gcm{key_of(1)};
    const Sealed sealed = seal(gcm, kNonce, {}, counting(1, 4));
    Bytes out(4);
    for (const std::size_t size : {0U, 4U, 15U}) {
        const Result<void> done = gcm.unseal(kNonce, {}, sealed.cipher, ByteSpan{sealed.tag}.first(size), out.data());
        ASSERT_FALSE(done.ok());
        EXPECT_EQ(done.error().code(), ErrorCode::Damaged);
    }
}

// One worker seals and opens frames of many keys in turn: no key, nonce or direction sticks.
TEST(AesGcm, OneObjectServesManyKeysAndBothDirectionsLikeNewOnes) {
    AesGcm reused;
    for (std::uint8_t i = 0; i < 50; ++i) {
        const Bytes plain = counting(i, std::size_t{i} * 7);
        const Nonce nonce{i};
        AesGcm fresh{key_of(i)};
        const Sealed expected = seal(fresh, nonce, as_bytes("header"), plain);
        reused.set_key(key_of(i));
        if (i % 3 == 0) {
            ASSERT_EQ(unseal(reused, nonce, as_bytes("header"), expected).value(), plain) << int{i};
        }
        const Sealed sealed = seal(reused, nonce, as_bytes("header"), plain);
        ASSERT_EQ(sealed.cipher, expected.cipher) << int{i};
        ASSERT_EQ(sealed.tag, expected.tag) << int{i};
        ASSERT_EQ(unseal(reused, nonce, as_bytes("header"), sealed).value(), plain) << int{i};
    }
}

TEST(AesGcm, MovesWithItsKey) {
    AesGcm first{key_of(1)};
    const Sealed sealed = seal(first, kNonce, {}, counting(1, 40));
    AesGcm second = std::move(first);
    EXPECT_TRUE(unseal(second, kNonce, {}, sealed).ok());
    AesGcm third{key_of(2)};
    third = std::move(second);
    EXPECT_TRUE(unseal(third, kNonce, {}, sealed).ok());
}

TEST(AesGcmDeathTest, SealingWithoutAKeyIsABug) {
    AesGcm gcm;
    EXPECT_DEATH(seal(gcm, kNonce, {}, {}), "has_key_");
}

}  // namespace
}  // namespace dr
