#pragma once
// The kernel's random numbers.

#include "dr/platform/random.h"

namespace dr {

// getrandom(2): waits at boot until the pool is seeded. Stops the program where the kernel has no such call.
class PosixRandom final : public Random {
public:
    void fill(MutableByteSpan bytes) override;
};

}  // namespace dr
