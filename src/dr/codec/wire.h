#pragma once
// Wire: how numbers, names and byte strings are laid out in every structure of the repository.
//
// Fixed integers are little-endian. A varint is unsigned LEB128: seven bits a byte, lowest first, the top bit set on
// every byte but the last. Each value has exactly one encoding, so that equal structures are equal bytes: a varint that
// is longer than it must be, or over 64 bits, is Damaged. A svarint is a varint of the zigzag form (0, -1, 1, -2, …).
// A byte string is its length as a varint, then its bytes.
//
// Both classes are for one thread at a time.

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "dr/base/bytes.h"
#include "dr/base/check.h"
#include "dr/base/result.h"

namespace dr {

static_assert(std::endian::native == std::endian::little,
              "the wire is little-endian, and so is every system we build for");

inline constexpr std::size_t kMaxVarintSize = 10;

// How many bytes varint(value) takes.
inline constexpr std::size_t varint_size(std::uint64_t value) {
    return value == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(value)) + 6) / 7;
}
inline constexpr std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
inline constexpr std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

// Appends to a Bytes that it borrows.
class WireWriter {
public:
    explicit WireWriter(Bytes& out) : out_(out) {}

    void u8(std::uint8_t value) { out_.push_back(value); }
    void u16(std::uint16_t value) { fixed(value); }
    void u32(std::uint32_t value) { fixed(value); }
    void u64(std::uint64_t value) { fixed(value); }
    void i64(std::int64_t value) { fixed(value); }
    void varint(std::uint64_t value) {
        if (value < 0x80) {
            out_.push_back(static_cast<std::uint8_t>(value));
            return;
        }
        std::array<std::uint8_t, kMaxVarintSize> encoded;
        std::size_t size = 0;
        for (; value >= 0x80; value >>= 7) encoded[size++] = static_cast<std::uint8_t>(value | 0x80);
        encoded[size++] = static_cast<std::uint8_t>(value);
        raw({encoded.data(), size});
    }
    void svarint(std::int64_t value) { varint(zigzag(value)); }
    void bytes(ByteSpan value) {
        varint(value.size());
        raw(value);
    }
    void text(std::string_view value) { bytes(as_bytes(value)); }
    void raw(ByteSpan value) { out_.insert(out_.end(), value.begin(), value.end()); }
    // A Digest: its 32 bytes.
    template <typename Id>
    void id(const Id& value) {
        raw(value.bytes());
    }

    // The size of the Bytes so far, what stood in it before this writer included.
    std::size_t position() const { return out_.size(); }
    // Overwrites the four bytes at `position` (written before) with what was not known when they were written.
    void patch_u32(std::size_t position, std::uint32_t value) {
        DR_CHECK(position <= out_.size() && out_.size() - position >= sizeof value);
        std::memcpy(out_.data() + position, &value, sizeof value);
    }

private:
    template <typename T>
    void fixed(T value) {
        std::array<std::uint8_t, sizeof(T)> encoded;
        std::memcpy(encoded.data(), &value, sizeof value);
        raw(encoded);
    }

    Bytes& out_;
};

// Reads from bytes that it borrows and that may be hostile. The first thing that is wrong sticks: every read after it
// returns zero or nothing, and check() and finish() say what it was. So a decoder reads a whole structure and asks
// once, but must ask before it believes, keeps or hands out anything; a loop over a count from count() ends early by
// itself when it tests ok(). Spans that are returned point into the bytes given.
class WireReader {
public:
    explicit WireReader(ByteSpan bytes) : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

    std::uint8_t u8() { return fixed<std::uint8_t>(); }
    std::uint16_t u16() { return fixed<std::uint16_t>(); }
    std::uint32_t u32() { return fixed<std::uint32_t>(); }
    std::uint64_t u64() { return fixed<std::uint64_t>(); }
    std::int64_t i64() { return fixed<std::int64_t>(); }

    // A varint; more than `limit` is Damaged.
    std::uint64_t varint(std::uint64_t limit = UINT64_MAX) {
        // Most are one byte long.
        if (at_ != end_ && *at_ < 0x80 && *at_ <= limit) [[likely]]
            return *at_++;
        return long_varint(limit);
    }
    std::int64_t svarint() { return unzigzag(varint()); }

    // A number of items that follow, at most `limit`. It is also Damaged when the rest could not hold that many items
    // of at least `least_size` bytes (1 or more), so memory may be reserved for them.
    std::size_t count(std::size_t limit, std::size_t least_size = 1) {
        const std::uint64_t value = varint(limit);
        if (value > remaining() / least_size) [[unlikely]]
            return fail("a count is more than the rest can hold"), 0;
        return static_cast<std::size_t>(value);
    }
    // A byte string of at most `limit` bytes.
    ByteSpan bytes(std::size_t limit) { return raw(static_cast<std::size_t>(varint(limit))); }
    std::string_view text(std::size_t limit) { return as_text(bytes(limit)); }
    // Exactly `size` bytes.
    ByteSpan raw(std::size_t size) {
        if (size > remaining()) [[unlikely]]
            return fail("it ends too early"), ByteSpan{};
        const ByteSpan found{at_, size};
        at_ += size;
        return found;
    }
    template <std::size_t N>
    std::array<std::uint8_t, N> array() {
        std::array<std::uint8_t, N> value{};
        if (const ByteSpan found = raw(N); found.size() == N) std::memcpy(value.data(), found.data(), N);
        return value;
    }
    // A Digest; all zero after an error.
    template <typename Id>
    Id id() {
        return Id{array<Id::kSize>()};
    }

    std::size_t position() const { return ok() ? static_cast<std::size_t>(at_ - begin_) : failed_at_; }
    std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }  // 0 after an error
    bool at_end() const { return at_ == end_; }                                     // true after an error
    bool ok() const { return problem_ == nullptr; }

    // For what the caller finds wrong in the values. `problem` is a literal: "names are not in order". The first
    // problem stays.
    void fail(const char* problem) {
        if (problem_ != nullptr) return;
        failed_at_ = static_cast<std::size_t>(at_ - begin_);
        problem_ = problem;
        at_ = end_;
    }
    // Damaged if anything was wrong so far: "the directory is damaged at byte 17: it ends too early". `what` names the
    // structure: "the directory".
    Result<void> check(std::string_view what) const;
    // The same, and Damaged if bytes are left over.
    Result<void> finish(std::string_view what);

private:
    template <typename T>
    T fixed() {
        if (remaining() < sizeof(T)) [[unlikely]]
            return fail("it ends too early"), T{};
        T value;
        std::memcpy(&value, at_, sizeof value);
        at_ += sizeof value;
        return value;
    }
    std::uint64_t long_varint(std::uint64_t limit);

    const std::uint8_t* begin_;
    const std::uint8_t* at_;
    const std::uint8_t* end_;
    const char* problem_ = nullptr;
    std::size_t failed_at_ = 0;
};

}  // namespace dr
