#pragma once
// AES-256 key wrap (RFC 3394): keys sealed under a key. It needs no nonce, so wrapping twice is harmless, and a wrong
// key is noticed.

#include <cstddef>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/crypto/secret.h"

namespace dr {

inline constexpr std::size_t kKeyWrapOverhead = 8;                   // a wrapped key is this much longer
inline constexpr std::size_t kMaxWrappedKey = std::size_t{1} << 20;  // bytes; nobody wraps more

// `plain` is a multiple of 8, at least 16 and at most 1 MiB - 8 bytes long.
Bytes key_wrap(const Key32& key, ByteSpan plain);

// Fails with WrongKey when `wrapped` was not wrapped under `key` (or was changed, which cannot be told apart), and
// with Damaged when no key wraps to this length.
Result<SecretBytes> key_unwrap(const Key32& key, ByteSpan wrapped);

}  // namespace dr
