#pragma once
// CronExpression: the 5 fields of cron, parsed: minute hour day-of-month month day-of-week.
//
// Each field is *, a number, a name (JAN…DEC, SUN…SAT, any case), a range a-b, a step */n or a-b/n, or a list of these
// with commas. Sunday is 0 or 7. When it runs next is the scheduler's business, because that needs a time zone.

#include <bitset>
#include <string>
#include <string_view>

#include "dr/base/result.h"

namespace dr {

class CronExpression {
public:
    CronExpression() = default;  // never

    // Fails with BadRequest naming the field: also for a day that no month has (31 in April only).
    static Result<CronExpression> parse(std::string_view text);

    const std::string& text() const { return text_; }
    bool minute(unsigned value) const { return minutes_.test(value); }  // 0-59
    bool hour(unsigned value) const { return hours_.test(value); }      // 0-23
    bool month(unsigned value) const { return months_.test(value); }    // 1-12
    // True if a day with this day of the month (1-31) and of the week (0 is Sunday) matches. As in cron: if both fields
    // are restricted, either suffices.
    bool day(unsigned of_month, unsigned of_week) const;

    bool operator==(const CronExpression&) const = default;

private:
    bool names_a_day() const;

    std::string text_;
    std::bitset<60> minutes_;
    std::bitset<24> hours_;
    std::bitset<32> days_;
    std::bitset<13> months_;
    std::bitset<8> weekdays_;
    bool any_day_ = false;      // day-of-month starts with '*'
    bool any_weekday_ = false;  // day-of-week starts with '*'
};

}  // namespace dr
