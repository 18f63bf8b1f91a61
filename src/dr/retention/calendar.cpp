#include "dr/retention/calendar.h"

#include <ctime>

namespace dr {
namespace {

std::int64_t day_number(const std::chrono::year_month_day& date) {
    return std::chrono::sys_days{date}.time_since_epoch().count();
}

LocalTime machine_time(Timestamp at) {
    const std::time_t seconds = static_cast<std::time_t>(at.seconds());
    std::tm local{};
    (void)localtime_r(&seconds, &local);
    return {std::chrono::year_month_day{std::chrono::year{local.tm_year + 1900},
                                        std::chrono::month{static_cast<unsigned>(local.tm_mon + 1)},
                                        std::chrono::day{static_cast<unsigned>(local.tm_mday)}},
            static_cast<unsigned>(local.tm_hour)};
}

LocalTime utc_time(Timestamp at) {
    using namespace std::chrono;
    const sys_seconds moment{seconds{at.seconds()}};
    const sys_days day = floor<days>(moment);
    return {year_month_day{day}, static_cast<unsigned>(duration_cast<hours>(moment - day).count())};
}

}  // namespace

SiteCalendar SiteCalendar::utc() { return SiteCalendar{utc_time}; }
SiteCalendar SiteCalendar::machine() { return SiteCalendar{machine_time}; }

std::int64_t SiteCalendar::hour(Timestamp at) const {
    const LocalTime local = zone_(at);
    return day_number(local.date) * 24 + local.hour;
}

std::int64_t SiteCalendar::day(Timestamp at) const { return day_number(zone_(at).date); }

// Weeks begin on Monday; 1970-01-01 was a Thursday, so day −3 began a week.
std::int64_t SiteCalendar::iso_week(Timestamp at) const {
    const std::int64_t days = day(at) + 3;
    return days >= 0 ? days / 7 : (days - 6) / 7;
}

std::int64_t SiteCalendar::month(Timestamp at) const {
    const LocalTime local = zone_(at);
    return static_cast<int>(local.date.year()) * 12LL + static_cast<unsigned>(local.date.month()) - 1;
}

std::int64_t SiteCalendar::year(Timestamp at) const { return static_cast<int>(zone_(at).date.year()); }

}  // namespace dr
