#include "dr/retention/keep.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace dr {
namespace {

Timestamp at(std::string_view text) { return Timestamp::parse(text).value(); }
Timestamp day(int number) { return Timestamp{at("2026-01-01T02:00:00Z").nanoseconds() + number * kNanosecondsPerDay}; }

RetentionSubject snapshot(std::string id, std::string tag, Timestamp created) {
    return {std::move(id), "site", std::move(tag), created, 30, {}, false};
}
RetentionSubject of_plan(std::string plan, RetentionSubject subject) {
    subject.spec_id = std::move(plan);
    return subject;
}

std::vector<std::string> kept(const RetentionRule& rule, const std::vector<RetentionSubject>& subjects, Timestamp now) {
    std::vector<std::string> ids;
    const auto decisions = decide_retention(rule, subjects, now, SiteCalendar::utc());
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        EXPECT_FALSE(decisions[i].reasons.empty());
        if (decisions[i].keep) ids.push_back(subjects[i].snapshot_id);
    }
    return ids;
}

// A commit of a foreign repository may claim anything.
TEST(Retention, WhatNoCalendarHoldsStaysRatherThanGoes) {
    const Timestamp last{INT64_MAX};
    const Timestamp first{INT64_MIN};
    std::vector<RetentionSubject> subjects(3, snapshot("s", "other", day(0)));
    subjects[0].retention_days = UINT32_MAX;
    subjects[1].created_at = last;
    subjects[2].created_at = first;
    subjects[2].retention_days = UINT32_MAX;
    // Enough newer ones that no rule keeps these.
    for (int d = 1; d <= 500; ++d) subjects.push_back(snapshot("d", "other", day(d)));
    const auto decisions = decide_by_default(subjects, day(501), SiteCalendar::utc());
    for (std::size_t i = 0; i < 3; ++i) {
        SCOPED_TRACE(i);
        EXPECT_TRUE(decisions[i].keep) << decisions[i].reasons.front();
    }
    RetentionRule rule;
    rule.keep_within_days = UINT32_MAX;
    EXPECT_EQ(kept(rule, subjects, day(501)).size(), subjects.size());
}

// SPEC 9: 7 + 4 + 12 snapshots of the three classes are kept in all, here out of two years of them.
TEST(Retention, TwoYearsOfTheThreeClassesKeepTwentyThree) {
    std::vector<RetentionSubject> subjects;
    for (int d = 0; d < 730; ++d) {
        subjects.push_back(snapshot("d" + std::to_string(d), "daily", day(d)));
        if (d % 7 == 3) subjects.push_back(snapshot("w" + std::to_string(d), "weekly", day(d)));
        const auto date =
            std::chrono::year_month_day{std::chrono::sys_days{std::chrono::days{SiteCalendar::utc().day(day(d))}}};
        if (date.day() == std::chrono::day{1}) subjects.push_back(snapshot("m" + std::to_string(d), "monthly", day(d)));
    }
    const auto ids = kept(RetentionRule{}, subjects, day(731));
    EXPECT_EQ(ids.size(), 23U);
    EXPECT_EQ(std::count_if(ids.begin(), ids.end(), [](const std::string& id) { return id[0] == 'd'; }), 7);
    EXPECT_EQ(std::count_if(ids.begin(), ids.end(), [](const std::string& id) { return id[0] == 'w'; }), 4);
    EXPECT_EQ(std::count_if(ids.begin(), ids.end(), [](const std::string& id) { return id[0] == 'm'; }), 12);
}

// The same where each class is a plan of its own, as the shipped schedule has it.
TEST(Retention, APlanForEachClassKeepsTwentyThreeToo) {
    std::vector<RetentionSubject> subjects;
    for (int d = 0; d < 730; ++d) {
        subjects.push_back(of_plan("daily-backup", snapshot("d" + std::to_string(d), "daily", day(d))));
        if (d % 7 == 3) subjects.push_back(of_plan("weekly-backup", snapshot("w", "weekly", day(d))));
        if (d % 28 == 0) subjects.push_back(of_plan("monthly-backup", snapshot("m", "monthly", day(d))));
    }
    EXPECT_EQ(kept(RetentionRule{}, subjects, day(731)).size(), 23U);
}

// The later snapshot of the day is another plan's, of other files: it must not take the day from the first.
TEST(Retention, APlanNeverTakesTheDayOfAnother) {
    RetentionRule rule;
    rule.keep_daily = 3;
    rule.keep_weekly = rule.keep_monthly = 0;
    rule.keep_last = 1;
    std::vector<RetentionSubject> subjects;
    for (int d = 0; d < 10; ++d) {
        for (const std::string plan : {"a", "b"}) {
            subjects.push_back(of_plan(plan, snapshot(plan + std::to_string(d), "daily", day(d))));
            if (plan == "a" || d < 5)
                subjects.push_back(of_plan(plan, snapshot(plan + "-other-" + std::to_string(d), "other", day(d))));
        }
    }
    EXPECT_EQ(kept(rule, subjects, day(100)),
              (std::vector<std::string>{"b-other-2", "b-other-3", "b-other-4", "a7", "a-other-7", "b7", "a8",
                                        "a-other-8", "b8", "a9", "a-other-9", "b9"}));
    const auto decisions = decide_retention(rule, subjects, day(100), SiteCalendar::utc());
    EXPECT_EQ(decisions.back().reasons, std::vector<std::string>{"daily 1 of 3 of plan b"});
    const auto last = decisions[decisions.size() - 2];
    EXPECT_EQ(last.reasons, (std::vector<std::string>{"daily 1 of 3 of plan a", "last 1 of 1 of plan a"}));
}

TEST(Retention, TheNewestOfAPeriodCounts) {
    RetentionRule rule;
    rule.keep_daily = 2;
    rule.keep_weekly = rule.keep_monthly = 0;
    const std::vector<RetentionSubject> subjects{snapshot("a", "x", at("2026-03-01T01:00:00Z")),
                                                 snapshot("b", "x", at("2026-03-01T20:00:00Z")),
                                                 snapshot("c", "x", at("2026-03-02T01:00:00Z"))};
    EXPECT_EQ(kept(rule, subjects, at("2026-04-01T00:00:00Z")), (std::vector<std::string>{"b", "c"}));
}

TEST(Retention, NewestMeansTheOrderOfTheLogNotTheClock) {
    RetentionRule rule;
    rule.keep_daily = 1;
    rule.keep_weekly = rule.keep_monthly = 0;
    // The clock went back by a year between the two; the later record still is the newer snapshot.
    const std::vector<RetentionSubject> subjects{snapshot("first", "x", at("2026-03-01T01:00:00Z")),
                                                 snapshot("later", "x", at("2025-03-01T01:00:00Z"))};
    EXPECT_EQ(kept(rule, subjects, at("2026-04-01T00:00:00Z")), (std::vector<std::string>{"later"}));
}

TEST(Retention, OtherTagsAreCountedByAllRules) {
    RetentionRule rule;
    rule.keep_daily = 1;
    rule.keep_weekly = 2;
    rule.keep_monthly = 3;
    std::vector<RetentionSubject> subjects;
    for (int d = 0; d < 100; ++d) subjects.push_back(snapshot(std::to_string(d), "other", day(d)));
    const auto decisions = decide_retention(rule, subjects, day(200), SiteCalendar::utc());
    EXPECT_EQ(decisions.back().reasons.size(), 3U);  // daily, weekly and monthly at once
    EXPECT_EQ(std::count_if(decisions.begin(), decisions.end(), [](const RetentionDecision& d) { return d.keep; }), 4);
}

TEST(Retention, TheYoungTheLockedAndTheHeldStay) {
    RetentionRule rule;
    rule.keep_daily = rule.keep_weekly = rule.keep_monthly = 0;
    rule.min_age_days = 2;
    RetentionSubject locked = snapshot("locked", "daily", day(0));
    locked.retain_until = day(60);
    RetentionSubject held = snapshot("held", "daily", day(0));
    held.held = true;
    const std::vector<RetentionSubject> subjects{locked, held, snapshot("old", "daily", day(0)),
                                                 snapshot("young", "daily", day(49))};
    EXPECT_EQ(kept(rule, subjects, day(50)), (std::vector<std::string>{"locked", "held", "young"}));
    EXPECT_EQ(kept(rule, subjects, day(61)), (std::vector<std::string>{"held"}));
    const auto decisions = decide_retention(rule, subjects, day(50), SiteCalendar::utc());
    EXPECT_TRUE(decisions[0].locked);
    EXPECT_EQ(decisions[2].reasons, std::vector<std::string>{"no rule keeps it"});
}

TEST(Retention, TheExtensionsKeepMore) {
    RetentionRule rule;
    rule.keep_daily = rule.keep_weekly = rule.keep_monthly = 0;
    rule.keep_last = 2;
    rule.keep_within_days = 1;
    rule.keep_hourly = 1;
    rule.keep_yearly = 1;
    std::vector<RetentionSubject> subjects;
    for (int d = 0; d < 10; ++d) subjects.push_back(snapshot(std::to_string(d), "other", day(d)));
    EXPECT_EQ(kept(rule, subjects, day(9)), (std::vector<std::string>{"8", "9"}));
    subjects.push_back(snapshot("tagged", "daily", day(3)));  // keep_last does not count it
    EXPECT_EQ(kept(rule, subjects, day(20)), (std::vector<std::string>{"8", "9"}));
}

TEST(Retention, WithoutARuleTheLastGoodSnapshotStaysHoweverLongBackupsHaveFailed) {
    const std::vector<RetentionSubject> subjects{snapshot("old", "daily", day(0)), snapshot("new", "daily", day(1))};
    for (const RetentionDecision& decision : decide_by_default(subjects, day(500), SiteCalendar::utc()))
        EXPECT_TRUE(decision.keep);
}

TEST(Retention, WithoutARuleWhatTheDefaultOneDoesNotKeepGoesWhenItsDaysAreOver) {
    std::vector<RetentionSubject> subjects;
    for (int i = 0; i < 40; ++i) subjects.push_back(snapshot("s" + std::to_string(i), "daily", day(i)));
    const auto decisions = decide_by_default(subjects, day(40), SiteCalendar::utc());
    for (int i = 0; i < 40; ++i) {
        const RetentionDecision& decision = decisions[static_cast<std::size_t>(i)];
        EXPECT_EQ(decision.keep, i > 10) << i;  // 30 days each; the newest 7 whatever their age
        EXPECT_EQ(decision.reasons.front().starts_with("no rule keeps it"), i < 33) << i << decision.reasons.front();
    }
}

TEST(SiteCalendar, WeeksBeginOnMonday) {
    const SiteCalendar utc = SiteCalendar::utc();
    EXPECT_NE(utc.iso_week(at("2026-11-22T23:59:59Z")), utc.iso_week(at("2026-11-23T00:00:00Z")));  // Sunday, Monday
    EXPECT_EQ(utc.iso_week(at("2026-11-23T00:00:00Z")), utc.iso_week(at("2026-11-29T23:59:59Z")));
    EXPECT_EQ(utc.iso_week(at("2025-12-31T00:00:00Z")),
              utc.iso_week(at("2026-01-01T00:00:00Z")));  // over the year's end
    EXPECT_EQ(utc.iso_week(Timestamp::from_seconds(-4 * 86400)), -1);
}

TEST(SiteCalendar, ADayOfTheSiteMayHave25Hours) {
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    const SiteCalendar site = SiteCalendar::machine();
    EXPECT_EQ(site.day(at("2026-10-24T22:30:00Z")), site.day(at("2026-10-25T22:30:00Z")));
    EXPECT_EQ(site.month(at("2026-10-31T22:59:00Z")) + 1, site.month(at("2026-10-31T23:00:00Z")));
    EXPECT_EQ(site.year(at("2026-12-31T23:00:00Z")), 2027);
    EXPECT_NE(site.hour(at("2026-10-31T22:59:00Z")), site.hour(at("2026-10-31T23:00:00Z")));
    unsetenv("TZ");
    tzset();
}

}  // namespace
}  // namespace dr
