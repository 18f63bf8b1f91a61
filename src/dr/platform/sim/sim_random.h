#pragma once
// Random sources for tests: one that a seed replays, and one that is stuck.

#include <cstdint>
#include <mutex>

#include "dr/platform/random.h"

namespace dr {

// A stream of bytes that the seed alone decides: how it is cut into calls makes no difference. Not secret. Thread-safe,
// though threads that race get their parts of the stream in the order they arrive.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

    void fill(MutableByteSpan bytes) override;

private:
    std::mutex mutex_;
    std::uint64_t state_;
    std::uint64_t word_ = 0;  // what is left of the newest word, lowest byte next
    unsigned left_ = 0;       // bytes of word_ not yet given out
};

// Always the same byte: a machine whose random source is broken.
class StuckRandom final : public Random {
public:
    explicit StuckRandom(std::uint8_t byte) : byte_(byte) {}

    void fill(MutableByteSpan bytes) override;

private:
    std::uint8_t byte_;
};

}  // namespace dr
