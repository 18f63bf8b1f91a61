#include "dr/crypto/sha256.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dr/base/check.h"
#include "dr/crypto/secret.h"

namespace dr {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::size_t kLengthSize = 8;
constexpr Sha256State kInitialState{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void put_big_endian(std::uint8_t* to, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to[i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
}

Sha256 digest_of(const Sha256State& state) {
    std::array<std::uint8_t, Sha256::kSize> digest;
    for (std::size_t i = 0; i < state.size(); ++i) put_big_endian(digest.data() + 4 * i, state[i], 4);
    return Sha256{digest};
}

// Completes the last block or two of a message: `size` (under 64) bytes of it lie in `tail`, which has room for 128.
// Returns how many blocks they are now.
std::size_t pad(std::uint8_t* tail, std::size_t size, std::uint64_t message_length) {
    const std::size_t blocks = size + 1 + kLengthSize <= kBlock ? 1 : 2;
    tail[size] = 0x80;
    std::memset(tail + size + 1, 0, blocks * kBlock - kLengthSize - size - 1);
    put_big_endian(tail + blocks * kBlock - kLengthSize, message_length * 8, kLengthSize);
    return blocks;
}

}  // namespace

Sha256Stream::Sha256Stream(const Sha256Compressor& compressor) : compressor_(&compressor), state_(kInitialState) {}

void Sha256Stream::reset() {
    state_ = kInitialState;
    length_ = 0;
}

void Sha256Stream::forget() {
    wipe({reinterpret_cast<std::uint8_t*>(state_.data()), sizeof state_});
    wipe(buffer_);
    reset();
}

// Moves bytes into a block that was begun before. True when it is now complete; otherwise `bytes` is empty, or no block
// had been begun.
bool Sha256Stream::fill_block(ByteSpan& bytes) {
    if (filled() == 0) return false;
    const std::size_t taken = std::min(kBlock - filled(), bytes.size());
    keep(bytes.first(taken));
    bytes = bytes.subspan(taken);
    return filled() == 0 && taken != 0;
}

// Keeps bytes that fit into the block that is begun, or into a new one.
void Sha256Stream::keep(ByteSpan bytes) {
    if (!bytes.empty()) std::memcpy(buffer_.data() + filled(), bytes.data(), bytes.size());
    length_ += bytes.size();
}

// Compresses whole blocks from the front of `bytes`.
void Sha256Stream::take_blocks(ByteSpan& bytes) {
    const std::size_t blocks = bytes.size() / kBlock;
    if (blocks == 0) return;
    compressor_->one(state_, bytes.data(), blocks);
    length_ += blocks * kBlock;
    bytes = bytes.subspan(blocks * kBlock);
}

void Sha256Stream::update(ByteSpan bytes) {
    if (fill_block(bytes)) compressor_->one(state_, buffer_.data(), 1);
    take_blocks(bytes);
    keep(bytes);
}

Sha256 Sha256Stream::finish() {
    const std::size_t size = filled();
    const std::size_t blocks = pad(buffer_.data(), size, length_);
    compressor_->one(state_, buffer_.data(), blocks);
    const Sha256 digest = digest_of(state_);
    reset();
    return digest;
}

void update_both(Sha256Stream& one, ByteSpan a, Sha256Stream& two, ByteSpan b) {
    DR_CHECK(&one != &two);
    if (one.compressor_ != two.compressor_) {
        one.update(a);
        two.update(b);
        return;
    }
    const Sha256Compressor& compressor = *one.compressor_;

    // First the blocks that were begun before, so that both streams stand at the start of one.
    const bool head_a = one.fill_block(a);
    const bool head_b = two.fill_block(b);
    if (head_a && head_b) {
        compressor.two(one.state_, one.buffer_.data(), two.state_, two.buffer_.data(), 1);
    } else if (head_a) {
        compressor.one(one.state_, one.buffer_.data(), 1);
    } else if (head_b) {
        compressor.one(two.state_, two.buffer_.data(), 1);
    }

    // Then side by side as long as both have blocks, and the longer one's rest alone.
    const std::size_t together = std::min(a.size(), b.size()) / kBlock;
    if (together != 0) {
        compressor.two(one.state_, a.data(), two.state_, b.data(), together);
        one.length_ += together * kBlock;
        two.length_ += together * kBlock;
        a = a.subspan(together * kBlock);
        b = b.subspan(together * kBlock);
    }
    one.take_blocks(a);
    two.take_blocks(b);
    one.keep(a);
    two.keep(b);
}

std::array<Sha256, 2> finish_both(Sha256Stream& one, Sha256Stream& two) {
    DR_CHECK(&one != &two);
    const std::size_t blocks_one = pad(one.buffer_.data(), one.filled(), one.length_);
    const std::size_t blocks_two = pad(two.buffer_.data(), two.filled(), two.length_);
    if (one.compressor_ == two.compressor_ && blocks_one == blocks_two) {
        one.compressor_->two(one.state_, one.buffer_.data(), two.state_, two.buffer_.data(), blocks_one);
    } else {
        one.compressor_->one(one.state_, one.buffer_.data(), blocks_one);
        two.compressor_->one(two.state_, two.buffer_.data(), blocks_two);
    }
    const std::array<Sha256, 2> digests{digest_of(one.state_), digest_of(two.state_)};
    one.reset();
    two.reset();
    return digests;
}

Sha256 sha256(ByteSpan bytes) {
    Sha256Stream stream;
    stream.update(bytes);
    return stream.finish();
}

void sha256_pair(ByteSpan a, ByteSpan b, Sha256& out_a, Sha256& out_b) {
    const std::array<ByteSpan, 2> inputs{a, b};
    std::array<Sha256, 2> outputs;
    hash_many(inputs, outputs);
    out_a = outputs[0];
    out_b = outputs[1];
}

namespace {

// One input on its way through a lane: the whole blocks in place, then a padded copy of what is left.
class HashLane {
public:
    void begin(ByteSpan input, Sha256& output) {
        state_ = kInitialState;
        output_ = &output;
        next_ = input.data();
        blocks_ = input.size() / kBlock;
        const std::size_t rest = input.size() % kBlock;
        if (rest != 0) std::memcpy(tail_.data(), input.data() + input.size() - rest, rest);
        tail_blocks_ = pad(tail_.data(), rest, input.size());
        if (blocks_ == 0) enter_tail();
    }
    bool busy() const { return blocks_ != 0; }
    // How many blocks lie in a row.
    std::size_t blocks() const { return blocks_; }
    const std::uint8_t* next() const { return next_; }
    Sha256State& state() { return state_; }

    // After `count` blocks were compressed: goes on to the tail, and after that writes the result and is free.
    void done(std::size_t count) {
        next_ += count * kBlock;
        blocks_ -= count;
        if (blocks_ != 0) return;
        if (tail_blocks_ != 0) return enter_tail();
        *output_ = digest_of(state_);
    }

private:
    void enter_tail() {
        next_ = tail_.data();
        blocks_ = std::exchange(tail_blocks_, 0);
    }

    Sha256State state_{};
    Sha256* output_ = nullptr;
    const std::uint8_t* next_ = nullptr;
    std::size_t blocks_ = 0;
    std::size_t tail_blocks_ = 0;
    std::array<std::uint8_t, 2 * kBlock> tail_;
};

}  // namespace

void hash_many(std::span<const ByteSpan> inputs, std::span<Sha256> outputs, const Sha256Compressor& compressor) {
    DR_CHECK(inputs.size() == outputs.size());
    HashLane a;
    HashLane b;
    std::size_t begun = 0;
    const auto refill = [&](HashLane& lane) {
        if (lane.busy() || begun == inputs.size()) return;
        lane.begin(inputs[begun], outputs[begun]);
        ++begun;
    };
    for (;;) {
        refill(a);
        refill(b);
        if (!a.busy() || !b.busy()) break;
        const std::size_t together = std::min(a.blocks(), b.blocks());
        compressor.two(a.state(), a.next(), b.state(), b.next(), together);
        a.done(together);
        b.done(together);
    }
    // The last input has no partner.
    for (HashLane* lane : {&a, &b}) {
        while (lane->busy()) {
            const std::size_t blocks = lane->blocks();
            compressor.one(lane->state(), lane->next(), blocks);
            lane->done(blocks);
        }
    }
}

}  // namespace dr
