#include "dr/models/utf8.h"

#include <array>

#include "dr/base/check.h"

namespace dr {
namespace {

struct Form {
    std::uint8_t mask;  // of the first byte
    std::uint8_t lead;
    std::size_t length;
    char32_t smallest;  // below it the form is overlong
};
constexpr std::array<Form, 3> kForms{{{0xE0, 0xC0, 2, 0x80}, {0xF0, 0xE0, 3, 0x800}, {0xF8, 0xF0, 4, 0x10000}}};

}  // namespace

Utf8Char utf8_at(std::string_view text, std::size_t at) {
    DR_CHECK(at < text.size());
    const auto first = static_cast<std::uint8_t>(text[at]);
    if (first < 0x80) return {first, 1};

    const Utf8Char bad{kBadByte + first, 1};
    for (const Form& form : kForms) {
        if ((first & form.mask) != form.lead) continue;
        if (text.size() - at < form.length) return bad;
        char32_t value = first & static_cast<std::uint8_t>(~form.mask);
        for (std::size_t i = 1; i < form.length; ++i) {
            const auto next = static_cast<std::uint8_t>(text[at + i]);
            if ((next & 0xC0) != 0x80) return bad;
            value = (value << 6) | (next & 0x3F);
        }
        const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
        if (value < form.smallest || value > 0x10FFFF || surrogate) return bad;
        return {value, form.length};
    }
    return bad;
}

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const Utf8Char character = utf8_at(text, at);
        if (!character.valid()) return false;
        at += character.length;
    }
    return true;
}

std::string lossy_utf8(std::string_view text) {
    std::string clean;
    clean.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const Utf8Char character = utf8_at(text, at);
        clean += character.valid() ? text.substr(at, character.length) : std::string_view{"\xEF\xBF\xBD"};
        at += character.length;
    }
    return clean;
}

}  // namespace dr
