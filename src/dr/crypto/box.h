#pragma once
// A box: keys sealed to an X25519 public key, which only the private key opens.
//
// box = ephemeral public key (32) || AES-KW(KEK, plaintext), where
// KEK = HKDF-SHA256(salt = ephemeral public || recipient public, ikm = X25519, info = "qnwis-dr/1/box" || context).
// There is no nonce: a random source that repeats itself repeats the box, and gives nothing away.

#include <cstddef>

#include "dr/base/bytes.h"
#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/crypto/secret.h"
#include "dr/platform/random.h"

namespace dr {

inline constexpr std::size_t kBoxOverhead = 40;  // a box is this much longer than its plaintext

PublicKey x25519_public(const Key32& private_key);

// `plaintext` is a multiple of 8, at least 16 and less than 1 MiB. `context` says what the box is for and must be the
// same to open it. Fails with Damaged when `recipient` is no usable public key (of small order).
Result<Bytes> box_seal(const PublicKey& recipient, ByteSpan context, ByteSpan plaintext, Random& random);

// Fails with WrongKey when the box was not sealed to this key for this context, and with Damaged when it has no form
// of a box.
Result<SecretBytes> box_open(const Key32& private_key, ByteSpan context, ByteSpan box);

}  // namespace dr
