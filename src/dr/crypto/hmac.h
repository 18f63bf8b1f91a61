#pragma once
// HMAC-SHA-256 (RFC 2104) under a key that is prepared once: a short message then costs two compressions.

#include <array>
#include <cstdint>
#include <initializer_list>

#include "dr/base/bytes.h"
#include "dr/crypto/sha256.h"

namespace dr {

using Mac32 = std::array<std::uint8_t, 32>;

// The prepared key is as secret as the key: it moves, does not copy, and wipes itself. Const functions are thread-safe.
class HmacKey {
public:
    explicit HmacKey(ByteSpan key);  // of any length, empty too
    HmacKey(HmacKey&& other) noexcept;
    HmacKey& operator=(HmacKey&& other) noexcept;
    HmacKey(const HmacKey&) = delete;
    HmacKey& operator=(const HmacKey&) = delete;
    ~HmacKey();

    // The MAC of the parts one after the other. Where the parts vary in length, the caller makes the whole unambiguous.
    Mac32 mac(std::initializer_list<ByteSpan> parts) const;
    // Of two messages at once: for short ones of like length in little more time than for one.
    std::array<Mac32, 2> mac_both(std::initializer_list<ByteSpan> one, std::initializer_list<ByteSpan> two) const;

private:
    friend class HmacStream;
    Sha256Stream inner_;
    Sha256Stream outer_;
};

// A message that comes piece by piece. Borrows the key, which must outlive it. Not thread-safe.
class HmacStream {
public:
    explicit HmacStream(const HmacKey& key) : key_(key), inner_(key.inner_) {}
    HmacStream(const HmacStream&) = delete;
    HmacStream& operator=(const HmacStream&) = delete;
    ~HmacStream();

    void update(ByteSpan bytes) { inner_.update(bytes); }
    // The MAC of all pieces; the stream is then spent.
    Mac32 finish();

private:
    const HmacKey& key_;
    Sha256Stream inner_;
};

}  // namespace dr
