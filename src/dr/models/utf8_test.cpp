#include "dr/models/utf8.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(Utf8, ReadsCharactersOfEveryLength) {
    const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
    EXPECT_EQ(utf8_at(text, 0).value, U'a');
    EXPECT_EQ(utf8_at(text, 1).value, U'\u00e9');
    EXPECT_EQ(utf8_at(text, 3).value, U'\u20ac');
    EXPECT_EQ(utf8_at(text, 6).value, U'\U0001F600');
    EXPECT_EQ(utf8_at(text, 6).length, 4U);
    EXPECT_TRUE(is_utf8(text));
    EXPECT_TRUE(is_utf8(""));
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndWhatIsTooLarge) {
    for (const char* bad : {"\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80",
                            "\xFF", "\xC3", "\xE2\x82", "\xC3("}) {
        EXPECT_FALSE(is_utf8(bad)) << bad;
    }
}

TEST(Utf8, EachBadByteBecomesOneReplacementCharacter) {
    EXPECT_EQ(lossy_utf8("a\xFF\xC3z"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
    EXPECT_EQ(lossy_utf8("plain \xC3\xA9"), "plain \xC3\xA9");
}

}  // namespace
}  // namespace dr
