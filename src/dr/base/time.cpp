#include "dr/base/time.h"

#include <chrono>

namespace dr {
namespace {

struct Parts {
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<std::chrono::nanoseconds> time;
};

// Also for the first and last day that 64 bits hold, of which not every nanosecond does: files may claim any time.
Parts split(std::int64_t nanoseconds) {
    using namespace std::chrono;
    std::int64_t day = nanoseconds / kNanosecondsPerDay;
    std::int64_t rest = nanoseconds % kNanosecondsPerDay;
    if (rest < 0) {
        --day;
        rest += kNanosecondsPerDay;
    }
    return {year_month_day{sys_days{days{day}}}, hh_mm_ss<std::chrono::nanoseconds>{std::chrono::nanoseconds{rest}}};
}

// Reads exactly `digits` decimal digits at `at` and moves on; -1 where there are none.
int read_number(std::string_view text, std::size_t& at, std::size_t digits) {
    if (text.size() < at + digits) return -1;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const char c = text[at + i];
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    at += digits;
    return value;
}

void put_number(std::string& text, std::size_t at, std::size_t digits, std::int64_t value) {
    for (std::size_t left = digits; left > 0; --left, value /= 10)
        text[at + left - 1] = static_cast<char>('0' + value % 10);
}

// yyyy-mm-dd hh:mm, where `text` has room for it at its beginning.
void put_minute(std::string& text, const Parts& parts) {
    put_number(text, 0, 4, static_cast<int>(parts.date.year()));
    put_number(text, 5, 2, static_cast<unsigned>(parts.date.month()));
    put_number(text, 8, 2, static_cast<unsigned>(parts.date.day()));
    put_number(text, 11, 2, parts.time.hours().count());
    put_number(text, 14, 2, parts.time.minutes().count());
}

bool read_char(std::string_view text, std::size_t& at, char expected) {
    if (at >= text.size() || text[at] != expected) return false;
    ++at;
    return true;
}

Error not_a_time(std::string_view text) {
    return Error{ErrorCode::BadRequest,
                 "'" + std::string(text.substr(0, 64)) + "' is not a time like 2026-11-23T17:08:42Z"};
}

}  // namespace

// 64 bits of nanoseconds hold the years 1677 to 2262: all have four digits.
std::string Timestamp::iso8601() const {
    const Parts parts = split(nanoseconds_);
    std::string text = "yyyy-mm-ddThh:mm:ss.uuuuuuZ";
    put_minute(text, parts);
    put_number(text, 17, 2, parts.time.seconds().count());
    put_number(text, 20, 6, parts.time.subseconds().count() / 1000);
    return text;
}

std::string Timestamp::human() const {
    const Parts parts = split(nanoseconds_);
    std::string text = "yyyy-mm-dd hh:mm UTC";
    put_minute(text, parts);
    return text;
}

Result<Timestamp> Timestamp::parse(std::string_view text) {
    std::size_t at = 0;
    const int year = read_number(text, at, 4);
    if (year < 0 || !read_char(text, at, '-')) return not_a_time(text);
    const int month = read_number(text, at, 2);
    if (month < 0 || !read_char(text, at, '-')) return not_a_time(text);
    const int day = read_number(text, at, 2);
    if (day < 0 || !read_char(text, at, 'T')) return not_a_time(text);
    const int hour = read_number(text, at, 2);
    if (hour < 0 || hour > 23 || !read_char(text, at, ':')) return not_a_time(text);
    const int minute = read_number(text, at, 2);
    if (minute < 0 || minute > 59 || !read_char(text, at, ':')) return not_a_time(text);
    const int second = read_number(text, at, 2);
    if (second < 0 || second > 59) return not_a_time(text);

    std::int64_t fraction = 0;
    if (read_char(text, at, '.')) {
        std::int64_t unit = 100'000'000;
        const std::size_t first = at;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && unit > 0; ++at, unit /= 10) {
            fraction += (text[at] - '0') * unit;
        }
        if (at == first) return not_a_time(text);
    }
    if (!read_char(text, at, 'Z') || at != text.size()) return not_a_time(text);

    using namespace std::chrono;
    const year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                              std::chrono::day{static_cast<unsigned>(day)}};
    // Nanoseconds in 64 bits end in the year 2262.
    if (!date.ok() || year < 1970 || year > 2261) return not_a_time(text);
    const auto seconds =
        sys_days{date}.time_since_epoch() + hours{hour} + minutes{minute} + std::chrono::seconds{second};
    return Timestamp{duration_cast<std::chrono::nanoseconds>(seconds).count() + fraction};
}

}  // namespace dr
