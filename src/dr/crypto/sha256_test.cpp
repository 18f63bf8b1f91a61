#include "dr/crypto/sha256.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dr/crypto/testing.h"
#include "dr/platform/sim/sim_random.h"

namespace dr {
namespace {

// The judge: OpenSSL's public interface, which none of our paths goes through.
Sha256 judge(ByteSpan bytes) {
    std::array<std::uint8_t, 32> digest;
    unsigned size = 0;
    EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr), 1);
    return Sha256{digest};
}

const Bytes& noise() {
    static const Bytes bytes = [] {
        Bytes made(70'000);
        SeededRandom{1}.fill(made);
        return made;
    }();
    return bytes;
}

ByteSpan noise(std::size_t offset, std::size_t size) { return ByteSpan{noise()}.subspan(offset, size); }

class Numbers {
public:
    explicit Numbers(std::uint64_t seed) : random_(seed) {}
    std::size_t below(std::size_t limit) {
        const auto bytes = random_.array<8>();
        std::uint64_t number;
        std::memcpy(&number, bytes.data(), sizeof number);
        return number % limit;
    }

private:
    SeededRandom random_;
};

// Every compressor that runs on this machine must give the same hashes.
class Sha256Paths : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        if (GetParam() == "sha_ni" && sha_ni_compressor() == nullptr) GTEST_SKIP() << "this CPU has no SHA extensions";
    }
    const Sha256Compressor& compressor() const {
        return GetParam() == "sha_ni" ? *sha_ni_compressor() : openssl_compressor();
    }
};

INSTANTIATE_TEST_SUITE_P(, Sha256Paths, testing::Values("openssl", "sha_ni"),
                         [](const auto& path) { return path.param; });

TEST_P(Sha256Paths, EveryLengthAtEveryAlignmentIsRight) {
    for (std::size_t size = 0; size <= 260; ++size) {
        for (const std::size_t offset : {0U, 1U, 7U, 13U}) {
            Sha256Stream stream{compressor()};
            stream.update(noise(offset, size));
            ASSERT_EQ(stream.finish(), judge(noise(offset, size))) << size << " bytes at " << offset;
        }
    }
}

TEST_P(Sha256Paths, HowAMessageIsCutMakesNoDifference) {
    Numbers numbers{2};
    for (int round = 0; round < 200; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        const ByteSpan message = noise(numbers.below(64), numbers.below(2000));
        Sha256Stream stream{compressor()};
        for (ByteSpan rest = message; !rest.empty();) {
            const std::size_t taken = std::min(rest.size(), numbers.below(150));
            stream.update(rest.first(taken));
            rest = rest.subspan(taken);
        }
        EXPECT_EQ(stream.length(), message.size());
        EXPECT_EQ(stream.finish(), judge(message));
    }
}

TEST_P(Sha256Paths, TwoStreamsAtAnyPositionsAreBothRight) {
    Numbers numbers{3};
    for (int round = 0; round < 400; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        Bytes said_a;
        Bytes said_b;
        Sha256Stream a{compressor()};
        Sha256Stream b{compressor()};
        for (int call = 0; call < 5; ++call) {
            const ByteSpan piece_a = noise(numbers.below(100), numbers.below(300));
            const ByteSpan piece_b = noise(numbers.below(100), numbers.below(300));
            update_both(a, piece_a, b, piece_b);
            append(said_a, piece_a);
            append(said_b, piece_b);
        }
        ASSERT_EQ(a.finish(), judge(said_a));
        ASSERT_EQ(b.finish(), judge(said_b));
    }
}

TEST_P(Sha256Paths, TwoStreamsThatEndTogetherAreBothRight) {
    for (std::size_t size_a = 0; size_a <= 130; ++size_a) {
        for (const std::size_t size_b : {0U, 33U, 55U, 56U, 64U, 129U}) {
            Sha256Stream a{compressor()};
            Sha256Stream b{compressor()};
            a.update(noise(3, size_a));
            b.update(noise(500, size_b));
            const std::array<Sha256, 2> both = finish_both(a, b);
            ASSERT_EQ(both[0], judge(noise(3, size_a))) << size_a << ", " << size_b;
            ASSERT_EQ(both[1], judge(noise(500, size_b))) << size_a << ", " << size_b;
            a.update(noise(7, 9));
            ASSERT_EQ(a.finish(), judge(noise(7, 9))) << "as new";
        }
    }
}

// As a large file is read: one stream for all of it, one for each chunk, over the same buffers.
TEST_P(Sha256Paths, AFileAndItsChunksAreHashedInOnePass) {
    Numbers numbers{4};
    Sha256Stream file{compressor()};
    Sha256Stream chunk{compressor()};
    for (ByteSpan rest = noise(); !rest.empty();) {
        const ByteSpan piece = rest.first(std::min(rest.size(), 1 + numbers.below(9000)));
        rest = rest.subspan(piece.size());
        update_both(file, piece, chunk, piece);
        ASSERT_EQ(chunk.finish(), judge(piece));
    }
    EXPECT_EQ(file.finish(), judge(noise()));
}

TEST_P(Sha256Paths, ManyInputsOfAnyLengthsAreAllRight) {
    Numbers numbers{5};
    for (const std::size_t count : {0U, 1U, 2U, 3U, 100U}) {
        std::vector<ByteSpan> inputs;
        for (std::size_t i = 0; i < count; ++i) inputs.push_back(noise(numbers.below(100), numbers.below(500)));
        std::vector<Sha256> outputs(count);
        hash_many(inputs, outputs, compressor());
        for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(outputs[i], judge(inputs[i])) << i << " of " << count;
    }
}

TEST_P(Sha256Paths, ManyInputsOfEveryLengthBesideALongOneAreAllRight) {
    for (std::size_t size = 0; size <= 200; ++size) {
        const std::array<ByteSpan, 3> inputs{noise(0, 5000), noise(1, size), noise(3, size / 2)};
        std::array<Sha256, 3> outputs;
        hash_many(inputs, outputs, compressor());
        for (std::size_t i = 0; i < inputs.size(); ++i) ASSERT_EQ(outputs[i], judge(inputs[i])) << i << ", " << size;
    }
}

TEST(Sha256, AgreesWithTheExamplesOfFips180) {
    EXPECT_EQ(sha256({}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256(as_bytes("abc")).hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256(Bytes(1'000'000, 'a')).hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, APairIsTwoHashes) {
    Sha256 a;
    Sha256 b;
    sha256_pair(as_bytes("one"), noise(0, 1000), a, b);
    EXPECT_EQ(a, judge(as_bytes("one")));
    EXPECT_EQ(b, judge(noise(0, 1000)));
}

TEST(Sha256Stream, ACopyGoesOnByItself) {
    Sha256Stream stream;
    stream.update(noise(0, 100));
    Sha256Stream copy = stream;
    stream.update(noise(100, 50));
    EXPECT_EQ(copy.finish(), judge(noise(0, 100)));
    EXPECT_EQ(stream.finish(), judge(noise(0, 150)));
}

TEST(Sha256Stream, IsAsNewAfterItsEnd) {
    Sha256Stream stream;
    stream.update(noise(0, 100));
    (void)stream.finish();
    EXPECT_EQ(stream.finish(), judge({}));

    stream.update(noise(0, 70));
    stream.reset();
    stream.update(noise(5, 70));
    EXPECT_EQ(stream.finish(), judge(noise(5, 70)));
}

TEST(Sha256Stream, ForgettingLeavesNoByteOfTheMessage) {
    Sha256Stream stream;
    stream.update(Bytes(60, 0xAB));
    stream.forget();
    const auto* const memory = reinterpret_cast<const std::uint8_t*>(&stream);
    const std::array<std::uint8_t, 4> trace{0xAB, 0xAB, 0xAB, 0xAB};
    EXPECT_EQ(std::search(memory, memory + sizeof stream, trace.begin(), trace.end()), memory + sizeof stream);
    EXPECT_EQ(stream.finish(), judge({}));
}

// Streams of different compressors may meet, if only in tests.
TEST(Sha256Stream, DifferentCompressorsMayBeFedTogether) {
    Sha256Stream a{openssl_compressor()};
    Sha256Stream b{fastest_compressor()};
    update_both(a, noise(0, 500), b, noise(1, 700));
    const std::array<Sha256, 2> both = finish_both(a, b);
    EXPECT_EQ(both[0], judge(noise(0, 500)));
    EXPECT_EQ(both[1], judge(noise(1, 700)));
}

TEST(Sha256DeathTest, AStreamIsNotItsOwnPartner) {
    Sha256Stream stream;
    EXPECT_DEATH(update_both(stream, {}, stream, {}), "one != &two");
    EXPECT_DEATH(finish_both(stream, stream), "one != &two");
}

}  // namespace
}  // namespace dr
