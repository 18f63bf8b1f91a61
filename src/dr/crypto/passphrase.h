#pragma once
// A key out of a passphrase: Argon2id (RFC 9106, version 0x13, one lane).

#include <array>
#include <cstdint>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/crypto/secret.h"

namespace dr {

using Salt16 = std::array<std::uint8_t, 16>;

// Stored beside what the key seals. Whoever reads them back reads hostile bytes: check().
struct PassphraseParameters {
    std::uint32_t passes = 3;
    std::uint64_t memory_bytes = 64ULL << 20;

    static constexpr std::uint32_t kMaxPasses = 16;
    static constexpr std::uint64_t kMinMemory = 8ULL << 10;
    static constexpr std::uint64_t kMaxMemory = 1ULL << 30;

    // Fails with Damaged outside 1 to 16 passes, 8 KiB to 1 GiB, or a memory that is not whole KiB: such parameters
    // would hang or exhaust this machine.
    Result<void> check() const;

    bool operator==(const PassphraseParameters&) const = default;
};

// Takes the time and memory that `parameters` ask for. Fails with Damaged as check() does, and with Io where the
// system has not that much memory. A wrong passphrase gives a wrong key: what it opens tells.
Result<Key32> key_from_passphrase(ByteSpan passphrase, const Salt16& salt, const PassphraseParameters& parameters);

}  // namespace dr
