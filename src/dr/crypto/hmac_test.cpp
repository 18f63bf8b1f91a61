#include "dr/crypto/hmac.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <thread>
#include <vector>

#include "dr/crypto/testing.h"

namespace dr {
namespace {

std::string mac_hex(ByteSpan key, ByteSpan message) { return to_hex(HmacKey{key}.mac({message})); }

TEST(Hmac, AgreesWithTheExamplesOfRfc4231) {
    EXPECT_EQ(mac_hex(Bytes(20, 0x0b), as_bytes("Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(mac_hex(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(mac_hex(Bytes(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, EveryLengthOfKeyAndMessageIsRight) {
    for (std::size_t key_size = 0; key_size <= 130; key_size += 13) {
        const Bytes key = counting(5, key_size);
        const HmacKey prepared{key};
        for (std::size_t size = 0; size <= 200; ++size) {
            const Bytes message = counting(9, size);
            Mac32 expected;
            // OpenSSL takes no null pointer for an empty key.
            const void* const key_data = key.empty() ? "" : static_cast<const void*>(key.data());
            HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()), message.data(), message.size(), expected.data(),
                 nullptr);
            ASSERT_EQ(prepared.mac({message}), expected) << key_size << ", " << size;
        }
    }
}

TEST(Hmac, PartsCountAsOneMessage) {
    const HmacKey key{as_bytes("key")};
    EXPECT_EQ(key.mac({as_bytes("ab"), {}, as_bytes("c")}), key.mac({as_bytes("abc")}));

    HmacStream stream{key};
    stream.update(as_bytes("a"));
    stream.update(as_bytes("bc"));
    EXPECT_EQ(stream.finish(), key.mac({as_bytes("abc")}));
}

TEST(Hmac, OfTwoAtOnceIsOfEach) {
    const HmacKey key{as_bytes("key")};
    for (const std::size_t one : {0U, 1U, 33U, 55U, 56U, 200U}) {
        for (const std::size_t two : {0U, 32U, 55U, 56U, 64U}) {
            const Bytes a = counting(1, one);
            const Bytes b = counting(2, two);
            const std::array<Mac32, 2> both =
                key.mac_both({a}, {ByteSpan{b}.first(two / 2), ByteSpan{b}.subspan(two / 2)});
            EXPECT_EQ(both[0], key.mac({a})) << one << ", " << two;
            EXPECT_EQ(both[1], key.mac({b})) << one << ", " << two;
        }
    }
}

TEST(HmacKey, MovesAndLeavesNothingBehind) {
    HmacKey first{as_bytes("key")};
    const Mac32 expected = first.mac({as_bytes("message")});
    HmacKey second = std::move(first);
    EXPECT_EQ(second.mac({as_bytes("message")}), expected);
    // What a move leaves behind is the point. NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    EXPECT_NE(first.mac({as_bytes("message")}), expected);

    HmacKey third{as_bytes("other")};
    third = std::move(second);
    EXPECT_EQ(third.mac({as_bytes("message")}), expected);
    HmacKey& itself = third;
    third = std::move(itself);
    EXPECT_EQ(third.mac({as_bytes("message")}), expected);
}

TEST(HmacKey, ServesManyThreads) {
    const HmacKey key{as_bytes("key")};
    const Mac32 expected = key.mac({as_bytes("message")});
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 1000; ++round) ASSERT_EQ(key.mac({as_bytes("message")}), expected);
        });
    }
    for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace dr
