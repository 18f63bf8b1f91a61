#include "dr/models/suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace dr {
namespace {

constexpr std::array<std::string_view, 5> kNames{"datasets", "tag", "spec_id", "retention_days", "worm"};

TEST(Suggest, CountsEditsAndSwaps) {
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    EXPECT_EQ(edit_distance("abc", "abc"), 0U);
    EXPECT_EQ(edit_distance("abc", "acb"), 1U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
    EXPECT_EQ(edit_distance("ca", "abc"), 3U);  // optimal string alignment
}

TEST(Suggest, FindsWhatWasMeant) {
    EXPECT_EQ(nearest("dataset", kNames), "datasets");
    EXPECT_EQ(nearest("DATASETS", kNames), "datasets");
    EXPECT_EQ(nearest("rentention_day", kNames), "retention_days");
    EXPECT_EQ(nearest("tga", kNames), "tag");
    EXPECT_EQ(did_you_mean("wrom", kNames), "; did you mean 'worm'?");
}

TEST(Suggest, SaysNothingWhereNothingIsNear) {
    EXPECT_EQ(nearest("colour", kNames), std::nullopt);
    EXPECT_EQ(nearest("xy", kNames), std::nullopt);
    EXPECT_EQ(did_you_mean(std::string(10'000, 'a'), kNames), "");
    EXPECT_EQ(nearest("a", {}), std::nullopt);
}

}  // namespace
}  // namespace dr
