#pragma once
// A key-encryption-key file: one line, "qnwis-dr-kek-1:" and the base64 of 32 random bytes (FORMAT 4).

#include <string>
#include <string_view>

#include "dr/base/result.h"
#include "dr/crypto/secret.h"
#include "dr/platform/random.h"

namespace dr {

inline constexpr std::size_t kMaxKekFile = 256;  // bytes

Key32 new_kek(Random& random);
SecretBytes print_kek(const Key32& kek);
// Fails with WrongKey: whatever lies there is no key.
Result<Key32> parse_kek(std::string_view text);

}  // namespace dr
