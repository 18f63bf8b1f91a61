#include "dr/crypto/passphrase.h"

#include <sodium.h>

#include <string>

#include "dr/base/check.h"

namespace dr {

Result<void> PassphraseParameters::check() const {
    const bool passes_fit = passes >= 1 && passes <= kMaxPasses;
    const bool memory_fits = memory_bytes >= kMinMemory && memory_bytes <= kMaxMemory && memory_bytes % 1024 == 0;
    if (passes_fit && memory_fits) return {};
    return Error{ErrorCode::Damaged, "no parameters of a passphrase: " + std::to_string(passes) + " passes over " +
                                         std::to_string(memory_bytes) + " bytes of memory"};
}

Result<Key32> key_from_passphrase(ByteSpan passphrase, const Salt16& salt, const PassphraseParameters& parameters) {
    DR_TRY(parameters.check());
    DR_CHECK(sodium_init() >= 0);
    Key32 key;
    // libsodium takes no null pointer, not even for no bytes.
    const char* const text = passphrase.empty() ? "" : as_text(passphrase).data();
    const int failed = crypto_pwhash(key.mutable_bytes().data(), Key32::kSize, text, passphrase.size(), salt.data(),
                                     parameters.passes, parameters.memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
    if (failed == 0) return key;
    return Error{ErrorCode::Io, "the passphrase needs " + std::to_string(parameters.memory_bytes >> 20) +
                                    " MiB of memory, which the system does not have"};
}

}  // namespace dr
