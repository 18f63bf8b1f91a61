#include "dr/base/hex.h"

#include <array>

namespace dr {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
    const std::size_t at = kHexDigits.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

Error not_base64() { return Error{ErrorCode::BadRequest, "this is not base64"}; }

}  // namespace

std::string to_hex(ByteSpan bytes) {
    std::string text(bytes.size() * 2, '\0');
    char* at = text.data();
    for (const std::uint8_t byte : bytes) {
        *at++ = kHexDigits[byte >> 4];
        *at++ = kHexDigits[byte & 15];
    }
    return text;
}

Result<Bytes> parse_hex(std::string_view text) {
    if (text.size() % 2 != 0) return Error{ErrorCode::BadRequest, "hexadecimal text has an even number of digits"};
    Bytes bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t at = 0; at < text.size(); at += 2) {
        const int high = hex_value(text[at]);
        const int low = hex_value(text[at + 1]);
        if (high < 0 || low < 0) return Error{ErrorCode::BadRequest, "hexadecimal digits are 0-9 and a-f"};
        bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
    return bytes;
}

std::string to_base64(ByteSpan bytes) {
    std::string text((bytes.size() + 2) / 3 * 4, '=');
    char* to = text.data();
    for (std::size_t at = 0; at < bytes.size(); at += 3, to += 4) {
        const std::size_t left = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = static_cast<std::uint32_t>(bytes[at]) << 16;
        if (left > 1) group |= static_cast<std::uint32_t>(bytes[at + 1]) << 8;
        if (left > 2) group |= bytes[at + 2];
        to[0] = kBase64Digits[group >> 18];
        to[1] = kBase64Digits[(group >> 12) & 63];
        if (left > 1) to[2] = kBase64Digits[(group >> 6) & 63];
        if (left > 2) to[3] = kBase64Digits[group & 63];
    }
    return text;
}

Result<Bytes> parse_base64(std::string_view text) {
    if (text.size() % 4 != 0) return not_base64();
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
    const std::string_view digits = text.substr(0, text.size() - padding);

    Bytes bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : digits) {
        const std::size_t value = kBase64Digits.find(c);
        if (value == std::string_view::npos) return not_base64();
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes.push_back(static_cast<std::uint8_t>(bits >> held));
            bits &= (1U << held) - 1;
        }
    }
    // Bits left over must be zero, or two texts would mean the same bytes.
    if (bits != 0) return not_base64();
    return bytes;
}

}  // namespace dr
