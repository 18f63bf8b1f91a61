#include "dr/platform/sim/sim_random.h"

#include <algorithm>

namespace dr {
namespace {

// SplitMix64: every seed gives a stream of good quality, also the small ones that people type.
std::uint64_t next_word(std::uint64_t& state) {
    state += 0x9E3779B97F4A7C15U;
    std::uint64_t word = state;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9U;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBU;
    return word ^ (word >> 31);
}

}  // namespace

void SeededRandom::fill(MutableByteSpan bytes) {
    const std::scoped_lock lock{mutex_};
    for (std::uint8_t& byte : bytes) {
        if (left_ == 0) {
            word_ = next_word(state_);
            left_ = 8;
        }
        byte = static_cast<std::uint8_t>(word_);
        word_ >>= 8;
        --left_;
    }
}

void StuckRandom::fill(MutableByteSpan bytes) { std::ranges::fill(bytes, byte_); }

}  // namespace dr
