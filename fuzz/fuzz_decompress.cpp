// The decompressor against any bytes, and the compressor against any plaintext. The first three bytes are the size that
// the rest is said to inflate to.

#include <algorithm>

#include "dr/codec/compress.h"

using namespace dr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const std::size_t claimed = (data[0] | std::size_t{data[1]} << 8 | std::size_t{data[2]} << 16) % (1U << 20);
    const ByteSpan input{data + 3, size - 3};
    constexpr std::size_t kGuard = 64;

    Decompressor decompressor;
    Bytes room(claimed + kGuard, 0xa5);
    const Result<void> result = decompressor.decompress(input, MutableByteSpan{room}.first(claimed));
    DR_CHECK(result.ok() || result.error().code() == ErrorCode::Damaged);
    DR_CHECK(std::all_of(room.end() - kGuard, room.end(), [](std::uint8_t byte) { return byte == 0xa5; }));

    // One Compressor for all levels would be another test; the first level is the one used most.
    Compressor compressor{1};
    Bytes packed(Compressor::bound(input.size()));
    packed.resize(compressor.compress(input, packed).value());
    Bytes plain(input.size());
    decompressor.decompress(packed, plain).value();
    DR_CHECK(equal(plain, input));
    (void)looks_incompressible(input);
    return 0;
}
