#include "dr/crypto/frame_keys.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "dr/base/check.h"
#include "dr/crypto/hkdf.h"
#include "dr/crypto/key_wrap.h"

namespace dr {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers go into keys as little-endian bytes");

template <typename Number>
std::array<std::uint8_t, sizeof(Number)> bytes_of(Number number) {
    return std::bit_cast<std::array<std::uint8_t, sizeof(Number)>>(number);
}

HmacKey derive_pack_key(const Key32& dek, const PackIdentity& pack) {
    const Key32 key = hkdf(pack.salt, {dek.bytes()},
                           {as_bytes("qnwis-dr/1/pack"),
                            pack.repository.bytes(),
                            bytes_of(pack.session),
                            bytes_of(pack.sequence),
                            {&pack.pack_class, 1}});
    return HmacKey{key.bytes()};
}

}  // namespace

Key32 derive_dek(const DekInput& input) {
    return hkdf(input.random.bytes(),
                {input.host_secret, bytes_of(input.session), input.boot_id, bytes_of(input.clock_nanoseconds)},
                {as_bytes("qnwis-dr/1/dek"), {&input.pack_class, 1}, input.repository.bytes()});
}

WrappedDek wrap_dek(const Key32& epoch_key, const Key32& dek) {
    const Bytes bytes = key_wrap(epoch_key, dek.bytes());
    WrappedDek wrapped;
    DR_CHECK(bytes.size() == wrapped.size());
    std::ranges::copy(bytes, wrapped.begin());
    return wrapped;
}

Result<Key32> unwrap_dek(const Key32& epoch_key, const WrappedDek& wrapped) {
    const SecretBytes dek = DR_TRY(key_unwrap(epoch_key, wrapped));
    return Key32::copy_of(dek.bytes());
}

PackKeys PackKeys::derive(const Key32& dek, const PackIdentity& pack) { return {derive_pack_key(dek, pack), pack}; }

PackKeys::PackKeys(HmacKey pack_key, const PackIdentity& pack)
    : pack_key_(std::move(pack_key)),
      frame_salt_key_(hkdf_expand(pack_key_, {as_bytes("qnwis-dr/1/fs")}).bytes()),
      pack_class_(pack.pack_class),
      clock_seconds_(pack.clock_seconds) {
    hkdf_expand(pack_key_, {as_bytes("qnwis-dr/1/commit")}, commitment_);
}

FrameSalt PackKeys::frame_salt(std::initializer_list<ByteSpan> fs_input) const {
    const Mac32 mac = frame_salt_key_.mac(fs_input);
    FrameSalt fs;
    std::copy_n(mac.begin(), fs.size(), fs.begin());
    return fs;
}

FrameKey PackKeys::frame_key(std::uint32_t number, const FrameSalt& fs) const {
    FrameKey frame{.key = hkdf_expand(pack_key_, {as_bytes("qnwis-dr/1/frame"), bytes_of(number), fs}), .nonce = {}};
    std::uint8_t* const nonce = frame.nonce.data();
    nonce[0] = pack_class_;  // 16 bits; a class has 8
    std::memcpy(nonce + 2, &clock_seconds_, sizeof clock_seconds_);
    std::memcpy(nonce + 6, &number, sizeof number);  // 48 bits; a number has 32
    return frame;
}

}  // namespace dr
