#include "dr/models/cron.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "dr/models/json.h"
#include "dr/models/relative_path.h"

namespace dr {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct Field {
    std::string_view name;
    unsigned min;
    unsigned max;
    std::span<const std::string_view> names;  // of the values from `min` on
};

Error bad_cron(std::string_view text, std::string_view complaint) {
    return Error{ErrorCode::BadRequest,
                 "cron expression '" + printable(text.substr(0, 100)) + "' " + std::string(complaint)};
}

std::optional<unsigned> read_value(const Field& field, std::string_view text) {
    std::string upper{text};
    std::ranges::transform(upper, upper.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    const auto named = std::ranges::find(field.names, upper);
    if (named != field.names.end()) return field.min + static_cast<unsigned>(named - field.names.begin());
    const bool digits =
        !text.empty() && text.size() <= 2 && text.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits) return std::nullopt;
    const auto value = static_cast<unsigned>(std::stoul(std::string(text)));
    if (value < field.min || value > field.max) return std::nullopt;
    return value;
}

// Sets what one element of a list means: *, a, a-b, */n, a-b/n. False where it is none of these.
template <std::size_t N>
bool read_element(const Field& field, std::string_view element, std::bitset<N>& set) {
    unsigned step = 1;
    const std::size_t slash = element.find('/');
    if (slash != std::string_view::npos) {
        const Result<std::uint64_t> given = parse_natural(element.substr(slash + 1), 1, field.max);
        if (!given.ok()) return false;
        step = static_cast<unsigned>(given.value());
        element = element.substr(0, slash);
    }
    unsigned first = field.min;
    unsigned last = field.max;
    if (element != "*") {
        const std::size_t dash = element.find('-');
        const std::optional<unsigned> from = read_value(field, element.substr(0, dash));
        const std::optional<unsigned> to =
            dash == std::string_view::npos ? from : read_value(field, element.substr(dash + 1));
        if (!from || !to || *to < *from) return false;
        // A step without a range would mean different things to different crons.
        if (slash != std::string_view::npos && dash == std::string_view::npos) return false;
        first = *from;
        last = *to;
    }
    for (unsigned value = first; value <= last; value += step) set.set(value);
    return true;
}

template <std::size_t N>
Result<void> read_field(std::string_view whole, const Field& field, std::string_view text, std::bitset<N>& set) {
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        if (!read_element(field, text.substr(at, end - at), set)) {
            return bad_cron(whole, "has a bad " + std::string(field.name) + " '" + printable(text.substr(0, 40)) +
                                       "': " + std::to_string(field.min) + " to " + std::to_string(field.max) +
                                       ", *, a-b, */n and lists are allowed");
        }
        at = end + 1;
    }
    return {};
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    for (std::size_t at = text.find_first_not_of(" \t"); at != std::string_view::npos;
         at = text.find_first_not_of(" \t", at)) {
        const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

}  // namespace

Result<CronExpression> CronExpression::parse(std::string_view text) {
    constexpr std::size_t kMaxBytes = 1024;
    if (text.size() > kMaxBytes) return bad_cron(text, "is longer than 1024 bytes");
    const std::vector<std::string_view> words = split(text);
    if (words.size() != 5) {
        return bad_cron(text, "has " + std::to_string(words.size()) +
                                  " fields: minute, hour, day of month, month and day of week are needed");
    }
    CronExpression cron;
    cron.text_ = text;
    DR_TRY(read_field(text, {"minute", 0, 59, {}}, words[0], cron.minutes_));
    DR_TRY(read_field(text, {"hour", 0, 23, {}}, words[1], cron.hours_));
    DR_TRY(read_field(text, {"day of month", 1, 31, {}}, words[2], cron.days_));
    DR_TRY(read_field(text, {"month", 1, 12, kMonths}, words[3], cron.months_));
    DR_TRY(read_field(text, {"day of week", 0, 7, kWeekdays}, words[4], cron.weekdays_));
    if (cron.weekdays_.test(7)) cron.weekdays_.set(0);
    cron.any_day_ = words[2].starts_with('*');
    cron.any_weekday_ = words[4].starts_with('*');

    if (cron.any_weekday_ && !cron.names_a_day()) return bad_cron(text, "names days that its months do not have");
    return cron;
}

// True if some month has one of the days: '0 0 31 4 *' would wait forever.
bool CronExpression::names_a_day() const {
    static constexpr std::array<unsigned, 13> kLongest{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (unsigned month = 1; month <= 12; ++month) {
        if (!months_.test(month)) continue;
        for (unsigned day = 1; day <= kLongest[month]; ++day) {
            if (days_.test(day)) return true;
        }
    }
    return false;
}

bool CronExpression::day(unsigned of_month, unsigned of_week) const {
    const bool by_month = days_.test(of_month);
    const bool by_week = weekdays_.test(of_week);
    if (any_day_ || any_weekday_) return by_month && by_week;
    return by_month || by_week;
}

}  // namespace dr
