#include "dr/models/cron.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(Cron, ReadsTheSchedulesOfTheSpec) {
    const CronExpression weekly = CronExpression::parse("0 3 * * SUN").value();
    EXPECT_TRUE(weekly.minute(0) && weekly.hour(3) && weekly.month(12));
    EXPECT_FALSE(weekly.minute(1) || weekly.hour(2));
    EXPECT_TRUE(weekly.day(17, 0));
    EXPECT_FALSE(weekly.day(17, 1));
    EXPECT_EQ(weekly.text(), "0 3 * * SUN");
    const CronExpression monthly = CronExpression::parse("0 4 1 * *").value();
    EXPECT_TRUE(monthly.day(1, 3));
    EXPECT_FALSE(monthly.day(2, 3));
}

TEST(Cron, RangesListsStepsAndNames) {
    const CronExpression cron = CronExpression::parse("*/15 8-18/5,23 1,15 jan-MAR 1-5").value();
    EXPECT_TRUE(cron.minute(45) && cron.hour(13) && cron.hour(18) && cron.hour(23) && cron.month(2));
    EXPECT_FALSE(cron.minute(44) || cron.hour(14) || cron.month(4));
    EXPECT_TRUE(cron.day(15, 0));  // either suffices
    EXPECT_TRUE(cron.day(2, 5));
    EXPECT_FALSE(cron.day(2, 6));
    EXPECT_TRUE(CronExpression::parse("0 0 * * 7").value().day(1, 0));
    EXPECT_FALSE(CronExpression{}.minute(0));
}

TEST(Cron, RefusesWhatNeverOrNotClearlyRuns) {
    for (const char* bad : {"",
                            "* * * *",
                            "* * * * * *",
                            "60 * * * *",
                            "* 24 * * *",
                            "* * 0 * *",
                            "* * 32 * *",
                            "* * * 13 * ",
                            "* * * * 8",
                            "5-1 * * * *",
                            "*/0 * * * *",
                            "5/2 * * * *",
                            "1, * * * *",
                            "a * * * *",
                            "* * * FOO *",
                            "-1 * * * *",
                            "0 0 31 4 *",
                            "0 0 30 FEB *",
                            "1-2-3 * * * *",
                            "*/ * * * *",
                            "001 * * * *",
                            "@daily"}) {
        const Result<CronExpression> cron = CronExpression::parse(bad);
        ASSERT_FALSE(cron.ok()) << bad;
        EXPECT_EQ(cron.error().code(), ErrorCode::BadRequest);
    }
    EXPECT_FALSE(CronExpression::parse(std::string(2000, ' ') + "* * * * *").ok());
    EXPECT_TRUE(CronExpression::parse("0 0 29 2 *").ok());
}

}  // namespace
}  // namespace dr
