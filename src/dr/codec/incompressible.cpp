// looks_incompressible(), content_of(): counting in samples, in whole numbers only, so that every processor answers
// alike.
//
// Many small spots see a mixture (an archive of pictures and text) better than a few large ones, and 64 bytes are one
// cache line. Three things are asked of the spots: are all byte values equally frequent, are all differences of
// neighbours (a ramp, a counter, a smooth picture has all byte values too), and is no spot a copy of another?

#include <algorithm>
#include <array>

#include "dr/codec/compress.h"

namespace dr {
namespace {

constexpr std::size_t kSpot = 64;
constexpr std::size_t kFewestSpots = 32;
constexpr std::size_t kMostSpots = 128;
// Below this the samples would cost as much as compressing.
constexpr std::size_t kSmallest = 64U << 10;
// Blocks that repeat do so at multiples of a page or sector.
constexpr std::size_t kPage = 4096;
constexpr std::size_t kSector = 512;

using Counts = std::array<std::uint32_t, 256>;

// Whether the pairs of equal values among all pairs are at most 6 % more than the 1 in 256 of random data. That is an
// entropy of 7.9 bits or more, which zstd makes nothing of; chance exceeds it in random data less than once in a
// million times for the 2,048 bytes of the fewest spots.
bool looks_uniform(const Counts& counts) {
    std::uint64_t total = 0;
    std::uint64_t pairs = 0;
    for (const std::uint32_t count : counts) {
        total += count;
        pairs += std::uint64_t{count} * count;
    }
    pairs -= total;
    return pairs * 256 * 100 <= total * (total - 1) * 106;
}

struct Samples {
    Counts values{};
    Counts differences{};
    std::array<std::uint64_t, kMostSpots> starts{};
};

void look_at(const std::uint8_t* spot, Samples& samples) {
    std::uint8_t before = spot[0];
    ++samples.values[before];
    for (std::size_t i = 1; i < kSpot; ++i) {
        const std::uint8_t value = spot[i];
        ++samples.values[value];
        ++samples.differences[static_cast<std::uint8_t>(value - before)];
        before = value;
    }
}

}  // namespace

bool looks_incompressible(ByteSpan plain) {
    if (plain.size() < kSmallest) return false;
    const std::size_t spots = std::clamp(plain.size() / 2048, kFewestSpots, kMostSpots);
    const std::size_t stride = plain.size() / spots;
    const std::size_t grain = stride >= 2 * kPage ? kPage : kSector;

    Samples samples;
    for (std::size_t i = 0; i < spots; ++i) {
        // Eight offsets within a page: its head alone may be a checksum or key, and the rest zeros.
        const std::uint8_t* spot = plain.data() + i * stride / grain * grain + i % 8 * (grain / 8);
        look_at(spot, samples);
        std::memcpy(&samples.starts[i], spot, sizeof samples.starts[i]);
    }
    if (!looks_uniform(samples.values) || !looks_uniform(samples.differences)) return false;

    const auto end = samples.starts.begin() + static_cast<std::ptrdiff_t>(spots);
    std::sort(samples.starts.begin(), end);
    return std::adjacent_find(samples.starts.begin(), end) == end;
}

Content content_of(ByteSpan plain) {
    // Bits of the characters below 32 that text has: tab, line feed, vertical tab, form feed, carriage return, escape.
    constexpr std::uint32_t kOfText = 1U << 9 | 1U << 10 | 1U << 11 | 1U << 12 | 1U << 13 | 1U << 27;
    const std::size_t spots = std::clamp<std::size_t>(plain.size() / 2048, 1, kMostSpots);
    const std::size_t stride = plain.size() / spots;
    const std::size_t length = std::min(kSpot, stride);
    std::size_t control = 0;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < spots; ++i) {
        for (const std::uint8_t value : plain.subspan(i * stride, length)) {
            control += value < 32 && (kOfText >> value & 1U) == 0 ? 1 : 0;
            digits += value >= '0' && value <= '9' ? 1 : 0;
        }
    }
    if (control * 32 > spots * length) return Content::Binary;
    return digits != 0 && digits * 4 >= spots * length ? Content::Numbers : Content::Text;
}

}  // namespace dr
