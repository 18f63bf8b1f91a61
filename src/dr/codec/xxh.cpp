#include "dr/codec/xxh.h"

#include <xxhash.h>

namespace dr {

std::array<std::uint8_t, 16> xxh3_128(ByteSpan bytes) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
    std::array<std::uint8_t, 16> hash;
    static_assert(sizeof canonical.digest == sizeof hash);
    std::memcpy(hash.data(), canonical.digest, sizeof hash);
    return hash;
}

std::uint64_t xxh3_64(ByteSpan bytes, std::uint64_t seed) {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace dr
