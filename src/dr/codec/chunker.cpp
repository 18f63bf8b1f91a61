#include "dr/codec/chunker.h"

#include <algorithm>
#include <bit>

namespace dr {
namespace {

constexpr std::size_t kWindow = 64;

// A step of the hash waits for the one before it; a processor core has room for about four at a time. So four places
// are hashed side by side. A longer stride costs more bytes looked at in vain behind a cut, a shorter one more warming
// up (63 bytes each) and more jumps, which the processor's own prefetching does not follow.
constexpr std::size_t kLanes = 4;
constexpr std::size_t kStride = 8192;
constexpr std::size_t kBlock = kLanes * kStride;
constexpr std::size_t kLine = 64;

std::uint64_t step(const GearTable& gear, std::uint64_t hash, std::uint8_t byte) { return (hash << 1) + gear[byte]; }

// The hash of the 63 bytes before `at`: one step more and it is H.
std::uint64_t warm(const GearTable& gear, const std::uint8_t* at) {
    std::uint64_t hash = 0;
    for (const std::uint8_t* byte = at - (kWindow - 1); byte != at; ++byte) hash = step(gear, hash, *byte);
    return hash;
}

// The first position in [from, to) whose hash is at most `limit`, or `to`.
std::size_t scan_one(const GearTable& gear, const std::uint8_t* data, std::size_t from, std::size_t to,
                     std::uint64_t limit) {
    if (from == to) return to;
    std::uint64_t hash = warm(gear, data + from);
    for (std::size_t at = from; at < to; ++at) {
        hash = step(gear, hash, data[at]);
        if (hash <= limit) return at;
    }
    return to;
}

// A place where the lanes have found a cut: `lane` after `at` bytes of its stride. kLanes: they have found nothing.
struct Hit {
    std::size_t lane;
    std::size_t at;
};

// Hashes kLanes strides from `data` on side by side, up to the first hit. Asks for the lines `ahead` bytes on as it
// goes.
Hit hash_lanes(const GearTable& gear, const std::uint8_t* data, std::uint64_t limit, std::size_t ahead) {
    std::uint64_t hash0 = warm(gear, data);
    std::uint64_t hash1 = warm(gear, data + kStride);
    std::uint64_t hash2 = warm(gear, data + 2 * kStride);
    std::uint64_t hash3 = warm(gear, data + 3 * kStride);
    for (std::size_t line = 0; line < kStride; line += kLine) {
        for (std::size_t lane = 0; lane < kLanes; ++lane)
            __builtin_prefetch(data + lane * kStride + line + ahead, 0, 2);
        for (std::size_t at = line; at < line + kLine; ++at) {
            hash0 = step(gear, hash0, data[at]);
            if (hash0 <= limit) [[unlikely]]
                return {0, at};
            hash1 = step(gear, hash1, data[at + kStride]);
            if (hash1 <= limit) [[unlikely]]
                return {1, at};
            hash2 = step(gear, hash2, data[at + 2 * kStride]);
            if (hash2 <= limit) [[unlikely]]
                return {2, at};
            hash3 = step(gear, hash3, data[at + 3 * kStride]);
            if (hash3 <= limit) [[unlikely]]
                return {3, at};
        }
    }
    return {kLanes, 0};
}

constexpr std::size_t kNothing = SIZE_MAX;

// The first position of the kBlock bytes from `data` on whose hash is at most `limit`, or kNothing.
std::size_t scan_block(const GearTable& gear, const std::uint8_t* data, std::uint64_t limit, std::size_t ahead) {
    const Hit hit = hash_lanes(gear, data, limit, ahead);
    if (hit.lane == kLanes) return kNothing;
    // The lanes before it have found nothing up to there, but the rest of them comes earlier in the data.
    for (std::size_t earlier = 0; earlier < hit.lane; ++earlier) {
        const std::size_t end = (earlier + 1) * kStride;
        const std::size_t found = scan_one(gear, data, earlier * kStride + hit.at + 1, end, limit);
        if (found != end) return found;
    }
    return hit.lane * kStride + hit.at;
}

// The largest hash whose highest `bits` bits are 0.
std::uint64_t limit_of(int bits) { return UINT64_MAX >> bits; }

}  // namespace

Result<void> ChunkSizes::check() const {
    const bool ordered = kWindow <= min && min < average && average < max && max <= kMaxChunkSize;
    if (ordered && average >= 256 && std::has_single_bit(average)) return {};
    return Error{ErrorCode::BadRequest, "chunk sizes " + std::to_string(min) + ", " + std::to_string(average) + ", " +
                                            std::to_string(max) + " bytes are not supported"};
}

Chunker::Chunker(const ChunkSizes& sizes, const GearTable& gear) : sizes_(sizes), gear_(gear) {
    DR_CHECK(sizes.check().ok());
}

Chunker Chunker::fixed(std::size_t size) {
    DR_CHECK(size >= 1 && size <= kMaxChunkSize);
    return Chunker{size};
}

std::size_t Chunker::next_cut(ByteSpan data, bool end_of_file) const {
    const std::size_t end = std::min(data.size(), sizes_.max);
    if (sizes_.min < sizes_.max && end >= sizes_.min) {
        const int bits = std::countr_zero(sizes_.average);
        const std::size_t small_end = std::min(end, sizes_.average - 1);
        const std::size_t early = scan(data.data(), sizes_.min - 1, small_end, limit_of(bits + 2));
        if (early < small_end) return early + 1;
        const std::size_t late = scan(data.data(), sizes_.average - 1, end, limit_of(bits - 2));
        if (late < end) return late + 1;
    }
    if (end == sizes_.max || end_of_file) return end;
    return 0;
}

// The first position in [from, to) whose hash is at most `limit`, or `to`; also where `from` is behind `to`.
std::size_t Chunker::scan(const std::uint8_t* data, std::size_t from, std::size_t to, std::uint64_t limit) const {
    for (; from < to && to - from >= kBlock; from += kBlock) {
        const std::size_t ahead = to - from >= 2 * kBlock ? kBlock : 0;
        const std::size_t found = scan_block(gear_, data + from, limit, ahead);
        if (found != kNothing) return from + found;
    }
    return from < to ? scan_one(gear_, data, from, to, limit) : to;
}

}  // namespace dr
