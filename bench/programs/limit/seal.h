#pragma once
// The work on bytes that the limit consists of: SHA-256, zstd and AES-256-GCM with the libraries everybody has,
// contexts reused, no copies that can be avoided. One object per thread.

#include <openssl/evp.h>
#include <zstd.h>

#include <array>
#include <memory>
#include <span>

#include "support.h"

namespace bench {

using Hash = std::array<unsigned char, 32>;

struct Free {
    void operator()(EVP_MD* p) const { EVP_MD_free(p); }
    void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
    void operator()(EVP_CIPHER_CTX* p) const { EVP_CIPHER_CTX_free(p); }
    void operator()(ZSTD_CCtx* p) const { ZSTD_freeCCtx(p); }
    void operator()(ZSTD_DCtx* p) const { ZSTD_freeDCtx(p); }
};

inline constexpr std::size_t kTag = 16;

class Sealer {
public:
    Sealer();

    Hash hash(std::span<const unsigned char> plain);

    // zstd level 1, then AES-256-GCM with the nonce `number`, tag behind. Valid until the next call.
    std::span<const unsigned char> seal(std::span<const unsigned char> plain, std::uint64_t number);

    // The inverse, into exactly `plain`. Stops the program when the tag or the size is wrong.
    void unseal(std::span<const unsigned char> sealed, std::uint64_t number, std::span<unsigned char> plain);

private:
    std::unique_ptr<EVP_MD, Free> sha256_;
    std::unique_ptr<EVP_MD_CTX, Free> hashing_;
    std::unique_ptr<EVP_CIPHER_CTX, Free> encrypting_, decrypting_;
    std::unique_ptr<ZSTD_CCtx, Free> deflating_;
    std::unique_ptr<ZSTD_DCtx, Free> inflating_;
    std::vector<unsigned char> packed_;
};

}  // namespace bench
