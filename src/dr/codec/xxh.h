#pragma once
// XXH3-128: a fast fingerprint against accidents, never where an adversary matters.

#include <array>
#include <cstdint>

#include "dr/base/bytes.h"

namespace dr {

// In canonical (big-endian) form, the same on every system.
std::array<std::uint8_t, 16> xxh3_128(ByteSpan bytes);

// Another function for each seed.
std::uint64_t xxh3_64(ByteSpan bytes, std::uint64_t seed);

}  // namespace dr
