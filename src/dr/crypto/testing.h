#pragma once
// Words for the tests of this module.

#include <cstdint>
#include <string_view>

#include "dr/base/bytes.h"
#include "dr/base/hex.h"

namespace dr {

// The bytes of hexadecimal text, as test vectors are printed.
inline Bytes from_hex(std::string_view text) { return parse_hex(text).value(); }

// start, start + 1, …
inline Bytes counting(std::uint8_t start, std::size_t size) {
    Bytes bytes(size);
    for (std::uint8_t& byte : bytes) byte = start++;
    return bytes;
}

}  // namespace dr
