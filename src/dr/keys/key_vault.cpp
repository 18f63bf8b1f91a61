#include "dr/keys/key_vault.h"

#include <algorithm>

#include "dr/base/hex.h"
#include "dr/crypto/hkdf.h"
#include "dr/crypto/key_wrap.h"
#include "dr/crypto/sha256.h"

namespace dr {
namespace {

Key32 key_of_file(const Key32& kek, const Salt16& salt) {
    return hkdf(salt, {kek.bytes()}, {as_bytes("qnwis-dr/1/kek")});
}

Error wrong_kind(std::string_view has, std::string_view needs) {
    return Error{ErrorCode::WrongKey,
                 "this key opens with a " + std::string(needs) + ", not with a " + std::string(has)};
}

}  // namespace

Result<WrappedSecret> PassphraseVault::wrap(ByteSpan secret, Random& random) const {
    WrappedSecret result;
    result.parameters.kind = VaultKind::Passphrase;
    result.parameters.passphrase = parameters_;
    result.parameters.salt = random.array<16>();
    const Key32 kek = DR_TRY(key_from_passphrase(passphrase_.bytes(), result.parameters.salt, parameters_));
    result.wrapped = key_wrap(kek, secret);
    return result;
}

Result<SecretBytes> PassphraseVault::unwrap(const WrappedSecret& wrapped) const {
    if (wrapped.parameters.kind != VaultKind::Passphrase) return wrong_kind("passphrase", "key-encryption-key file");
    const Key32 kek =
        DR_TRY(key_from_passphrase(passphrase_.bytes(), wrapped.parameters.salt, wrapped.parameters.passphrase));
    Result<SecretBytes> secret = key_unwrap(kek, wrapped.wrapped);
    if (!secret.ok() && secret.error().code() == ErrorCode::WrongKey)
        return Error{ErrorCode::WrongKey, "the passphrase is wrong"};
    return secret;
}

std::string KekFileVault::name() const { return "kek-file:" + to_hex(id()); }

KekId KekFileVault::id() const {
    Sha256Stream stream;
    stream.update(as_bytes("qnwis-dr/1/kek-id"));
    stream.update(kek_.bytes());
    const Sha256 digest = stream.finish();
    KekId id;
    std::copy_n(digest.array().begin(), id.size(), id.begin());
    return id;
}

Result<WrappedSecret> KekFileVault::wrap(ByteSpan secret, Random& random) const {
    WrappedSecret result;
    result.parameters.kind = VaultKind::KekFile;
    result.parameters.passphrase = {0, 0};
    result.parameters.salt = random.array<16>();
    result.parameters.kek_id = id();
    result.wrapped = key_wrap(key_of_file(kek_, result.parameters.salt), secret);
    return result;
}

Result<SecretBytes> KekFileVault::unwrap(const WrappedSecret& wrapped) const {
    if (wrapped.parameters.kind != VaultKind::KekFile) return wrong_kind("key-encryption-key file", "passphrase");
    if (wrapped.parameters.kek_id != id()) {
        return Error{ErrorCode::WrongKey, "this key was wrapped under key-encryption key " +
                                              to_hex(wrapped.parameters.kek_id) + ", the one given is " + to_hex(id())};
    }
    return key_unwrap(key_of_file(kek_, wrapped.parameters.salt), wrapped.wrapped);
}

}  // namespace dr
