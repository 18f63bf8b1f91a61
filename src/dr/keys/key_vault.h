#pragma once
// KeyVault: who can wrap and unwrap the private part of a slot: a passphrase, a key-encryption-key file; later an HSM
// or a cloud KMS. Nothing above this floor knows which one it is.

#include <array>
#include <cstdint>
#include <string>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/crypto/passphrase.h"
#include "dr/crypto/secret.h"
#include "dr/platform/random.h"

namespace dr {

enum class VaultKind : std::uint8_t { Passphrase = 1, KekFile = 2 };

using KekId = std::array<std::uint8_t, 16>;

// What a slot stores so that its vault can unwrap it again (FORMAT 4).
struct WrapParameters {
    VaultKind kind = VaultKind::Passphrase;
    PassphraseParameters passphrase;  // kind Passphrase
    Salt16 salt{};
    KekId kek_id{};  // kind KekFile
    bool operator==(const WrapParameters&) const = default;
};

struct WrappedSecret {
    WrapParameters parameters;
    Bytes wrapped;  // 8 bytes longer than the secret
};

class KeyVault {
public:
    virtual ~KeyVault() = default;

    virtual VaultKind kind() const = 0;
    // For people and for KeyMaterial: "passphrase", "kek-file:<hex>". Never a secret.
    virtual std::string name() const = 0;

    // `secret` is a multiple of 8 and at least 16 bytes. A passphrase takes the time of its key derivation.
    virtual Result<WrappedSecret> wrap(ByteSpan secret, Random& random) const = 0;
    // Fails with WrongKey when this vault did not wrap it, Damaged when the parameters are not believable.
    virtual Result<SecretBytes> unwrap(const WrappedSecret& wrapped) const = 0;
};

// Argon2id over what somebody typed or keeps in a file. Owns its copy of the passphrase.
class PassphraseVault final : public KeyVault {
public:
    explicit PassphraseVault(SecretBytes passphrase, PassphraseParameters parameters = {})
        : passphrase_(std::move(passphrase)), parameters_(parameters) {}

    VaultKind kind() const override { return VaultKind::Passphrase; }
    std::string name() const override { return "passphrase"; }
    Result<WrappedSecret> wrap(ByteSpan secret, Random& random) const override;
    Result<SecretBytes> unwrap(const WrappedSecret& wrapped) const override;

private:
    SecretBytes passphrase_;
    PassphraseParameters parameters_;  // for new wraps; an old one brings its own
};

// The 32 bytes of a key-encryption-key file (kek_file.h).
class KekFileVault final : public KeyVault {
public:
    explicit KekFileVault(Key32 kek) : kek_(std::move(kek)) {}

    VaultKind kind() const override { return VaultKind::KekFile; }
    std::string name() const override;
    KekId id() const;
    Result<WrappedSecret> wrap(ByteSpan secret, Random& random) const override;
    Result<SecretBytes> unwrap(const WrappedSecret& wrapped) const override;

private:
    Key32 kek_;
};

}  // namespace dr
