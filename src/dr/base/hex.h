#pragma once
// Hexadecimal and base64 text. Parsing is strict: one way to write a value, no white space.

#include <string>
#include <string_view>

#include "dr/base/bytes.h"
#include "dr/base/result.h"

namespace dr {

std::string to_hex(ByteSpan bytes);                 // lower case
Result<Bytes> parse_hex(std::string_view text);     // lower case only; BadRequest
std::string to_base64(ByteSpan bytes);              // RFC 4648 section 4, padded
Result<Bytes> parse_base64(std::string_view text);  // padded, canonical; BadRequest

}  // namespace dr
