#pragma once
// SHA-256: of a whole, of a stream, and of two streams or many small inputs at once on one core.
//
// A core that hashes two independent streams in turns needs little more time than for one. A large file therefore goes
// through update_both(): one stream for the whole file and one for its current chunk, over the same bytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dr/base/bytes.h"
#include "dr/base/ids.h"
#include "dr/crypto/sha256_compress.h"

namespace dr {

// Hashes what update() is given, in any pieces. A copy goes on by itself from the same point. Not thread-safe.
class Sha256Stream {
public:
    explicit Sha256Stream(const Sha256Compressor& compressor = fastest_compressor());

    void update(ByteSpan bytes);
    // The hash of all bytes so far. The stream is then as new.
    Sha256 finish();
    void reset();
    // reset(), and wipes what it knows: for streams over secrets.
    void forget();

    // Bytes since the start.
    std::uint64_t length() const { return length_; }

    friend void update_both(Sha256Stream& one, ByteSpan a, Sha256Stream& two, ByteSpan b);
    friend std::array<Sha256, 2> finish_both(Sha256Stream& one, Sha256Stream& two);

private:
    static constexpr std::size_t kBlock = 64;

    std::size_t filled() const { return length_ % kBlock; }
    bool fill_block(ByteSpan& bytes);
    void take_blocks(ByteSpan& bytes);
    void keep(ByteSpan bytes);

    const Sha256Compressor* compressor_;
    Sha256State state_;
    std::array<std::uint8_t, 2 * kBlock> buffer_;  // the block that is begun, and room to pad it
    std::uint64_t length_ = 0;
};

// The same as one.update(a) and two.update(b), in little more time than the longer of the two. `one` and `two` are
// different streams; `a` and `b` may be the same bytes, overlap, and differ in length.
void update_both(Sha256Stream& one, ByteSpan a, Sha256Stream& two, ByteSpan b);

// The same as {one.finish(), two.finish()}, in little more time than one of them.
std::array<Sha256, 2> finish_both(Sha256Stream& one, Sha256Stream& two);

Sha256 sha256(ByteSpan bytes);

// Two hashes at once: best for inputs of like length.
void sha256_pair(ByteSpan a, ByteSpan b, Sha256& out_a, Sha256& out_b);

// outputs[i] = sha256(inputs[i]), with both lanes kept busy. The two spans are of one size.
void hash_many(std::span<const ByteSpan> inputs, std::span<Sha256> outputs,
               const Sha256Compressor& compressor = fastest_compressor());

}  // namespace dr
