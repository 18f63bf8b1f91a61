#pragma once
// Ed25519 signatures (RFC 8032).

#include <array>
#include <cstdint>

#include "dr/base/bytes.h"
#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/crypto/secret.h"

namespace dr {

using Signature = std::array<std::uint8_t, 64>;

// Thread-safe once made. Signing is deterministic: equal messages have equal signatures.
class SigningKey {
public:
    // Every 32 bytes are a seed.
    static SigningKey from_seed(const Key32& seed);

    SigningKey clone() const;
    const PublicKey& public_key() const { return public_key_; }
    Signature sign(ByteSpan message) const;

private:
    SigningKey() = default;
    SecretBytes secret_;  // seed and public key, as libsodium wants them
    PublicKey public_key_;
};

// A public key that is known to be a point of the curve. Thread-safe.
class VerifyKey {
public:
    // Fails with Damaged when `key` is no valid public key (off the curve, of small order, not canonical).
    static Result<VerifyKey> create(const PublicKey& key);

    const PublicKey& public_key() const { return public_key_; }
    // False also for signatures in a form that RFC 8032 does not allow.
    [[nodiscard]] bool verify(ByteSpan message, const Signature& signature) const;

private:
    explicit VerifyKey(const PublicKey& key) : public_key_(key) {}
    PublicKey public_key_;
};

}  // namespace dr
