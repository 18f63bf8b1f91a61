#include "limit/seal.h"

namespace bench {
namespace {

constexpr unsigned char kKey[32] = {0x51, 0x4e, 0x57, 0x49, 0x53};

std::array<unsigned char, 12> nonce_of(std::uint64_t number) {
    std::array<unsigned char, 12> nonce{};
    std::memcpy(nonce.data(), &number, sizeof number);
    return nonce;
}

void need(bool fine, const char* what) {
    if (!fine) stop(what, 0);
}

}  // namespace

Sealer::Sealer()
    : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)),
      hashing_(EVP_MD_CTX_new()),
      encrypting_(EVP_CIPHER_CTX_new()),
      decrypting_(EVP_CIPHER_CTX_new()),
      deflating_(ZSTD_createCCtx()),
      inflating_(ZSTD_createDCtx()) {
    ZSTD_CCtx_setParameter(deflating_.get(), ZSTD_c_compressionLevel, 1);
    // The key schedule is made once; each frame sets its nonce only.
    need(EVP_EncryptInit_ex(encrypting_.get(), EVP_aes_256_gcm(), nullptr, kKey, nullptr) == 1, "cannot encrypt");
    need(EVP_DecryptInit_ex(decrypting_.get(), EVP_aes_256_gcm(), nullptr, kKey, nullptr) == 1, "cannot decrypt");
}

Hash Sealer::hash(std::span<const unsigned char> plain) {
    Hash hash;
    need(EVP_DigestInit_ex2(hashing_.get(), sha256_.get(), nullptr) == 1 &&
             EVP_DigestUpdate(hashing_.get(), plain.data(), plain.size()) == 1 &&
             EVP_DigestFinal_ex(hashing_.get(), hash.data(), nullptr) == 1,
         "cannot hash");
    return hash;
}

std::span<const unsigned char> Sealer::seal(std::span<const unsigned char> plain, std::uint64_t number) {
    packed_.resize(std::max(packed_.size(), ZSTD_compressBound(plain.size()) + kTag));
    const std::size_t size =
        ZSTD_compress2(deflating_.get(), packed_.data(), packed_.size() - kTag, plain.data(), plain.size());
    need(ZSTD_isError(size) == 0, "cannot compress");

    const auto nonce = nonce_of(number);
    int done = 0;
    int rest = 0;
    need(EVP_EncryptInit_ex(encrypting_.get(), nullptr, nullptr, nullptr, nonce.data()) == 1 &&
             EVP_EncryptUpdate(encrypting_.get(), packed_.data(), &done, packed_.data(), static_cast<int>(size)) == 1 &&
             EVP_EncryptFinal_ex(encrypting_.get(), packed_.data() + done, &rest) == 1 &&
             EVP_CIPHER_CTX_ctrl(encrypting_.get(), EVP_CTRL_GCM_GET_TAG, kTag, packed_.data() + size) == 1,
         "cannot encrypt");
    return {packed_.data(), size + kTag};
}

void Sealer::unseal(std::span<const unsigned char> sealed, std::uint64_t number, std::span<unsigned char> plain) {
    need(sealed.size() > kTag, "a frame is too short");
    const std::size_t size = sealed.size() - kTag;
    packed_.resize(std::max(packed_.size(), size));
    const auto nonce = nonce_of(number);
    int done = 0;
    int rest = 0;
    need(EVP_DecryptInit_ex(decrypting_.get(), nullptr, nullptr, nullptr, nonce.data()) == 1 &&
             EVP_DecryptUpdate(decrypting_.get(), packed_.data(), &done, sealed.data(), static_cast<int>(size)) == 1 &&
             EVP_CIPHER_CTX_ctrl(decrypting_.get(), EVP_CTRL_GCM_SET_TAG, kTag,
                                 const_cast<unsigned char*>(sealed.data() + size)) == 1 &&
             EVP_DecryptFinal_ex(decrypting_.get(), packed_.data() + done, &rest) == 1,
         "a frame is damaged");
    const std::size_t inflated =
        ZSTD_decompressDCtx(inflating_.get(), plain.data(), plain.size(), packed_.data(), size);
    need(inflated == plain.size(), "a frame inflates to another size");
}

}  // namespace bench
