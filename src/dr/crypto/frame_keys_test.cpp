#include "dr/crypto/frame_keys.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dr/crypto/testing.h"

namespace dr {
namespace {

RepositoryId repository() { return RepositoryId::from(counting(0x80, 32)); }

Key32 sample_dek() {
    const Bytes host_secret = counting(0x40, 16);
    const Bytes boot_id = counting(0x60, 16);
    return derive_dek({.random = Key32::copy_of(counting(0, 32)),
                       .host_secret = host_secret,
                       .session = 0x1122334455667788,
                       .boot_id = boot_id,
                       .clock_nanoseconds = 1795453722123456789,
                       .pack_class = 1,
                       .repository = repository()});
}

PackIdentity sample_pack() {
    PackIdentity pack{.salt = {},
                      .repository = repository(),
                      .session = 0x1122334455667788,
                      .sequence = 0x01020304,
                      .pack_class = 2,
                      .clock_seconds = 0x6b000001};
    std::ranges::copy(counting(0xc0, 16), pack.salt.begin());
    return pack;
}

Key32 epoch_key(std::uint8_t start = 0xa0) { return Key32::copy_of(counting(start, 32)); }

// The values come from an independent implementation of FORMAT.md.
TEST(FrameKeys, HaveTheBytesOfTheFormat) {
    const Key32 dek = sample_dek();
    EXPECT_EQ(to_hex(dek.bytes()), "5a8b7abdbe19e10410aef90fc835a71a07ff682899dfda9b79f7c19aa8077cb4");
    EXPECT_EQ(to_hex(wrap_dek(epoch_key(), dek)),
              "f78d02717fe3fade3705f9a0b83f37eaf7509f20bbf866692a9d789df02a4e4f4d17056ef5786859");

    const PackKeys keys = PackKeys::derive(dek, sample_pack());
    EXPECT_EQ(to_hex(keys.commitment()), "de2c2890c23c82667028358348ec7db08cd42b7060f87066a10fc2a88da3f2bb");
    const FrameSalt fs = keys.frame_salt({as_bytes("what the frame "), as_bytes("is made of")});
    EXPECT_EQ(to_hex(fs), "382bf9f5cf722074a859b5f631345b05");
    const FrameKey frame = keys.frame_key(0x0a0b0c0d, fs);
    EXPECT_EQ(to_hex(frame.key.bytes()), "557554abce90c55168e59911a483df25ee54994b8e62948593273aa7bfd120cc");
    EXPECT_EQ(to_hex(frame.nonce), "02000100006b0d0c0b0a0000");
}

TEST(FrameKeys, AWrappedDekComesBackUnderItsEpochKeyOnly) {
    const Key32 dek = sample_dek();
    const WrappedDek wrapped = wrap_dek(epoch_key(), dek);
    EXPECT_TRUE(unwrap_dek(epoch_key(), wrapped).value() == dek);
    const Result<Key32> other = unwrap_dek(epoch_key(1), wrapped);
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().code(), ErrorCode::WrongKey);
}

TEST(FrameKeys, EveryPartOfAPacksIdentityButTheClockGivesOtherKeys) {
    const Key32 dek = sample_dek();
    const PackKeys keys = PackKeys::derive(dek, sample_pack());
    PackIdentity other[5] = {sample_pack(), sample_pack(), sample_pack(), sample_pack(), sample_pack()};
    other[0].salt[15] ^= 1;
    other[1].repository = RepositoryId{};
    other[2].session ^= 1;
    other[3].sequence ^= 1;
    other[4].pack_class ^= 1;
    for (const PackIdentity& pack : other) {
        const PackKeys other_keys = PackKeys::derive(dek, pack);
        EXPECT_NE(other_keys.commitment(), keys.commitment());
        EXPECT_FALSE(other_keys.frame_key(0, {}).key == keys.frame_key(0, {}).key);
    }
    EXPECT_NE(PackKeys::derive(epoch_key(), sample_pack()).commitment(), keys.commitment());

    // The clock stands in the nonce, where it helps but nothing rests on it.
    PackIdentity later = sample_pack();
    later.clock_seconds ^= 1;
    const PackKeys later_keys = PackKeys::derive(dek, later);
    EXPECT_EQ(later_keys.commitment(), keys.commitment());
    EXPECT_TRUE(later_keys.frame_key(0, {}).key == keys.frame_key(0, {}).key);
    EXPECT_NE(later_keys.frame_key(0, {}).nonce, keys.frame_key(0, {}).nonce);
}

TEST(FrameKeys, NumberAndContentDecideTheKeyOfAFrame) {
    const PackKeys keys = PackKeys::derive(sample_dek(), sample_pack());
    const FrameSalt one = keys.frame_salt({as_bytes("one")});
    const FrameSalt two = keys.frame_salt({as_bytes("two")});
    EXPECT_NE(one, two);
    EXPECT_TRUE(keys.frame_key(7, one).key == keys.frame_key(7, one).key);
    EXPECT_FALSE(keys.frame_key(7, one).key == keys.frame_key(7, two).key);
    EXPECT_FALSE(keys.frame_key(7, one).key == keys.frame_key(8, one).key);
    EXPECT_NE(keys.frame_key(7, one).nonce, keys.frame_key(8, one).nonce);
}

}  // namespace
}  // namespace dr
