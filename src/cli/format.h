#pragma once
// Numbers and tables for people.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/time.h"

namespace dr::cli {

std::string human_count(std::uint64_t count);     // "1,234,567"
std::string human_bytes(std::uint64_t bytes);     // "512 B", "1.2 KiB", "3.4 GiB"
std::string human_rate(double bytes_per_second);  // "123.4 MB/s": megabytes of 1,000,000
std::string human_duration(double seconds);       // "0.42 s", "12.3 s", "3:07", "1:02:03"
std::string human_date(Timestamp at);             // "2026-11-23"
// "1 file", "2,000 files".
std::string counted(std::uint64_t count, std::string_view one, std::string_view many);

// Columns as wide as their widest cell, two spaces apart. Cells are safe text; width is counted in characters.
class Table {
public:
    enum class Align : std::uint8_t { Left, Right };
    struct Column {
        std::string title;
        Align align = Align::Left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    void add(std::vector<std::string> cells);
    bool empty() const { return rows_.empty(); }
    std::vector<std::string> lines() const;  // the titles first; without spaces at the end

private:
    struct Cell {
        std::string text;
        std::size_t width = 0;
    };
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace dr::cli
