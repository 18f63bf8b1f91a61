#include "dr/crypto/hmac.h"

#include <algorithm>

#include "dr/crypto/secret.h"

namespace dr {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::uint8_t kInnerPad = 0x36;
constexpr std::uint8_t kOuterPad = 0x5c;

Mac32 finish_outer(Sha256Stream& inner, Sha256Stream outer) {
    outer.update(inner.finish().bytes());
    const Mac32 mac = outer.finish().array();
    // Both began with the prepared key, and their buffers may hold what was authenticated.
    inner.forget();
    outer.forget();
    return mac;
}

}  // namespace

HmacKey::HmacKey(ByteSpan key) {
    std::array<std::uint8_t, kBlock> block{};
    if (key.size() > kBlock) {
        std::ranges::copy(sha256(key).array(), block.begin());
    } else {
        std::ranges::copy(key, block.begin());
    }
    for (std::uint8_t& byte : block) byte ^= kInnerPad;
    inner_.update(block);
    for (std::uint8_t& byte : block) byte ^= kInnerPad ^ kOuterPad;
    outer_.update(block);
    wipe(block);
}

HmacKey::HmacKey(HmacKey&& other) noexcept : inner_(other.inner_), outer_(other.outer_) {
    other.inner_.forget();
    other.outer_.forget();
}

HmacKey& HmacKey::operator=(HmacKey&& other) noexcept {
    if (this == &other) return *this;
    inner_ = other.inner_;
    outer_ = other.outer_;
    other.inner_.forget();
    other.outer_.forget();
    return *this;
}

HmacKey::~HmacKey() {
    inner_.forget();
    outer_.forget();
}

Mac32 HmacKey::mac(std::initializer_list<ByteSpan> parts) const {
    Sha256Stream inner = inner_;
    for (const ByteSpan part : parts) inner.update(part);
    return finish_outer(inner, outer_);
}

std::array<Mac32, 2> HmacKey::mac_both(std::initializer_list<ByteSpan> one, std::initializer_list<ByteSpan> two) const {
    Sha256Stream inner[2] = {inner_, inner_};
    for (const ByteSpan part : one) inner[0].update(part);
    for (const ByteSpan part : two) inner[1].update(part);
    const std::array<Sha256, 2> hashed = finish_both(inner[0], inner[1]);
    Sha256Stream outer[2] = {outer_, outer_};
    for (std::size_t i = 0; i < 2; ++i) outer[i].update(hashed[i].bytes());
    const std::array<Sha256, 2> macs = finish_both(outer[0], outer[1]);
    for (std::size_t i = 0; i < 2; ++i) {
        inner[i].forget();
        outer[i].forget();
    }
    return {macs[0].array(), macs[1].array()};
}

Mac32 HmacStream::finish() { return finish_outer(inner_, key_.outer_); }

HmacStream::~HmacStream() { inner_.forget(); }

}  // namespace dr
