#include "cli/format.h"

#include <gtest/gtest.h>

namespace dr::cli {
namespace {

TEST(Format, NumbersAreGroupedByThousands) {
    EXPECT_EQ(human_count(0), "0");
    EXPECT_EQ(human_count(999), "999");
    EXPECT_EQ(human_count(1000), "1,000");
    EXPECT_EQ(human_count(1234567), "1,234,567");
    EXPECT_EQ(human_count(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Format, SizesTakeTheUnitThatFits) {
    EXPECT_EQ(human_bytes(0), "0 B");
    EXPECT_EQ(human_bytes(1023), "1023 B");
    EXPECT_EQ(human_bytes(1024), "1.0 KiB");
    EXPECT_EQ(human_bytes(1536), "1.5 KiB");
    EXPECT_EQ(human_bytes((1U << 20) - 1), "1.0 MiB");  // not "1024.0 KiB"
    EXPECT_EQ(human_bytes(std::uint64_t{5} << 40), "5.0 TiB");
    EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
}

TEST(Format, RatesAndDurationsReadAsPeopleSayThem) {
    EXPECT_EQ(human_rate(123'456'789), "123.5 MB/s");
    EXPECT_EQ(human_rate(-1), "0.0 MB/s");
    EXPECT_EQ(human_duration(0.4213), "0.42 s");
    EXPECT_EQ(human_duration(12.34), "12.3 s");
    EXPECT_EQ(human_duration(187), "3:07");
    EXPECT_EQ(human_duration(3723), "1:02:03");
    EXPECT_EQ(human_duration(-5), "0.00 s");
}

TEST(Format, OneThingIsNotMany) {
    EXPECT_EQ(counted(1, "file", "files"), "1 file");
    EXPECT_EQ(counted(0, "file", "files"), "0 files");
    EXPECT_EQ(counted(2000, "file", "files"), "2,000 files");
    EXPECT_EQ(human_date(Timestamp::from_seconds(1'700'000'000)), "2023-11-14");
}

TEST(Table, ColumnsLineUpAndLinesEndWithoutSpaces) {
    Table table{{{"NAME"}, {"SIZE", Table::Align::Right}, {""}}};
    table.add({"a", "1,000", ""});
    table.add({"Übung", "7", "x"});  // one column for each character
    EXPECT_EQ(table.lines(), (std::vector<std::string>{"NAME    SIZE", "a      1,000", "Übung      7  x"}));
}

}  // namespace
}  // namespace dr::cli
