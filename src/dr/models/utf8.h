#pragma once
// UTF-8, read one character at a time and without trusting it: names of files are bytes and often are not text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dr {

// Bytes that are not UTF-8 count as characters of their own, above every code point: byte b is kBadByte + b.
inline constexpr char32_t kBadByte = 0x110000;

struct Utf8Char {
    char32_t value = 0;      // a code point, or kBadByte + the byte
    std::size_t length = 0;  // bytes it takes, at least 1
    bool valid() const { return value < kBadByte; }
};

// The character at `at`, which must be below text.size(). Overlong forms, surrogates and values above U+10FFFF are bad
// bytes.
Utf8Char utf8_at(std::string_view text, std::size_t at);

bool is_utf8(std::string_view text);

// `text` with each byte that is not UTF-8 as U+FFFD.
std::string lossy_utf8(std::string_view text);

}  // namespace dr
