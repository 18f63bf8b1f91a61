#pragma once
// HKDF-SHA-256 (RFC 5869): many independent keys out of one secret. Lists of parts are read one after the other.

#include <initializer_list>

#include "dr/base/bytes.h"
#include "dr/crypto/hmac.h"
#include "dr/crypto/secret.h"

namespace dr {

using Parts = std::initializer_list<ByteSpan>;

Key32 hkdf_extract(ByteSpan salt, Parts input_key_material);

// Fills `out`, 1 to 8160 bytes. `prk` is the prepared pseudo-random key: whoever expands one key often prepares it
// once.
void hkdf_expand(const HmacKey& prk, Parts info, MutableByteSpan out);

// The usual case of 32 bytes, which is one HMAC.
Key32 hkdf_expand(const HmacKey& prk, Parts info);

// Extract, then expand to 32 bytes.
Key32 hkdf(ByteSpan salt, Parts input_key_material, Parts info);

}  // namespace dr
