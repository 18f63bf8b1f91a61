#include "dr/repository/index_filter.h"

#include <algorithm>

namespace dr {
namespace {

constexpr std::uint32_t kSalt[8] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                    0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};
constexpr std::size_t kBitsPerKey = 10;

struct Block {
    std::uint32_t words[8];
};

std::size_t block_offset(std::size_t filter_size, std::uint64_t hash) {
    const std::uint64_t blocks = filter_size / kFilterBlock;
    return static_cast<std::size_t>(((hash >> 32U) * blocks) >> 32U) * kFilterBlock;
}

Block mask_of(std::uint64_t hash) {
    const std::uint32_t key = static_cast<std::uint32_t>(hash);
    Block mask;
    for (int i = 0; i < 8; ++i) mask.words[i] = 1U << ((key * kSalt[i]) >> 27U);
    return mask;
}

}  // namespace

std::size_t filter_size_for(std::size_t keys) {
    const std::size_t bits = std::max<std::size_t>(keys, 1) * kBitsPerKey;
    return (bits + kFilterBlock * 8 - 1) / (kFilterBlock * 8) * kFilterBlock;
}

void filter_add(MutableByteSpan filter, const Id16& id) {
    const std::uint64_t hash = id.filter_hash();
    std::uint8_t* const at = filter.data() + block_offset(filter.size(), hash);
    const Block mask = mask_of(hash);
    Block block;
    std::memcpy(&block, at, sizeof block);
    for (int i = 0; i < 8; ++i) block.words[i] |= mask.words[i];
    std::memcpy(at, &block, sizeof block);
}

bool filter_may_hold(ByteSpan filter, const Id16& id) {
    const std::uint64_t hash = id.filter_hash();
    const Block mask = mask_of(hash);
    Block block;
    std::memcpy(&block, filter.data() + block_offset(filter.size(), hash), sizeof block);
    std::uint32_t missing = 0;
    for (int i = 0; i < 8; ++i) missing |= mask.words[i] & ~block.words[i];
    return missing == 0;
}

}  // namespace dr
