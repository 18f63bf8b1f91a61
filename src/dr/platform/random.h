#pragma once
// Random: where keys, salts and session numbers come from. The real one asks the kernel; a simulated one runs on a
// seed.

#include <array>
#include <cstddef>
#include <cstdint>

#include "dr/base/bytes.h"

namespace dr {

class Random {
public:
    virtual ~Random() = default;

    // Fills all of `bytes`. Never fails: a system without random numbers stops the program. Thread-safe.
    virtual void fill(MutableByteSpan bytes) = 0;

    template <std::size_t Size>
    std::array<std::uint8_t, Size> array() {
        std::array<std::uint8_t, Size> bytes;
        fill(bytes);
        return bytes;
    }
};

}  // namespace dr
