#pragma once
// Chunker: where a file is cut into chunks.
//
// Content-defined cuts (FastCDC) depend on nearby bytes only, so an insertion moves the cuts around it and no others,
// and the chunks behind it are found again. Which bytes cut is keyed: chunk sizes tell nothing about known content.
//
// Definition. G is a table of 256 64-bit numbers. For the byte at offset p of the chunk (counted from 0, p >= 63),
//
//     H(p) = sum over i = 0..63 of  G[byte(p - i)] * 2^i   modulo 2^64,
//
// so H looks at the 64 bytes that end at p and at nothing else. Let a = log2(average). The chunk ends behind the byte
// at p, with the length L = p + 1, for the smallest L >= min for which
//
//     L <  average and the highest a + 2 bits of H(p) are 0, or
//     L >= average and the highest a - 2 bits of H(p) are 0, or
//     L =  max, or the data ends.
//
// The highest bits are those that most of the 64 bytes reach. Where a scan starts does not matter, so lanes and cores
// that look at different places find the same cuts. Content without a cut (zeros) makes chunks of max.

#include <array>
#include <cstddef>
#include <cstdint>

#include "dr/base/bytes.h"
#include "dr/base/result.h"

namespace dr {

using GearTable = std::array<std::uint64_t, 256>;

// In bytes. Stored in repository.json.
struct ChunkSizes {
    std::size_t min = 256U << 10;
    std::size_t average = 1U << 20;
    std::size_t max = 4U << 20;

    // BadRequest unless 64 <= min < average < max <= 64 MiB and average is a power of two from 256 bytes.
    Result<void> check() const;
    bool operator==(const ChunkSizes&) const = default;
};

inline constexpr std::size_t kMaxChunkSize = 64U << 20;

// A const Chunker may be used by many threads at once.
class Chunker {
public:
    // `gear` is drawn from the repository's key and is a secret; `sizes` must pass check().
    Chunker(const ChunkSizes& sizes, const GearTable& gear);
    // Chunks of exactly `size` bytes (1 to kMaxChunkSize), the last one of a file excepted: for block images, where
    // content never moves.
    static Chunker fixed(std::size_t size);

    // The length of the chunk that `data` starts with, or 0 when that depends on bytes that follow `data`. It never
    // does with max_size() bytes or more, or at `end_of_file`: give that many, or the same bytes are looked at again.
    // What is returned does not depend on how many more bytes were given. No data at the end of a file is 0 too.
    std::size_t next_cut(ByteSpan data, bool end_of_file) const;

    std::size_t min_size() const { return sizes_.min; }
    std::size_t max_size() const { return sizes_.max; }

private:
    explicit Chunker(std::size_t fixed_size) : sizes_{fixed_size, fixed_size, fixed_size}, gear_{} {}
    std::size_t scan(const std::uint8_t* data, std::size_t from, std::size_t to, std::uint64_t limit) const;

    ChunkSizes sizes_;  // fixed: all three are equal
    GearTable gear_;
};

}  // namespace dr
