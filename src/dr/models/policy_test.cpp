#include "dr/models/policy.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(Policy, PruneTakesARuleOrAPolicy) {
    EXPECT_EQ(parse_retention_policy(R"({"rule_id": "r", "keep_daily": 3})").value().keep_daily, 3U);
    EXPECT_EQ(parse_retention_policy(R"({"policy_id": "p", "retention": {"rule_id": "r", "keep_weekly": 9}})")
                  .value()
                  .keep_weekly,
              9U);
    EXPECT_EQ(parse_retention_policy(R"({"rule_id": "r", "keep_dayly": 3})").error().what(),
              "unknown key 'keep_dayly' in the retention rule; did you mean 'keep_daily'?");
    EXPECT_EQ(parse_retention_policy(R"({"policy_id": "p"})").error().what(), "'retention' in the policy is missing");
    EXPECT_FALSE(parse_retention_policy("[]").ok());
}

TEST(RetentionRule, HasTheDefaultsOfTheSpec) {
    const RetentionRule rule = parse_retention_rule(R"({"rule_id": "r"})").value();
    EXPECT_EQ(rule.keep_daily, 7U);
    EXPECT_EQ(rule.keep_weekly, 4U);
    EXPECT_EQ(rule.keep_monthly, 12U);
    EXPECT_EQ(rule.min_age_days, 1U);
    EXPECT_FALSE(rule.keep_last || rule.keep_hourly || rule.keep_yearly || rule.keep_within_days);
    EXPECT_EQ(parse_retention_rule(print(rule)).value(), rule);
}

TEST(Policy, ItsPartsNameTheSameThings) {
    const std::string spec = R"("backup_spec": {"spec_id": "a", "tag": "t", "storage_target": "x"})";
    const std::string head = R"({"policy_id": "p", "retention": {"rule_id": "r"}, )" + spec;
    EXPECT_EQ(parse_policy(head + R"(, "schedule": {"schedule_id": "s", "spec_id": "b", "cron_expr": "0 2 * * *"}})")
                  .error()
                  .what(),
              "'schedule' in the policy is for spec 'b', but the policy holds 'a'");
    EXPECT_EQ(parse_policy(head + R"(, "storage_target": {"target_id": "y", "backend": "local", "base_path": "/"}})")
                  .error()
                  .what(),
              "'backup_spec' in the policy is for target 'x', but the policy holds 'y'");
    EXPECT_TRUE(parse_policy(head + "}").ok());
}

}  // namespace
}  // namespace dr
