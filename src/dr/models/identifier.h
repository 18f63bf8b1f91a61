#pragma once
// Identifier: 1 to 128 of A-Z a-z 0-9 . _ -  (SPEC 5). Safe in file names, URLs, metric labels and on a terminal.

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "dr/base/result.h"

namespace dr {

class Identifier {
public:
    static constexpr std::size_t kMaxLength = 128;

    Identifier() = default;  // "none yet": the only empty one

    // Fails with BadRequest, in words that start with `what` ("'spec_id'", "the tag").
    static Result<Identifier> parse(std::string_view text, std::string_view what = "an identifier");

    const std::string& text() const { return text_; }
    bool empty() const { return text_.empty(); }
    auto operator<=>(const Identifier&) const = default;

private:
    explicit Identifier(std::string_view text) : text_(text) {}
    std::string text_;
};

}  // namespace dr

template <>
struct std::hash<dr::Identifier> {
    std::size_t operator()(const dr::Identifier& id) const noexcept { return std::hash<std::string>{}(id.text()); }
};
