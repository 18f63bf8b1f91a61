#pragma once
// The compression function of SHA-256, as fast as this machine can: the inside of sha256.h, chosen once at run time.
//
// The SHA instructions of a CPU wait for themselves most of the time, so two independent hashes that take turns on
// one core run nearly as fast as one. That is what `two` is for.

#include <array>
#include <cstddef>
#include <cstdint>

namespace dr {

using Sha256State = std::array<std::uint32_t, 8>;

struct Sha256Compressor {
    // Feeds `blocks` blocks of 64 bytes each into `state`. The data needs no alignment.
    void (*one)(Sha256State& state, const std::uint8_t* data, std::size_t blocks);
    // Feeds as many blocks into each of two different states.
    void (*two)(Sha256State& state_a, const std::uint8_t* data_a, Sha256State& state_b, const std::uint8_t* data_b,
                std::size_t blocks);
};

// Works everywhere; OpenSSL chooses the instructions.
const Sha256Compressor& openssl_compressor();
// Null where the CPU lacks the SHA extensions of x86-64.
const Sha256Compressor* sha_ni_compressor();
// The faster one of those that work here.
const Sha256Compressor& fastest_compressor();

}  // namespace dr
