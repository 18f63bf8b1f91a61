#include "dr/crypto/key_wrap.h"

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "dr/base/check.h"

namespace dr {
namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// Ready to wrap (encrypt = 1) or unwrap (0) under `key`, with the initial value of RFC 3394.
CipherContext open_context(const Key32& key, int encrypt) {
    CipherContext context{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
    DR_CHECK(context != nullptr);
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    DR_CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_256_wrap(), nullptr, key.bytes().data(), nullptr, encrypt) == 1);
    return context;
}

}  // namespace

Bytes key_wrap(const Key32& key, ByteSpan plain) {
    DR_CHECK(plain.size() % 8 == 0 && plain.size() >= 16 && plain.size() + kKeyWrapOverhead <= kMaxWrappedKey);
    const CipherContext context = open_context(key, 1);
    Bytes wrapped(plain.size() + kKeyWrapOverhead);
    int written = 0;
    const int size = static_cast<int>(plain.size());
    DR_CHECK(EVP_CipherUpdate(context.get(), wrapped.data(), &written, plain.data(), size) == 1);
    DR_CHECK(static_cast<std::size_t>(written) == wrapped.size());
    return wrapped;
}

Result<SecretBytes> key_unwrap(const Key32& key, ByteSpan wrapped) {
    if (wrapped.size() % 8 != 0 || wrapped.size() < 24 || wrapped.size() > kMaxWrappedKey) {
        return Error{ErrorCode::Damaged,
                     "a wrapped key has no such length: " + std::to_string(wrapped.size()) + " bytes"};
    }
    const CipherContext context = open_context(key, 0);
    // OpenSSL uses room for the whole input while it works.
    SecretBytes work{wrapped.size()};
    int written = 0;
    const int size = static_cast<int>(wrapped.size());
    const int done = EVP_CipherUpdate(context.get(), work.mutable_bytes().data(), &written, wrapped.data(), size);
    if (done != 1 || static_cast<std::size_t>(written) != wrapped.size() - kKeyWrapOverhead) {
        return Error{ErrorCode::WrongKey, "this key does not open the wrapped key"};
    }
    return SecretBytes::copy_of(work.bytes().first(static_cast<std::size_t>(written)));
}

}  // namespace dr
