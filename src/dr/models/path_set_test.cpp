#include "dr/models/path_set.h"

#include <gtest/gtest.h>

#include "dr/models/place.h"

namespace dr {
namespace {

RelativePath path(std::string_view text) { return RelativePath::parse(text).value(); }

TEST(PathSet, CoversItsPlacesAndWhatIsBelow) {
    PathSet set{{path("b/c"), path("a"), path("a-b"), path("a/x"), path("b/c")}};
    EXPECT_EQ(set.places().size(), 3U);
    EXPECT_TRUE(set.covers(path("a")));
    EXPECT_TRUE(set.covers(path("a/x/y")));
    EXPECT_TRUE(set.covers(path("a-b/q")));
    EXPECT_FALSE(set.covers(path("a-c")));
    EXPECT_FALSE(set.covers(path("b")));
    EXPECT_FALSE(set.covers(RelativePath{}));
    EXPECT_TRUE(set.has_below(path("b")));
    EXPECT_TRUE(set.has_below(RelativePath{}));
    EXPECT_FALSE(set.has_below(path("b/c")));
    EXPECT_FALSE(set.has_below(path("z")));
    set.add(path("b"));
    EXPECT_TRUE(set.covers(path("b/d")));
    EXPECT_TRUE(PathSet{}.empty());
}

TEST(PathSet, TheRootIsAllThereIs) {
    const PathSet set{{path("a"), RelativePath{}}};
    EXPECT_EQ(set.places().size(), 1U);
    EXPECT_TRUE(set.covers(path("anything/at/all")));
}

TEST(Place, IsCleanedButNeverGuessed) {
    EXPECT_EQ(parse_place("./a//b/./").value().path.bytes(), "a/b");
    EXPECT_FALSE(parse_place("a").value().absolute);
    EXPECT_TRUE(parse_place("/usr//lib/").value().absolute);
    EXPECT_EQ(parse_place("/usr//lib/").value().path.bytes(), "usr/lib");
    EXPECT_TRUE(parse_place(".").value().path.is_root());
    EXPECT_TRUE(parse_place("/").value().path.is_root());
    for (const char* bad : {"", "..", "a/../b", "/../etc"})
        EXPECT_EQ(parse_place(bad).error().code(), ErrorCode::BadRequest) << bad;
    EXPECT_FALSE(parse_place(std::string(300, 'x')).ok());
}

}  // namespace
}  // namespace dr
