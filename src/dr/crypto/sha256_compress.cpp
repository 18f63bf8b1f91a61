#include "dr/crypto/sha256_compress.h"

// The block function itself is wanted here, without a context that is allocated per hash; only the old names offer it.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>

#include "dr/base/check.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace dr {
namespace {

void openssl_one(Sha256State& state, const std::uint8_t* data, std::size_t blocks) {
    if (blocks == 0) return;
    SHA256_CTX context{};
    context.md_len = SHA256_DIGEST_LENGTH;
    std::ranges::copy(state, context.h);
    // Whole blocks only: they go straight through, nothing stays in the context.
    DR_CHECK(SHA256_Update(&context, data, blocks * SHA256_CBLOCK) == 1);
    std::ranges::copy(context.h, state.begin());
}

void openssl_two(Sha256State& state_a, const std::uint8_t* data_a, Sha256State& state_b, const std::uint8_t* data_b,
                 std::size_t blocks) {
    openssl_one(state_a, data_a, blocks);
    openssl_one(state_b, data_b, blocks);
}

constexpr Sha256Compressor kOpensslCompressor{openssl_one, openssl_two};

#if defined(__x86_64__)

#define DR_SHA_NI __attribute__((target("sha,sse4.1,ssse3")))
#define DR_SHA_NI_INLINE __attribute__((target("sha,sse4.1,ssse3"), always_inline)) inline

alignas(16) constexpr std::array<std::uint32_t, 64> kRoundConstants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// One hash in registers. The instructions want the state as (a b e f) and (c d g h), and four message words at a time.
struct Lane {
    __m128i abef;
    __m128i cdgh;
    __m128i words[4];
};

DR_SHA_NI_INLINE void load_state(Lane& lane, const Sha256State& state) {
    const auto* halves = reinterpret_cast<const __m128i*>(state.data());
    const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(halves), 0xB1);
    const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(halves + 1), 0x1B);
    lane.abef = _mm_alignr_epi8(badc, hgfe, 8);
    lane.cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
}

DR_SHA_NI_INLINE void store_state(const Lane& lane, Sha256State& state) {
    const __m128i feba = _mm_shuffle_epi32(lane.abef, 0x1B);
    const __m128i dchg = _mm_shuffle_epi32(lane.cdgh, 0xB1);
    auto* halves = reinterpret_cast<__m128i*>(state.data());
    _mm_storeu_si128(halves, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(halves + 1, _mm_alignr_epi8(dchg, feba, 8));
}

DR_SHA_NI_INLINE void load_block(Lane& lane, const std::uint8_t* block) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const auto* quarters = reinterpret_cast<const __m128i*>(block);
    lane.words[0] = _mm_shuffle_epi8(_mm_loadu_si128(quarters), big_endian);
    lane.words[1] = _mm_shuffle_epi8(_mm_loadu_si128(quarters + 1), big_endian);
    lane.words[2] = _mm_shuffle_epi8(_mm_loadu_si128(quarters + 2), big_endian);
    lane.words[3] = _mm_shuffle_epi8(_mm_loadu_si128(quarters + 3), big_endian);
}

// Four rounds. While they wait for each other, the four message words of four steps later are made.
template <int Step>
DR_SHA_NI_INLINE void four_rounds(Lane& lane) {
    __m128i& word = lane.words[Step % 4];
    const __m128i& last = lane.words[(Step + 3) % 4];
    const auto* constants = reinterpret_cast<const __m128i*>(kRoundConstants.data());
    __m128i sum = _mm_add_epi32(word, _mm_load_si128(constants + Step));
    lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sum);
    if constexpr (Step < 12) {
        const __m128i middle = _mm_alignr_epi8(last, lane.words[(Step + 2) % 4], 4);
        word = _mm_add_epi32(_mm_sha256msg1_epu32(word, lane.words[(Step + 1) % 4]), middle);
        word = _mm_sha256msg2_epu32(word, last);
    }
    sum = _mm_shuffle_epi32(sum, 0x0E);
    lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, sum);
}

template <int Step = 0>
DR_SHA_NI_INLINE void all_rounds(Lane& lane) {
    four_rounds<Step>(lane);
    if constexpr (Step < 15) all_rounds<Step + 1>(lane);
}

// Both lanes do a step before either does the next: that is the whole gain of having two.
template <int Step = 0>
DR_SHA_NI_INLINE void all_rounds(Lane& a, Lane& b) {
    four_rounds<Step>(a);
    four_rounds<Step>(b);
    if constexpr (Step < 15) all_rounds<Step + 1>(a, b);
}

DR_SHA_NI_INLINE void add_state(Lane& lane, const Lane& before) {
    lane.abef = _mm_add_epi32(lane.abef, before.abef);
    lane.cdgh = _mm_add_epi32(lane.cdgh, before.cdgh);
}

DR_SHA_NI void sha_ni_one(Sha256State& state, const std::uint8_t* data, std::size_t blocks) {
    Lane lane;
    load_state(lane, state);
    for (; blocks != 0; --blocks, data += 64) {
        load_block(lane, data);
        const Lane before = lane;
        all_rounds(lane);
        add_state(lane, before);
    }
    store_state(lane, state);
}

DR_SHA_NI void sha_ni_two(Sha256State& state_a, const std::uint8_t* data_a, Sha256State& state_b,
                          const std::uint8_t* data_b, std::size_t blocks) {
    Lane a;
    Lane b;
    load_state(a, state_a);
    load_state(b, state_b);
    for (; blocks != 0; --blocks, data_a += 64, data_b += 64) {
        load_block(a, data_a);
        load_block(b, data_b);
        const Lane before_a = a;
        const Lane before_b = b;
        all_rounds(a, b);
        add_state(a, before_a);
        add_state(b, before_b);
    }
    store_state(a, state_a);
    store_state(b, state_b);
}

constexpr Sha256Compressor kShaNiCompressor{sha_ni_one, sha_ni_two};

bool cpu_has_sha_ni() {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return false;
    const bool has_vectors = (ecx & bit_SSSE3) != 0 && (ecx & bit_SSE4_1) != 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
    return has_vectors && (ebx & bit_SHA) != 0;
}

const Sha256Compressor* find_sha_ni() { return cpu_has_sha_ni() ? &kShaNiCompressor : nullptr; }

#else

const Sha256Compressor* find_sha_ni() { return nullptr; }

#endif

}  // namespace

const Sha256Compressor& openssl_compressor() { return kOpensslCompressor; }

const Sha256Compressor* sha_ni_compressor() {
    // Asking the CPU traps in a virtual machine, some 20 microseconds a time: once is enough.
    static const Sha256Compressor* const found = find_sha_ni();
    return found;
}

const Sha256Compressor& fastest_compressor() {
    const Sha256Compressor* const sha_ni = sha_ni_compressor();
    return sha_ni != nullptr ? *sha_ni : kOpensslCompressor;
}

}  // namespace dr
