#include "dr/base/hex.h"

#include <gtest/gtest.h>

#include "dr/base/ids.h"
#include "dr/base/time.h"

namespace dr {
namespace {

TEST(Hex, WhatIsPrintedIsParsed) {
    const Bytes bytes{0, 1, 0x7f, 0x80, 0xff};
    EXPECT_EQ(to_hex(bytes), "00017f80ff");
    EXPECT_EQ(parse_hex("00017f80ff").value(), bytes);
}

TEST(Hex, OneValueHasOneText) {
    for (const char* bad : {"0", "0G", "AB", "0x", " 00"}) EXPECT_FALSE(parse_hex(bad).ok()) << bad;
}

TEST(Base64, AgreesWithTheExamplesOfRfc4648) {
    const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                            {"f", "Zg=="},
                                                            {"fo", "Zm8="},
                                                            {"foo", "Zm9v"},
                                                            {"foob", "Zm9vYg=="},
                                                            {"fooba", "Zm9vYmE="},
                                                            {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : examples) {
        EXPECT_EQ(to_base64(as_bytes(plain)), text);
        EXPECT_EQ(as_text(parse_base64(text).value()), plain);
    }
}

TEST(Base64, OtherTextsAreRefused) {
    for (const char* bad : {"Zg", "Zg=", "Zh==", "Z===", "====", "Zm9\n", "Zm=v", "Zm9v Zg="})
        EXPECT_FALSE(parse_base64(bad).ok()) << bad;
}

TEST(Digest, ParsesWhatItPrints) {
    Digest<struct AnyTag> digest = Digest<struct AnyTag>::from(Bytes(32, 0xab));
    EXPECT_EQ(Digest<struct AnyTag>::parse(digest.hex()).value(), digest);
    EXPECT_EQ(digest.short_hex(), "abababab");
    EXPECT_FALSE(Digest<struct AnyTag>::parse("abcd").ok());
    EXPECT_TRUE(Digest<struct AnyTag>{}.is_zero());
}

TEST(Timestamp, PrintsMicrosecondsAndReadsThemBack) {
    const Timestamp at{1'795'799'322'123'456'000};
    EXPECT_EQ(at.iso8601(), "2026-11-27T17:08:42.123456Z");
    EXPECT_EQ(Timestamp::parse(at.iso8601()).value(), at);
    EXPECT_EQ(at.human(), "2026-11-27 17:08 UTC");
}

TEST(Timestamp, RefusesWhatIsNoTime) {
    for (const char* bad :
         {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
          "2026-01-01T00:00:60Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
          "2026-01-01T00:00:00.1234567890Z", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "2026-01-01T00:00:00Zx"}) {
        EXPECT_FALSE(Timestamp::parse(bad).ok()) << bad;
    }
}

TEST(Error, TheTableStandsInTheOrderOfTheCodes) {
    for (std::size_t i = 0; i < kErrorCodes.size(); ++i) EXPECT_EQ(static_cast<std::size_t>(kErrorCodes[i].code), i);
}

TEST(Error, TellsWhatWhileDoingWhat) {
    const Error error = Error::from_errno(28, "cannot write 'x'").during("storing pack 1").during("backing up");
    EXPECT_EQ(error.code(), ErrorCode::NoSpace);
    EXPECT_EQ(error.one_line(), "cannot write 'x': No space left on device, while storing pack 1, while backing up");
}

}  // namespace
}  // namespace dr
