#include "dr/models/glob.h"

#include <gtest/gtest.h>

#include <chrono>

namespace dr {
namespace {

bool matches(std::string_view pattern, std::string_view path, bool is_directory = false) {
    return Glob::parse(pattern).value().matches(path, is_directory);
}

TEST(Glob, ANameMatchesTheLastComponentAtAnyDepth) {
    EXPECT_TRUE(matches("id_rsa", "id_rsa"));
    EXPECT_TRUE(matches("id_rsa", "home/x/id_rsa"));
    EXPECT_FALSE(matches("id_rsa", "id_rsa/x"));
    EXPECT_FALSE(matches("id_rsa", "my_id_rsa"));
    EXPECT_FALSE(matches("id_rsa", "id_rsa.pub"));
    EXPECT_TRUE(matches("*.pem", "a/b.pem"));
    EXPECT_FALSE(matches("*.pem", "a.pem/b"));
    EXPECT_TRUE(matches(".env.*", "x/.env.local"));
    EXPECT_FALSE(matches(".env.*", "x/.env"));
    EXPECT_TRUE(matches("*", "a/b"));
    EXPECT_TRUE(matches("a*c?e", "x/abbbcde"));
    EXPECT_FALSE(matches("a*c?e", "x/abbbce"));
    EXPECT_FALSE(matches("*", ""));
}

TEST(Glob, SeveralComponentsMatchTheEndOfAPath) {
    EXPECT_TRUE(matches(".aws/credentials", "home/x/.aws/credentials"));
    EXPECT_TRUE(matches(".aws/credentials", ".aws/credentials"));
    EXPECT_FALSE(matches(".aws/credentials", "x.aws/credentials"));
    EXPECT_TRUE(matches("src/*.c", "a/src/b.c"));
    EXPECT_FALSE(matches("src/*.c", "a/src/b/c.c"));
}

TEST(Glob, ASlashInFrontAnchorsIt) {
    EXPECT_TRUE(matches("/a/b", "a/b"));
    EXPECT_FALSE(matches("/a/b", "x/a/b"));
    EXPECT_TRUE(matches("/*.txt", "a.txt"));
    EXPECT_FALSE(matches("/*.txt", "d/a.txt"));
}

TEST(Glob, ASlashAtTheEndMeansDirectories) {
    EXPECT_TRUE(matches("logs/", "var/logs", true));
    EXPECT_FALSE(matches("logs/", "var/logs", false));
    EXPECT_TRUE(matches("/logs/", "logs", true));
}

TEST(Glob, TwoStarsSpanComponents) {
    EXPECT_TRUE(matches("/a/**/z", "a/z"));
    EXPECT_TRUE(matches("/a/**/z", "a/b/c/z"));
    EXPECT_FALSE(matches("/a/**/z", "a/b/cz"));
    EXPECT_TRUE(matches("/a/**", "a/b"));
    EXPECT_TRUE(matches("/a/**", "a/b/c"));
    EXPECT_FALSE(matches("/a/**", "a"));
    EXPECT_TRUE(matches("**/x", "x"));
    EXPECT_TRUE(matches("/**/x", "q/w/x"));
    EXPECT_TRUE(matches("**", "any/thing"));
    EXPECT_TRUE(matches("/**/**/x", "x"));
    EXPECT_TRUE(matches("a**b", "axxb"));
    EXPECT_FALSE(matches("/a**b", "ax/xb"));
}

TEST(Glob, SetsAndEscapes) {
    EXPECT_TRUE(matches("*.log.[0-9]*", "x.log.1.gz"));
    EXPECT_FALSE(matches("*.log.[0-9]*", "x.log.old"));
    EXPECT_TRUE(matches("[!a-c]x", "dx"));
    EXPECT_FALSE(matches("[^a-c]x", "bx"));
    EXPECT_TRUE(matches("[]x]", "]"));
    EXPECT_TRUE(matches("[a-]", "-"));
    EXPECT_TRUE(matches("[\\]]", "]"));
    EXPECT_TRUE(matches("\\*\\[", "*["));
    EXPECT_FALSE(matches("\\*", "x"));
    EXPECT_TRUE(matches("\\!x", "!x"));
    EXPECT_FALSE(matches("/a[!x]b", "a/b"));  // a set never matches '/'
    EXPECT_FALSE(matches("/a?b", "a/b"));
}

TEST(Glob, CharactersAreCharactersAndBadBytesToo) {
    EXPECT_TRUE(matches("caf?", "caf\xC3\xA9"));
    EXPECT_TRUE(matches("[\xC3\xA0-\xC3\xBF]x", "\xC3\xA9x"));
    EXPECT_TRUE(matches("x?", "x\xFF"));
    EXPECT_TRUE(matches("*.bin", "\xFF\xFE.bin"));
}

TEST(Glob, RefusesPatternsThatCannotBeMeant) {
    using namespace std::string_literals;
    for (const std::string& bad : {""s, "/"s, "a//b"s, "[a"s, "[a/b]"s, "a\\"s, "!x"s, "../x"s, "a/./b"s, "[z-a]"s,
                                   "a\0b"s, std::string(5000, 'x'), "//"s, "x["s, "[]"s, "[!"s}) {
        const Result<Glob> glob = Glob::parse(bad);
        ASSERT_FALSE(glob.ok()) << bad;
        EXPECT_EQ(glob.error().code(), ErrorCode::BadRequest);
    }
}

TEST(Glob, AnExcludedDirectoryTakesWhatIsBelow) {
    const Glob glob = Glob::parse("__pycache__/").value();
    EXPECT_TRUE(glob.matches_or_above("a/__pycache__/x/y.pyc", false));
    EXPECT_FALSE(glob.matches_or_above("a/__pycache__", false));
    EXPECT_TRUE(glob.matches_or_above("a/__pycache__", true));
    EXPECT_FALSE(glob.matches_or_above("a/b", false));
}

TEST(Glob, KnowsWhereNothingCanMatch) {
    const auto below = [](std::string_view pattern, std::string_view path) {
        return Glob::parse(pattern).value().may_match_below(path);
    };
    EXPECT_TRUE(below("*.txt", "any/where"));
    EXPECT_TRUE(below("a/b", "any/where"));
    EXPECT_TRUE(below("/a/b/c", "a/b"));
    EXPECT_FALSE(below("/a/b/c", "a/c"));
    EXPECT_FALSE(below("/a/b", "a/b"));
    EXPECT_TRUE(below("/a/*/c", "a/x"));
    EXPECT_FALSE(below("/a/*/c", "b"));
    EXPECT_TRUE(below("/a/**/c", "a/x/y"));
    EXPECT_TRUE(below("/a/b", ""));
}

TEST(Glob, TakesLinearTimeWhateverThePattern) {
    std::string stars;
    for (int i = 0; i < 500; ++i) stars += "a*";
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(matches(stars + "b", std::string(250, 'a')));
    EXPECT_FALSE(matches("/**/a/**/a/**/a/**/a/**/a/**/b", [] {
        std::string path = "a";
        for (int i = 0; i < 2000; ++i) path += "/a";
        return path;
    }()));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Glob, TheLongestPatternsFit) {
    EXPECT_TRUE(matches(std::string(Glob::kMaxBytes, '?'), std::string(Glob::kMaxBytes, 'x')));
    std::string deep = "**";
    while (deep.size() + 3 <= Glob::kMaxBytes) deep += "/**";
    EXPECT_TRUE(matches(deep, "a/b"));
    std::string sets;
    while (sets.size() + 3 <= Glob::kMaxBytes) sets += "[a]";
    EXPECT_FALSE(matches(sets, "a"));
}

}  // namespace
}  // namespace dr
