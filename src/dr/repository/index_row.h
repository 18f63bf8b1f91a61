#pragma once
// Rows of the index: where a blob lies (FORMAT 8).

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>

#include "dr/base/ids.h"
#include "dr/repository/blob.h"

namespace dr {

// The start of a blob id, as two numbers that sort as its bytes do. 128 bits of a keyed hash: two blobs of one start do
// not happen, and whoever reads a blob checks the whole id.
struct Id16 {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    static Id16 of(const BlobId& id) { return from(id.array().data()); }
    static Id16 from(const std::uint8_t* bytes) {
        std::uint64_t words[2];
        std::memcpy(words, bytes, sizeof words);
        return {std::byteswap(words[0]), std::byteswap(words[1])};
    }
    std::array<std::uint8_t, 16> bytes() const {
        const std::uint64_t words[2] = {std::byteswap(high), std::byteswap(low)};
        std::array<std::uint8_t, 16> out;
        std::memcpy(out.data(), words, sizeof words);
        return out;
    }
    // What filters hash: the first 8 bytes as a little-endian number.
    std::uint64_t filter_hash() const { return std::byteswap(high); }
    auto operator<=>(const Id16&) const = default;
};

// As it lies in a row frame.
struct IndexRow {
    std::array<std::uint8_t, 16> id16{};
    std::uint32_t pack = 0;  // a place in a table of packs: whose, the context says
    std::uint32_t frame_offset = 0;
    std::uint32_t frame_length = 0;  // header to tag
    std::uint16_t ordinal = 0;
    std::uint8_t blob_type = 0;
    std::uint8_t zero = 0;

    Id16 id() const { return Id16::from(id16.data()); }
    bool operator==(const IndexRow&) const = default;
};
static_assert(sizeof(IndexRow) == 32 && alignof(IndexRow) <= 4);

// The order of rows in a run.
inline bool row_before(const IndexRow& a, const IndexRow& b) {
    if (const int order = std::memcmp(a.id16.data(), b.id16.data(), a.id16.size()); order != 0) return order < 0;
    if (a.pack != b.pack) return a.pack < b.pack;
    if (a.frame_offset != b.frame_offset) return a.frame_offset < b.frame_offset;
    return a.ordinal < b.ordinal;
}

}  // namespace dr
