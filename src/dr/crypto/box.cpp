#include "dr/crypto/box.h"

#include <sodium.h>

#include "dr/base/check.h"
#include "dr/crypto/hkdf.h"
#include "dr/crypto/key_wrap.h"

namespace dr {
namespace {

constexpr std::string_view kInfo = "qnwis-dr/1/box";
constexpr std::size_t kPublicSize = PublicKey::kSize;

// The key that both ends arrive at, each with its own private key. Fails with Damaged when `theirs` is of small order:
// the shared secret would then be zero, known to everybody.
Result<Key32> wrapping_key(const Key32& mine, const PublicKey& theirs, const PublicKey& ephemeral,
                           const PublicKey& recipient, ByteSpan context) {
    Key32 shared;
    if (crypto_scalarmult_curve25519(shared.mutable_bytes().data(), mine.bytes().data(), theirs.bytes().data()) != 0) {
        return Error{ErrorCode::Damaged, "no usable X25519 public key: " + theirs.short_hex()};
    }
    Bytes salt;
    append(salt, ephemeral.bytes());
    append(salt, recipient.bytes());
    return hkdf(salt, {shared.bytes()}, {as_bytes(kInfo), context});
}

}  // namespace

PublicKey x25519_public(const Key32& private_key) {
    DR_CHECK(sodium_init() >= 0);
    std::array<std::uint8_t, kPublicSize> key;
    crypto_scalarmult_curve25519_base(key.data(), private_key.bytes().data());
    return PublicKey{key};
}

Result<Bytes> box_seal(const PublicKey& recipient, ByteSpan context, ByteSpan plaintext, Random& random) {
    Key32 ephemeral;
    random.fill(ephemeral.mutable_bytes());
    const PublicKey ephemeral_public = x25519_public(ephemeral);
    const Key32 key = DR_TRY(wrapping_key(ephemeral, recipient, ephemeral_public, recipient, context));
    Bytes box;
    append(box, ephemeral_public.bytes());
    append(box, key_wrap(key, plaintext));
    return box;
}

Result<SecretBytes> box_open(const Key32& private_key, ByteSpan context, ByteSpan box) {
    if (box.size() < kPublicSize) return Error{ErrorCode::Damaged, "a box is too short"};
    const PublicKey ephemeral = PublicKey::from(box.first(kPublicSize));
    const PublicKey recipient = x25519_public(private_key);
    const Key32 key = DR_TRY(wrapping_key(private_key, ephemeral, ephemeral, recipient, context));
    return key_unwrap(key, box.subspan(kPublicSize));
}

}  // namespace dr
