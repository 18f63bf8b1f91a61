#include "dr/retention/keep.h"

#include <array>
#include <functional>
#include <set>

namespace dr {
namespace {

struct Periods {
    std::string_view name;  // also the tag that this rule counts alone
    std::uint64_t keep;
    std::function<std::int64_t(Timestamp)> period_of;
};

bool has_a_rule_of_its_own(std::string_view tag) { return tag == "daily" || tag == "weekly" || tag == "monthly"; }

bool counts(const Periods& periods, std::string_view tag) { return !has_a_rule_of_its_own(tag) || tag == periods.name; }

Timestamp days_after(Timestamp at, std::uint64_t days) {
    return Timestamp{at.nanoseconds() + static_cast<std::int64_t>(days) * kNanosecondsPerDay};
}

// Newest first: the first of each new period is kept, until the rule has as many as it keeps.
void keep_newest_of_periods(const Periods& periods, const std::vector<RetentionSubject>& subjects,
                            std::vector<RetentionDecision>& decisions) {
    std::set<std::int64_t> seen;
    for (std::size_t i = subjects.size(); i-- > 0 && seen.size() < periods.keep;) {
        if (!counts(periods, subjects[i].tag)) continue;
        if (!seen.insert(periods.period_of(subjects[i].created_at)).second) continue;
        decisions[i].keep = true;
        decisions[i].reasons.push_back(std::string(periods.name) + " " + std::to_string(seen.size()) + " of " +
                                       std::to_string(periods.keep));
    }
}

void keep_last(std::uint64_t count, const std::vector<RetentionSubject>& subjects,
               std::vector<RetentionDecision>& decisions) {
    std::uint64_t kept = 0;
    for (std::size_t i = subjects.size(); i-- > 0 && kept < count;) {
        if (has_a_rule_of_its_own(subjects[i].tag)) continue;
        decisions[i].keep = true;
        decisions[i].reasons.push_back("last " + std::to_string(++kept) + " of " + std::to_string(count));
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
    for (const Periods& periods : all) keep_newest_of_periods(periods, subjects, decisions);
    if (rule.keep_last) keep_last(*rule.keep_last, subjects, decisions);

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

std::vector<RetentionDecision> decide_expiry(const std::vector<RetentionSubject>& subjects, Timestamp now) {
    std::vector<RetentionDecision> decisions;
    for (const RetentionSubject& subject : subjects) {
        RetentionDecision decision;
        const Timestamp end = days_after(subject.created_at, subject.retention_days);
        decision.keep = end > now;
        decision.reasons.push_back((decision.keep ? "retention until " : "retention ended ") + end.human());
        keep_protected(subject, now, decision);
        decisions.push_back(std::move(decision));
    }
    return decisions;
}

}  // namespace dr
