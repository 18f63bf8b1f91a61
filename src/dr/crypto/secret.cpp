#include "dr/crypto/secret.h"

#include <sodium.h>

#include <cstring>
#include <utility>

#include "dr/base/check.h"

namespace dr {

void wipe(MutableByteSpan bytes) {
    if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

bool equal_in_constant_time(ByteSpan a, ByteSpan b) {
    if (a.size() != b.size()) return false;
    return a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
    if (size == 0) return;
    DR_CHECK(sodium_init() >= 0);
    // Locks the pages and keeps them out of core dumps; where a limit forbids the lock, a secret that may be swapped
    // is still better than no backup.
    data_ = static_cast<std::uint8_t*>(sodium_malloc(size));
    DR_CHECK(data_ != nullptr);
    std::memset(data_, 0, size);
}

SecretBytes SecretBytes::copy_of(ByteSpan bytes) {
    SecretBytes secret{bytes.size()};
    if (secret.data_ != nullptr) std::memcpy(secret.data_, bytes.data(), bytes.size());
    return secret;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    // What this held moves out with `moved` and is wiped with it.
    SecretBytes moved{std::move(other)};
    std::swap(data_, moved.data_);
    std::swap(size_, moved.size_);
    return *this;
}

// sodium_free() wipes before it gives the pages back.
SecretBytes::~SecretBytes() { sodium_free(data_); }

Key32 Key32::copy_of(ByteSpan bytes) {
    DR_CHECK(bytes.size() == kSize);
    Key32 key;
    std::memcpy(key.bytes_.data(), bytes.data(), kSize);
    return key;
}

Key32::Key32(Key32&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }

Key32& Key32::operator=(Key32&& other) noexcept {
    if (this == &other) return *this;
    bytes_ = other.bytes_;
    wipe(other.bytes_);
    return *this;
}

}  // namespace dr
