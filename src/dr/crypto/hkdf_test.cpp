#include "dr/crypto/hkdf.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dr/crypto/testing.h"

namespace dr {
namespace {

struct Example {
    const char* name;
    Bytes input;
    Bytes salt;
    Bytes info;
    std::string extracted;
    std::string expanded;
};

std::vector<Example> examples_of_rfc5869() {
    return {{"A.1", Bytes(22, 0x0b), counting(0, 13), counting(0xf0, 10),
             "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
             "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
            {"A.2", counting(0, 80), counting(0x60, 80), counting(0xb0, 80),
             "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
             "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
             "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
            {"A.3",
             Bytes(22, 0x0b),
             {},
             {},
             "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
             "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"}};
}

TEST(Hkdf, AgreesWithTheExamplesOfRfc5869) {
    for (const Example& example : examples_of_rfc5869()) {
        SCOPED_TRACE(example.name);
        const Key32 prk = hkdf_extract(example.salt, {example.input});
        EXPECT_EQ(to_hex(prk.bytes()), example.extracted);

        Bytes expanded(example.expanded.size() / 2);
        hkdf_expand(HmacKey{prk.bytes()}, {example.info}, expanded);
        EXPECT_EQ(to_hex(expanded), example.expanded);

        const Key32 key = hkdf(example.salt, {example.input}, {example.info});
        EXPECT_EQ(to_hex(key.bytes()), example.expanded.substr(0, 64));
    }
}

TEST(Hkdf, PartsCountAsOneString) {
    const Key32 whole = hkdf(as_bytes("salt"), {as_bytes("input")}, {as_bytes("info")});
    const Key32 parts = hkdf(as_bytes("salt"), {as_bytes("in"), as_bytes("put")}, {as_bytes("i"), {}, as_bytes("nfo")});
    EXPECT_TRUE(whole == parts);
    EXPECT_FALSE(whole == hkdf(as_bytes("salt"), {as_bytes("input")}, {as_bytes("other")}));
}

TEST(Hkdf, TheLongestOutputIsPossible) {
    Bytes out(8160);
    hkdf_expand(HmacKey{as_bytes("key")}, {as_bytes("info")}, out);
    const Key32 first = hkdf_expand(HmacKey{as_bytes("key")}, {as_bytes("info")});
    EXPECT_TRUE(equal(ByteSpan{out}.first(32), first.bytes()));
    EXPECT_NE(out.back(), 0);
}

TEST(HkdfDeathTest, AnotherLengthIsABug) {
    Bytes out(8161);
    EXPECT_DEATH(hkdf_expand(HmacKey{as_bytes("key")}, {}, out), "kMaxBlocks");
    EXPECT_DEATH(hkdf_expand(HmacKey{as_bytes("key")}, {}, MutableByteSpan{}), "empty");
}

}  // namespace
}  // namespace dr
