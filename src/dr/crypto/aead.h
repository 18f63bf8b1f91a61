#pragma once
// AES-256-GCM with a nonce of 96 bits and a tag of 128 (SP 800-38D).
//
// Nothing here keeps a (key, nonce) pair from being used twice: that is the promise of frame_keys.h.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/crypto/secret.h"

struct evp_cipher_ctx_st;

namespace dr {

using Nonce = std::array<std::uint8_t, 12>;

// One key at a time; another key is set in a fraction of a microsecond, so that a worker keeps one AesGcm for all its
// frames. Not thread-safe: each thread has its own. Wipes its key.
class AesGcm {
public:
    static constexpr std::size_t kTagSize = 16;
    static constexpr std::size_t kMaxMessage = std::size_t{1} << 30;  // bytes of one message, and of its AAD

    AesGcm();  // set_key() before anything else
    explicit AesGcm(const Key32& key);
    AesGcm(AesGcm&& other) noexcept;
    AesGcm& operator=(AesGcm&& other) noexcept;
    ~AesGcm();

    void set_key(const Key32& key);

    // Writes plain.size() bytes to `out_cipher`, which may be plain.data() but not overlap it otherwise, and kTagSize
    // bytes to `out_tag`. The parts of the AAD count as one string.
    void seal(const Nonce& nonce, std::initializer_list<ByteSpan> aad, ByteSpan plain, std::uint8_t* out_cipher,
              std::uint8_t* out_tag);

    // Writes cipher.size() bytes to `out_plain`, which may be cipher.data(). Fails with Damaged when the key, nonce,
    // AAD, ciphertext or tag is not the one that was sealed; `out_plain` is then zeros, so that nobody uses it.
    Result<void> unseal(const Nonce& nonce, std::initializer_list<ByteSpan> aad, ByteSpan cipher, ByteSpan tag,
                        std::uint8_t* out_plain);

private:
    void start(const Nonce& nonce, std::initializer_list<ByteSpan> aad, int encrypt);

    evp_cipher_ctx_st* context_ = nullptr;
    bool has_key_ = false;
};

}  // namespace dr
