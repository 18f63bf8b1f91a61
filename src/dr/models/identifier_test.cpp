#include "dr/models/identifier.h"

#include <gtest/gtest.h>

#include <unordered_set>

namespace dr {
namespace {

TEST(Identifier, TakesTheAllowedCharactersUpTo128) {
    EXPECT_EQ(Identifier::parse("daily-backup_001.A").value().text(), "daily-backup_001.A");
    EXPECT_TRUE(Identifier::parse(std::string(128, 'x')).ok());
    EXPECT_TRUE(Identifier{}.empty());
}

TEST(Identifier, RefusesAllElseAndNamesIt) {
    EXPECT_EQ(Identifier::parse("", "the tag").error().what(), "the tag must not be empty");
    EXPECT_EQ(Identifier::parse(std::string(129, 'x'), "'tag'").error().what(),
              "'tag' has 129 characters: at most 128 are allowed");
    for (const char* bad : {"a b", "a/b", "../x", "caf\xC3\xA9", "a\n", "\x1b[31m"}) {
        const Result<Identifier> id = Identifier::parse(bad);
        ASSERT_FALSE(id.ok()) << bad;
        EXPECT_EQ(id.error().code(), ErrorCode::BadRequest);
        EXPECT_EQ(id.error().what().find('\n'), std::string::npos);
        EXPECT_EQ(id.error().what().find('\x1b'), std::string::npos);
    }
}

TEST(Identifier, IsAKeyOfHashTables) {
    const std::unordered_set<Identifier> ids{Identifier::parse("a").value(), Identifier::parse("a").value()};
    EXPECT_EQ(ids.size(), 1U);
}

}  // namespace
}  // namespace dr
