#pragma once
// CRC-32C (Castagnoli): finds torn and rotten bytes quickly. It is no protection against anybody who means it: a seal
// or a hash is. CRC-32C of "123456789" is 0xE3069283.

#include <cstdint>

#include "dr/base/bytes.h"

namespace dr {

// The checksum of `bytes`, or, given the checksum of what stood before them, of both: crc32c(b, crc32c(a)). Uses the
// processor's instruction where it has one; the value is the same without.
std::uint32_t crc32c(ByteSpan bytes, std::uint32_t before = 0);

// The same by table, on any processor; for tests.
std::uint32_t crc32c_portable(ByteSpan bytes, std::uint32_t before = 0);

}  // namespace dr
