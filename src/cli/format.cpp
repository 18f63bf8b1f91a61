#include "cli/format.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "dr/base/check.h"

namespace dr::cli {
namespace {

std::string with_decimals(double value, int decimals) {
    std::array<char, 64> text{};
    const int length = std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
    return std::string(text.data(), static_cast<std::size_t>(std::clamp(length, 0, 63)));
}

std::string two_digits(std::uint64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); }

// Characters, not bytes: a continuation byte takes no column.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string human_count(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

std::string human_bytes(std::uint64_t bytes) {
    if (bytes < 1024) return std::to_string(bytes) + " B";
    constexpr std::array<const char*, 6> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // 1023.95 would be printed as 1024.0.
    while (value >= 1023.95 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return with_decimals(value, 1) + " " + kUnits[unit];
}

std::string human_rate(double bytes_per_second) {
    return with_decimals(std::max(bytes_per_second, 0.0) / 1e6, 1) + " MB/s";
}

std::string human_duration(double seconds) {
    seconds = std::clamp(seconds, 0.0, 1e9);
    if (seconds < 10) return with_decimals(seconds, 2) + " s";
    if (seconds < 60) return with_decimals(seconds, 1) + " s";
    const auto whole = static_cast<std::uint64_t>(seconds);
    const std::string tail = two_digits(whole / 60 % 60) + ":" + two_digits(whole % 60);
    if (whole >= 3600) return std::to_string(whole / 3600) + ":" + tail;
    return std::to_string(whole / 60) + ":" + two_digits(whole % 60);
}

std::string human_date(Timestamp at) { return at.iso8601().substr(0, 10); }

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    return human_count(count) + " " + std::string(count == 1 ? one : many);
}

void Table::add(std::vector<std::string> cells) {
    DR_CHECK(cells.size() == columns_.size());
    std::vector<Cell> row;
    row.reserve(cells.size());
    for (std::string& cell : cells) {
        const std::size_t width = width_of(cell);
        row.push_back({std::move(cell), width});
    }
    rows_.push_back(std::move(row));
}

std::vector<std::string> Table::lines() const {
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.push_back({column.title, width_of(column.title)});
    std::vector<std::size_t> widths;
    for (const Cell& title : titles) widths.push_back(title.width);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].width);
    }
    const auto line_of = [&](const std::vector<Cell>& row) {
        std::string line;
        line.reserve(128);
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::size_t pad = widths[i] - row[i].width;
            if (i > 0) line += "  ";
            if (columns_[i].align == Align::Right) line.append(pad, ' ');
            line += row[i].text;
            if (columns_[i].align == Align::Left) line.append(pad, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        return line;
    };
    std::vector<std::string> lines;
    lines.reserve(rows_.size() + 1);
    lines.push_back(line_of(titles));
    for (const auto& row : rows_) lines.push_back(line_of(row));
    return lines;
}

}  // namespace dr::cli
