#include "dr/repository/frame.h"

#include <gtest/gtest.h>

#include "dr/repository/pack_testing.h"
#include "dr/repository/pack_writer.h"

namespace dr {
namespace {

using testing::noise;
using testing::TestRepository;
using testing::text_like;

class Frames : public ::testing::TestWithParam<bool> {
protected:
    Frames() : repository(GetParam()), cipher(FrameCipher::create(repository.session_keys, PackClass::Data)) {}

    Buffer seal(ByteSpan plain, FrameSpec spec = {}) {
        spec.plain_length = static_cast<std::uint32_t>(plain.size());
        Buffer frame{plain.size() + kFrameOverhead};
        frame.set_size(frame.capacity());
        AesGcm gcm;
        cipher.seal(gcm, spec, plain, frame.data());
        return frame;
    }
    Result<FramePlain> open(ByteSpan bytes, const FrameCipher& with) {
        Buffer frame{bytes.size()};
        frame.add(bytes);
        FrameOpener opener;
        return open_frame(with, opener, repository.tools.buffers, std::move(frame));
    }

    TestRepository repository;
    FrameCipher cipher;
};

INSTANTIATE_TEST_SUITE_P(EncryptedOrNot, Frames, ::testing::Bool());

TEST_P(Frames, ComeBackAsTheyWereSealed) {
    const Bytes plain = text_like(5000, 1);
    const FramePlain opened = open(seal(plain, {.number = 3}).bytes(), cipher).value();
    EXPECT_TRUE(equal(opened.plain, plain));
    EXPECT_EQ(opened.header.number, 3U);
}

TEST_P(Frames, AreReadWithNothingButThePacksHeaderAndTheRepositorysKeys) {
    const PackHeader header = PackHeader::decode(cipher.header_bytes()).value();
    const FrameCipher reader = FrameCipher::open(repository.keys, header).value();
    const Bytes plain = noise(100, 2);
    EXPECT_TRUE(equal(open(seal(plain).bytes(), reader).value().plain, plain));
}

TEST_P(Frames, AreInflatedToExactlyTheLengthTheyName) {
    const Bytes plain = text_like(20000, 3);
    Bytes packed(plain.size());
    packed.resize(Compressor{1}.compress(plain, packed).value());
    const auto seal_as = [&](std::size_t plain_length) {
        Buffer frame{packed.size() + kFrameOverhead};
        frame.set_size(frame.capacity());
        AesGcm gcm;
        cipher.seal(gcm, {.codec = FrameCodec::Zstd, .plain_length = static_cast<std::uint32_t>(plain_length)}, packed,
                    frame.data());
        return open(frame.bytes(), cipher);
    };
    EXPECT_TRUE(equal(seal_as(plain.size()).value().plain, plain));
    EXPECT_EQ(seal_as(plain.size() - 1).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(seal_as(plain.size() + 1).error().code(), ErrorCode::Damaged);
}

TEST_P(Frames, WithAnyByteChangedOrMissingAreDamaged) {
    const Buffer frame = seal(text_like(40, 4));
    for (std::size_t i = 0; i < frame.size(); ++i) {
        Bytes bad(frame.bytes().begin(), frame.bytes().end());
        bad[i] ^= 1;
        EXPECT_EQ(open(bad, cipher).error().code(), ErrorCode::Damaged) << i;
        EXPECT_EQ(open(frame.bytes().first(i), cipher).error().code(), ErrorCode::Damaged) << i;
    }
}

TEST_P(Frames, OfAnotherPackAreDamaged) {
    const FrameCipher other = FrameCipher::create(repository.session_keys, PackClass::Data);
    EXPECT_EQ(open(seal(noise(64, 5)).bytes(), other).error().code(), ErrorCode::Damaged);
}

TEST_P(Frames, MayBeSealedWhereTheyLie) {
    const Bytes plain = noise(300, 6);
    Buffer frame{plain.size() + kFrameOverhead};
    frame.set_size(frame.capacity());
    std::memcpy(frame.data() + kFrameHeaderSize, plain.data(), plain.size());
    AesGcm gcm;
    const FrameSpec spec{.plain_length = 300};
    cipher.seal(gcm, spec, {frame.data() + kFrameHeaderSize, plain.size()}, frame.data());
    EXPECT_TRUE(equal(frame.bytes(), seal(plain).bytes()));
    EXPECT_TRUE(equal(open(frame.bytes(), cipher).value().plain, plain));
}

TEST_P(Frames, HideTheirPlaintextOnlyWithEncryption) {
    const Bytes plain = noise(64, 7);
    const bool seen = equal(seal(plain).bytes().subspan(kFrameHeaderSize, 64), plain);
    EXPECT_EQ(seen, !GetParam());
}

TEST(FrameCipher, RefusesAPackOfAnotherRepository) {
    TestRepository repository;
    const RepositoryKeys other{true, testing::test_repository_id(2), testing::test_ring()};
    const FrameCipher cipher = FrameCipher::create(repository.session_keys, PackClass::Data);
    EXPECT_EQ(FrameCipher::open(other, cipher.header()).error().code(), ErrorCode::Damaged);
}

// Nobody may slip plaintext into an encrypted repository, or make a reader ask for keys that there are none of.
TEST(FrameCipher, RefusesAPackWhoseEncryptionIsNotTheRepositorys) {
    TestRepository sealed{true};
    TestRepository plain{false};
    const FrameCipher of_sealed = FrameCipher::create(sealed.session_keys, PackClass::Data);
    const FrameCipher of_plain = FrameCipher::create(plain.session_keys, PackClass::Data);
    EXPECT_EQ(FrameCipher::open(plain.keys, of_sealed.header()).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(FrameCipher::open(sealed.keys, of_plain.header()).error().code(), ErrorCode::Damaged);
}

TEST(FrameCipher, NamesAnEpochThatTheRingLacks) {
    TestRepository repository;
    PackHeader header = FrameCipher::create(repository.session_keys, PackClass::Data).header();
    header.epoch = 9;
    EXPECT_EQ(FrameCipher::open(repository.keys, header).error().code(), ErrorCode::WrongKey);
}

// Every field that decides keys or nonce is bound: a header that was changed, checksum mended, opens nothing.
TEST(FrameCipher, RefusesAHeaderThatWasChanged) {
    TestRepository repository;
    const PackHeader good = FrameCipher::create(repository.session_keys, PackClass::Data).header();
    const auto refused = [&](auto change) {
        PackHeader bad = good;
        change(bad);
        const Result<FrameCipher> cipher = FrameCipher::open(repository.keys, bad);
        return !cipher.ok() && cipher.error().code() == ErrorCode::Damaged;
    };
    EXPECT_TRUE(refused([](PackHeader& bad) { bad.pack_class = PackClass::Metadata; }));
    EXPECT_TRUE(refused([](PackHeader& bad) { ++bad.sequence; }));
    EXPECT_TRUE(refused([](PackHeader& bad) { ++bad.session; }));
    EXPECT_TRUE(refused([](PackHeader& bad) { bad.salt[0] ^= 1; }));
    EXPECT_TRUE(refused([](PackHeader& bad) { bad.wrapped_dek[0] ^= 1; }));
    EXPECT_TRUE(refused([](PackHeader& bad) { bad.commitment[0] ^= 1; }));
}

TEST(SessionKeys, NumberTheirPacksAndSaltEach) {
    TestRepository repository;
    const PackHeader one = repository.session_keys.next_header(PackClass::Data);
    const PackHeader two = repository.session_keys.next_header(PackClass::Metadata);
    EXPECT_EQ(one.sequence, 0U);
    EXPECT_EQ(two.sequence, 1U);
    EXPECT_NE(one.salt, two.salt);
    EXPECT_NE(one.wrapped_dek, two.wrapped_dek) << "data and metadata have keys of their own";
    EXPECT_EQ(one.clock_seconds, 1'800'000'000U);
}

TEST(SolidFrame, SplitsIntoItsBlobs) {
    const Bytes plain = {2, 3, 1, 'a', 'b', 'c', 'd'};
    const auto blobs = split_frame(FrameType::Solid, plain).value();
    ASSERT_EQ(blobs.size(), 2U);
    EXPECT_EQ(as_text(blobs[0]), "abc");
    EXPECT_EQ(as_text(blobs[1]), "d");
}

TEST(SolidFrame, WithLengthsThatDoNotAddUpIsDamaged) {
    const auto damaged = [](Bytes plain) {
        const auto blobs = split_frame(FrameType::Solid, plain);
        return !blobs.ok() && blobs.error().code() == ErrorCode::Damaged;
    };
    EXPECT_TRUE(damaged({2, 3, 1, 'a', 'b', 'c'}));
    EXPECT_TRUE(damaged({2, 3, 1, 'a', 'b', 'c', 'd', 'e'}));
    EXPECT_TRUE(damaged({2, 3, 0, 'a', 'b', 'c'})) << "an empty blob";
    EXPECT_TRUE(damaged({0})) << "no blobs";
    EXPECT_TRUE(damaged({}));
    EXPECT_TRUE(damaged({0xff, 0xff, 0xff, 0x7f})) << "more blobs than bytes";
    EXPECT_FALSE(split_frame(FrameType::IndexRows, Bytes{1, 1, 'a'}).ok());
    EXPECT_FALSE(split_frame(FrameType::Blob, Bytes{}).ok());
}

TEST(RecordBody, ComesBackInItsSessionOnly) {
    for (const bool encrypted : {true, false}) {
        TestRepository repository{encrypted};
        for (const Bytes& plain : {text_like(3000, 1), noise(500, 2), Bytes{7}}) {
            const Bytes body = seal_record_body(repository.session_keys, plain, 3).value();
            EXPECT_EQ(open_record_body(repository.keys, 7, body, 1U << 20).value(), plain);
            EXPECT_EQ(open_record_body(repository.keys, 8, body, 1U << 20).error().code(), ErrorCode::Damaged);
            EXPECT_EQ(open_record_body(repository.keys, 7, body, plain.size() - 1).error().code(), ErrorCode::Damaged);
        }
    }
}

TEST(RecordBody, WithAnyByteChangedOrMissingIsDamaged) {
    for (const bool encrypted : {true, false}) {
        TestRepository repository{encrypted};
        const Bytes body = seal_record_body(repository.session_keys, text_like(200, 1), 3).value();
        for (std::size_t i = 0; i < body.size(); ++i) {
            Bytes bad = body;
            bad[i] ^= 4;
            EXPECT_FALSE(open_record_body(repository.keys, 7, bad, 1U << 20).ok()) << i;
            EXPECT_FALSE(open_record_body(repository.keys, 7, ByteSpan{body}.first(i), 1U << 20).ok()) << i;
        }
    }
}

TEST(RecordBody, OfNoBytesOrTooManyIsRefused) {
    TestRepository repository;
    EXPECT_EQ(seal_record_body(repository.session_keys, {}, 1).error().code(), ErrorCode::BadRequest);
}

TEST(FrameBuffers, AreUsedAgainWithinTheirLimit) {
    FrameBuffers buffers{1U << 20};
    Buffer one = buffers.take(100'000);
    const std::uint8_t* const memory = one.data();
    one.set_size(10);
    buffers.give(std::move(one));
    Buffer again = buffers.take(110'000);
    EXPECT_EQ(again.data(), memory);
    EXPECT_EQ(again.size(), 0U);
    buffers.give(Buffer{2U << 20});
    EXPECT_EQ(buffers.idle(), 0U) << "one beyond the limit is let go";
    buffers.give(std::move(again));
    EXPECT_GT(buffers.idle(), 0U);
    EXPECT_NE(buffers.take(900'000).data(), nullptr);
    buffers.clear();
    EXPECT_EQ(buffers.idle(), 0U);
}

TEST(FrameBuffers, MakeRoomForOtherSizesWithinTheTotal) {
    FrameBuffers buffers{4U << 20, 2U << 20};
    std::vector<Buffer> small;
    for (int i = 0; i < 8; ++i) small.push_back(buffers.take(128U << 10));
    EXPECT_EQ(buffers.in_use(), 1U << 20);
    for (Buffer& buffer : small) buffers.give(std::move(buffer));
    EXPECT_EQ(buffers.idle(), 1U << 20);
    Buffer large = buffers.take(1536U << 10);
    EXPECT_EQ(buffers.idle(), 512U << 10);
    EXPECT_EQ(buffers.in_use(), 1536U << 10);
    Buffer more = buffers.take(1U << 20);
    EXPECT_EQ(buffers.idle(), 0U);
    buffers.give(std::move(more));
    EXPECT_EQ(buffers.idle(), 0U) << "beyond the total";
}

}  // namespace
}  // namespace dr
