#pragma once
// SiteCalendar: which day, week, month and hour a moment falls into at the site (SPEC 9): local calendar days, ISO 8601
// weeks, months. Daylight saving is the zone's business: a day of 23 or 25 hours is one day.

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>

#include "dr/base/time.h"

namespace dr {

struct LocalTime {
    std::chrono::year_month_day date;
    unsigned hour = 0;
};

class SiteCalendar {
public:
    using Zone = std::function<LocalTime(Timestamp)>;

    // `zone` turns a moment into local time; thread-safe if it is.
    explicit SiteCalendar(Zone zone) : zone_(std::move(zone)) {}
    static SiteCalendar utc();
    // The zone of the machine (TZ, /etc/localtime).
    static SiteCalendar machine();

    // Numbers that are equal for two moments of one period and grow with time.
    std::int64_t hour(Timestamp at) const;
    std::int64_t day(Timestamp at) const;
    std::int64_t iso_week(Timestamp at) const;
    std::int64_t month(Timestamp at) const;
    std::int64_t year(Timestamp at) const;

private:
    Zone zone_;
};

}  // namespace dr
