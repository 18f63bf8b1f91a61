#include "dr/retention/keep.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "dr/base/days.h"

namespace dr {
namespace {

struct Periods {
    std::string_view name;  // also the tag that this rule counts alone
    std::uint64_t keep;
    std::function<std::int64_t(Timestamp)> period_of;
};

bool has_a_rule_of_its_own(std::string_view tag) { return tag == "daily" || tag == "weekly" || tag == "monthly"; }

bool counts(const Periods& periods, std::string_view tag) { return !has_a_rule_of_its_own(tag) || tag == periods.name; }

// "daily 3 of 7", and of which plan where there are several.
std::string place(std::string_view rule, std::size_t number, std::uint64_t keep, const RetentionSubject& subject,
                  bool several_plans) {
    std::string text = std::string(rule) + " " + std::to_string(number) + " of " + std::to_string(keep);
    if (several_plans) text += " of plan " + subject.spec_id;
    return text;
}

// What is counted together: the snapshots of a plan with a tag that has a rule of its own, or all its others.
using Group = std::pair<std::string_view, std::string_view>;
Group group_of(const RetentionSubject& subject) {
    return {subject.spec_id, has_a_rule_of_its_own(subject.tag) ? std::string_view{subject.tag} : std::string_view{}};
}

// Newest first: the first of each new period of a group is kept, until the rule has as many as it keeps.
void keep_newest_of_periods(const Periods& periods, const std::vector<RetentionSubject>& subjects, bool several_plans,
                            std::vector<RetentionDecision>& decisions) {
    std::map<Group, std::set<std::int64_t>> seen_of_group;
    for (std::size_t i = subjects.size(); i-- > 0;) {
        if (!counts(periods, subjects[i].tag)) continue;
        std::set<std::int64_t>& seen = seen_of_group[group_of(subjects[i])];
        if (seen.size() == periods.keep) continue;
        if (!seen.insert(periods.period_of(subjects[i].created_at)).second) continue;
        decisions[i].keep = true;
        decisions[i].reasons.push_back(place(periods.name, seen.size(), periods.keep, subjects[i], several_plans));
    }
}

void keep_last(std::uint64_t count, const std::vector<RetentionSubject>& subjects, bool several_plans,
               std::vector<RetentionDecision>& decisions) {
    std::map<std::string_view, std::uint64_t> kept_of_plan;
    for (std::size_t i = subjects.size(); i-- > 0;) {
        if (has_a_rule_of_its_own(subjects[i].tag)) continue;
        std::uint64_t& kept = kept_of_plan[subjects[i].spec_id];
        if (kept == count) continue;
        decisions[i].keep = true;
        decisions[i].reasons.push_back(place("last", ++kept, count, subjects[i], several_plans));
    }
}

// What no rule may take away: locks, holds, and what is too young.
void keep_protected(const RetentionSubject& subject, Timestamp now, RetentionDecision& decision) {
    if (subject.retain_until > now) {
        decision.keep = decision.locked = true;
        decision.reasons.push_back("WORM until " + subject.retain_until.human());
    }
    if (subject.held) {
        decision.keep = decision.locked = true;
        decision.reasons.push_back("legal hold");
    }
}

}  // namespace

std::vector<RetentionDecision> decide_retention(const RetentionRule& rule,
                                                const std::vector<RetentionSubject>& subjects, Timestamp now,
                                                const SiteCalendar& calendar) {
    std::vector<RetentionDecision> decisions(subjects.size(), RetentionDecision{false, false, {}});
    const std::array<Periods, 5> all{{
        {"daily", rule.keep_daily, [&](Timestamp at) { return calendar.day(at); }},
        {"weekly", rule.keep_weekly, [&](Timestamp at) { return calendar.iso_week(at); }},
        {"monthly", rule.keep_monthly, [&](Timestamp at) { return calendar.month(at); }},
        {"hourly", rule.keep_hourly.value_or(0), [&](Timestamp at) { return calendar.hour(at); }},
        {"yearly", rule.keep_yearly.value_or(0), [&](Timestamp at) { return calendar.year(at); }},
    }};
    const bool several_plans = std::ranges::any_of(
        subjects, [&](const RetentionSubject& subject) { return subject.spec_id != subjects.front().spec_id; });
    for (const Periods& periods : all) keep_newest_of_periods(periods, subjects, several_plans, decisions);
    if (rule.keep_last) keep_last(*rule.keep_last, subjects, several_plans, decisions);

    for (std::size_t i = 0; i < subjects.size(); ++i) {
        RetentionDecision& decision = decisions[i];
        if (rule.keep_within_days && days_after(subjects[i].created_at, *rule.keep_within_days) > now) {
            decision.keep = true;
            decision.reasons.push_back("within " + std::to_string(*rule.keep_within_days) + " days");
        }
        if (days_after(subjects[i].created_at, rule.min_age_days) > now) {
            decision.keep = true;
            decision.reasons.push_back("younger than " + std::to_string(rule.min_age_days) + " days");
        }
        keep_protected(subjects[i], now, decision);
        if (decision.reasons.empty()) decision.reasons.emplace_back("no rule keeps it");
    }
    return decisions;
}

RetentionRule default_rule() {
    RetentionRule rule;
    rule.rule_id = Identifier::parse("default").value();
    return rule;
}

std::vector<RetentionDecision> decide_by_default(const std::vector<RetentionSubject>& subjects, Timestamp now,
                                                 const SiteCalendar& calendar) {
    std::vector<RetentionDecision> decisions = decide_retention(default_rule(), subjects, now, calendar);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        RetentionDecision& decision = decisions[i];
        if (decision.keep) continue;
        const Timestamp end = days_after(subjects[i].created_at, subjects[i].retention_days);
        decision.keep = end > now;
        decision.reasons = {decision.keep ? "no rule keeps it; retention until " + end.human()
                                          : "no rule keeps it, and its retention ended " + end.human()};
    }
    return decisions;
}

}  // namespace dr
