#pragma once
// Split-block Bloom filter (as in Parquet, FORMAT 8): says for sure that an id is not among the rows, or that it may
// be. One memory access per question.

#include <cstdint>

#include "dr/base/bytes.h"
#include "dr/repository/index_row.h"

namespace dr {

inline constexpr std::size_t kFilterBlock = 32;  // bytes

// Bytes of a filter for `keys`: ten bits for each let about 1 % of other ids pass.
std::size_t filter_size_for(std::size_t keys);

// `filter` is one or more blocks, first all zero.
void filter_add(MutableByteSpan filter, const Id16& id);
bool filter_may_hold(ByteSpan filter, const Id16& id);

}  // namespace dr
