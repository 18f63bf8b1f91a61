#pragma once
// Secrets in memory. They wipe themselves, cannot be copied by accident, compare in constant time and do not print.
//
// SecretBytes is for what lives long (ring keys, passphrases): its memory is locked against swapping and left out of
// core dumps where the system allows it, and lies between guard pages, which costs some microseconds and 4 pages each.
// Key32 is for what lives for one pack or frame: it lies where it is put, costs nothing, and is wiped as well.

#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>

#include "dr/base/bytes.h"

namespace dr {

// Overwrites with zeros in a way that no compiler leaves out.
void wipe(MutableByteSpan bytes);

// How long it takes depends on the lengths only.
bool equal_in_constant_time(ByteSpan a, ByteSpan b);

class SecretBytes {
public:
    SecretBytes() = default;
    // `size` zero bytes. Stops the program when there is no memory.
    explicit SecretBytes(std::size_t size);
    static SecretBytes copy_of(ByteSpan bytes);

    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    SecretBytes clone() const { return copy_of(bytes()); }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    ByteSpan bytes() const { return {data_, size_}; }
    MutableByteSpan mutable_bytes() { return {data_, size_}; }

    bool operator==(const SecretBytes& other) const { return equal_in_constant_time(bytes(), other.bytes()); }
    friend std::ostream& operator<<(std::ostream&, const SecretBytes&) = delete;

private:
    std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

class Key32 {
public:
    static constexpr std::size_t kSize = 32;

    Key32() = default;  // all zero, to be filled through mutable_bytes()
    // From exactly 32 bytes; more or fewer is a bug of the caller.
    static Key32 copy_of(ByteSpan bytes);

    Key32(Key32&& other) noexcept;
    Key32& operator=(Key32&& other) noexcept;
    Key32(const Key32&) = delete;
    Key32& operator=(const Key32&) = delete;
    ~Key32() { wipe(bytes_); }

    Key32 clone() const { return copy_of(bytes_); }

    ByteSpan bytes() const { return bytes_; }
    MutableByteSpan mutable_bytes() { return bytes_; }

    bool operator==(const Key32& other) const { return equal_in_constant_time(bytes_, other.bytes_); }
    friend std::ostream& operator<<(std::ostream&, const Key32&) = delete;

private:
    std::array<std::uint8_t, kSize> bytes_{};
};

}  // namespace dr
