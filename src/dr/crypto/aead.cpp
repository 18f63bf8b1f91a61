#include "dr/crypto/aead.h"

#include <openssl/evp.h>

#include <cstring>
#include <utility>

#include "dr/base/check.h"

namespace dr {

AesGcm::AesGcm() : context_(EVP_CIPHER_CTX_new()) {
    DR_CHECK(context_ != nullptr);
    // Looking the cipher up costs more than sealing a small frame: it happens here, once.
    DR_CHECK(EVP_CipherInit_ex(context_, EVP_aes_256_gcm(), nullptr, nullptr, nullptr, 1) == 1);
}

AesGcm::AesGcm(const Key32& key) : AesGcm() { set_key(key); }

AesGcm::AesGcm(AesGcm&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)), has_key_(std::exchange(other.has_key_, false)) {}

AesGcm& AesGcm::operator=(AesGcm&& other) noexcept {
    AesGcm moved{std::move(other)};
    std::swap(context_, moved.context_);
    std::swap(has_key_, moved.has_key_);
    return *this;
}

// OpenSSL wipes the key schedule with the context.
AesGcm::~AesGcm() { EVP_CIPHER_CTX_free(context_); }

void AesGcm::set_key(const Key32& key) {
    DR_CHECK(EVP_CipherInit_ex(context_, nullptr, nullptr, key.bytes().data(), nullptr, -1) == 1);
    has_key_ = true;
}

void AesGcm::start(const Nonce& nonce, std::initializer_list<ByteSpan> aad, int encrypt) {
    DR_CHECK(has_key_);
    DR_CHECK(EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, nonce.data(), encrypt) == 1);
    for (const ByteSpan part : aad) {
        DR_CHECK(part.size() <= kMaxMessage);
        int written = 0;
        if (part.empty()) continue;
        DR_CHECK(EVP_CipherUpdate(context_, nullptr, &written, part.data(), static_cast<int>(part.size())) == 1);
    }
}

void AesGcm::seal(const Nonce& nonce, std::initializer_list<ByteSpan> aad, ByteSpan plain, std::uint8_t* out_cipher,
                  std::uint8_t* out_tag) {
    DR_CHECK(plain.size() <= kMaxMessage);
    start(nonce, aad, 1);
    int written = 0;
    if (!plain.empty()) {
        const int size = static_cast<int>(plain.size());
        DR_CHECK(EVP_CipherUpdate(context_, out_cipher, &written, plain.data(), size) == 1 && written == size);
    }
    std::uint8_t nothing_left[16];
    DR_CHECK(EVP_CipherFinal_ex(context_, nothing_left, &written) == 1 && written == 0);
    DR_CHECK(EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, kTagSize, out_tag) == 1);
}

Result<void> AesGcm::unseal(const Nonce& nonce, std::initializer_list<ByteSpan> aad, ByteSpan cipher, ByteSpan tag,
                            std::uint8_t* out_plain) {
    if (tag.size() != kTagSize) return Error{ErrorCode::Damaged, "a sealed message has a tag of 16 bytes"};
    if (cipher.size() > kMaxMessage) return Error{ErrorCode::Damaged, "a sealed message has at most 1 GiB"};
    start(nonce, aad, 0);
    int written = 0;
    if (!cipher.empty()) {
        const int size = static_cast<int>(cipher.size());
        DR_CHECK(EVP_CipherUpdate(context_, out_plain, &written, cipher.data(), size) == 1 && written == size);
    }
    std::array<std::uint8_t, kTagSize> expected;
    std::memcpy(expected.data(), tag.data(), kTagSize);
    DR_CHECK(EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, kTagSize, expected.data()) == 1);
    std::uint8_t nothing_left[16];
    if (EVP_CipherFinal_ex(context_, nothing_left, &written) == 1) return {};
    if (!cipher.empty()) std::memset(out_plain, 0, cipher.size());
    return Error{ErrorCode::Damaged, "the sealed bytes are not what was written"};
}

}  // namespace dr
