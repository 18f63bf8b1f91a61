#include "dr/platform/posix/file_time.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(FileTime, IsThatOfTheFileOrTheLastThereIs) {
    EXPECT_EQ(timestamp_of({1'800'000'000, 5}), Timestamp{1'800'000'000'000'000'005});
    EXPECT_EQ(timestamp_of({-1, 999'999'999}), Timestamp{-1});
    EXPECT_EQ(timestamp_of({13'569'465'600, 0}), Timestamp{INT64_MAX}) << "the year 2400";
    EXPECT_EQ(timestamp_of({9'223'372'036, 999'999'999}), Timestamp{INT64_MAX});
    EXPECT_EQ(timestamp_of({-13'569'465'600, 0}), Timestamp{INT64_MIN});
}

}  // namespace
}  // namespace dr
