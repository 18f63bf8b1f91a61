#pragma once
// Index runs: sorted rows in a pack of class 3 (FORMAT 8). Here is their tail; index_run_writer.h and
// index_run_reader.h write and read them.

#include <cstdint>
#include <vector>

#include "dr/base/result.h"
#include "dr/repository/index_row.h"
#include "dr/repository/pack_reader.h"

namespace dr {

// Small, so that finding one blob reads 8 KiB: a restore that knows nothing of the order of ids asks for many.
inline constexpr std::size_t kRowsPerFrame = 256;
inline constexpr std::size_t kMaxRowsPerFrame = 2048;
inline constexpr std::size_t kPacksPerFrame = 1024;
inline constexpr std::size_t kPackEntrySize = 8 + 32;
// 16 MiB of rows: a larger run becomes several objects, each of which fits into memory.
inline constexpr std::size_t kRowsPerRun = std::size_t{1} << 19;

struct IndexTail {
    struct RowFrame {
        Id16 first;
        std::uint32_t rows = 0;
    };
    std::uint64_t rows = 0;
    std::uint64_t packs = 0;
    std::uint64_t filter_frames = 0;
    std::uint64_t filter_keys_per_frame = 0;
    Id16 last;
    std::vector<RowFrame> row_frames;

    Bytes encode() const;
    // Damaged unless it agrees with itself and with the frames of the run's directory.
    static Result<IndexTail> decode(ByteSpan plain, std::span<const DirectoryFrame> frames);
};

}  // namespace dr
