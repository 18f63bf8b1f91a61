#include "dr/models/relative_path.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

using namespace std::string_literals;

RelativePath path(std::string_view text) { return RelativePath::parse(text).value(); }

TEST(RelativePath, TakesAnyBytesThatCannotLeaveTheDirectory) {
    for (const std::string& good :
         {"a"s, "a/b"s, "..."s, "..a/b.."s, "a\nb"s, "\xFF\xFE/x"s, std::string(255, 'n'), "a\\b"s, "~"s}) {
        EXPECT_EQ(path(good).bytes(), good);
    }
}

TEST(RelativePath, RefusesWhatCould) {
    const std::vector<std::string> bad{
        "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "./a", "a\0b"s, std::string(256, 'n')};
    for (const std::string& text : bad) {
        const Result<RelativePath> parsed = RelativePath::parse(text);
        ASSERT_FALSE(parsed.ok()) << printable(text);
        EXPECT_EQ(parsed.error().code(), ErrorCode::BadRequest);
        EXPECT_EQ(RelativePath::parse(text, ErrorCode::Damaged).error().code(), ErrorCode::Damaged);
    }
}

TEST(RelativePath, MayBeLongerThanAnySystemCall) {
    std::string deep = "d";
    for (int i = 0; i < 5000; ++i) deep += "/directory";
    EXPECT_EQ(path(deep).components().size(), 5001U);
    EXPECT_EQ(path(deep).name(), "directory");
}

TEST(RelativePath, ShortensLongNamesInMessages) {
    EXPECT_LT(RelativePath::parse("/" + std::string(100'000, 'x')).error().what().size(), 400U);
}

TEST(RelativePath, JoinsCheckedComponents) {
    const RelativePath root;
    EXPECT_TRUE(root.is_root());
    EXPECT_EQ(root.join("a").value().join("b").value().bytes(), "a/b");
    EXPECT_EQ(path("a/b").join(path("c/d")).bytes(), "a/b/c/d");
    EXPECT_EQ(root.join(path("c")).bytes(), "c");
    EXPECT_EQ(path("c").join(root).bytes(), "c");
    for (const std::string& bad : {""s, "."s, ".."s, "a/b"s, "a\0"s, std::string(256, 'x')}) {
        EXPECT_FALSE(RelativePath::is_component(bad));
        EXPECT_EQ(root.join(bad, ErrorCode::Damaged).error().code(), ErrorCode::Damaged);
    }
}

TEST(RelativePath, KnowsItsPartsAndAncestors) {
    EXPECT_EQ(path("a/b/c").name(), "c");
    EXPECT_EQ(path("a/b/c").parent(), path("a/b"));
    EXPECT_TRUE(path("a").parent().is_root());
    EXPECT_TRUE(RelativePath{}.parent().is_root());
    EXPECT_EQ(RelativePath{}.name(), "");
    EXPECT_TRUE(RelativePath{}.components().empty());
    EXPECT_TRUE(path("a/b").is_within(path("a")));
    EXPECT_TRUE(path("a").is_within(path("a")));
    EXPECT_TRUE(path("a").is_within(RelativePath{}));
    EXPECT_FALSE(path("ab").is_within(path("a")));
    EXPECT_FALSE(RelativePath{}.is_within(path("a")));
}

TEST(Printable, ShowsNamesThatWantToBeSomethingElse) {
    EXPECT_EQ(printable("caf\xC3\xA9 \xD9\x82\xD8\xB7\xD8\xB1"), "caf\xC3\xA9 \xD9\x82\xD8\xB7\xD8\xB1");
    EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
    EXPECT_EQ(printable("\x1b[2J"), "\\x1b[2J");
    EXPECT_EQ(printable("a\\nb"), "a\\\\nb");
    EXPECT_EQ(printable("\xFFz\x7F"), "\\xffz\\x7f");
    EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b");                   // C1 control: an escape sequence in one byte
    EXPECT_EQ(printable("gpj.\xE2\x80\xAE"), "gpj.\\xe2\\x80\\xae");  // right-to-left override
    EXPECT_EQ(printable("a\xE2\x80\x8B"), "a\\xe2\\x80\\x8b");        // zero width
    EXPECT_EQ(printable("\xEF\xBB\xBF"), "\\xef\\xbb\\xbf");
    EXPECT_EQ(printable(path("a/b")), "a/b");
}

}  // namespace
}  // namespace dr
