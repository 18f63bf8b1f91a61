#pragma once
// What the first bytes of a file give away, whatever its name is.

#include <cstddef>
#include <string_view>

#include "dr/base/bytes.h"

namespace dr {

// Files above this size are no private keys: no need to read them for looks_like_private_key().
inline constexpr std::size_t kMaxPrivateKeyFile = 64U << 10;

// How a key-encryption-key file of these backups begins (FORMAT 4).
inline constexpr std::string_view kKekMark = "qnwis-dr-kek-1:";

// True for a PEM private key ("-----BEGIN … PRIVATE KEY-----": PKCS#1, PKCS#8 encrypted or not, EC, DSA, OpenSSH, PGP)
// or a PuTTY key file within `first_bytes` (pass the whole file, at most kMaxPrivateKeyFile), and for a
// key-encryption-key file. A name can be harmless: `deploy.txt`. Wrapped keys (dr_key.json) open nothing by themselves.
bool looks_like_private_key(ByteSpan first_bytes);

// True if `first_bytes` of a file named CACHEDIR.TAG mark its directory as a cache (bford.info/cachedir): pass 43 bytes
// or more.
bool is_cachedir_tag(ByteSpan first_bytes);

}  // namespace dr
