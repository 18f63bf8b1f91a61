#include "dr/crypto/sign.h"

#include <sodium.h>

#include "dr/base/check.h"

namespace dr {

SigningKey SigningKey::from_seed(const Key32& seed) {
    DR_CHECK(sodium_init() >= 0);
    SigningKey key;
    key.secret_ = SecretBytes{crypto_sign_SECRETKEYBYTES};
    std::array<std::uint8_t, PublicKey::kSize> public_key;
    crypto_sign_seed_keypair(public_key.data(), key.secret_.mutable_bytes().data(), seed.bytes().data());
    key.public_key_ = PublicKey{public_key};
    return key;
}

SigningKey SigningKey::clone() const {
    SigningKey copy;
    copy.secret_ = secret_.clone();
    copy.public_key_ = public_key_;
    return copy;
}

Signature SigningKey::sign(ByteSpan message) const {
    Signature signature;
    crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret_.bytes().data());
    return signature;
}

Result<VerifyKey> VerifyKey::create(const PublicKey& key) {
    DR_CHECK(sodium_init() >= 0);
    if (crypto_core_ed25519_is_valid_point(key.bytes().data()) != 1) {
        return Error{ErrorCode::Damaged, "no Ed25519 public key: " + key.short_hex()};
    }
    return VerifyKey{key};
}

bool VerifyKey::verify(ByteSpan message, const Signature& signature) const {
    return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), public_key_.bytes().data()) ==
           0;
}

}  // namespace dr
