#pragma once
// The key schedule of the repository: which key and nonce seal which frame. Pure functions; FORMAT.md has the bytes.
//
//   DEK      = HKDF(salt = random32, ikm = host secret || session || boot id || clock, info = "qnwis-dr/1/dek" || ...)
//   K_pack   = HKDF(salt = pack salt, ikm = DEK, info = "qnwis-dr/1/pack" || repository || session || sequence ||
//   class) fs       = HMAC(HKDF-Expand(K_pack, "qnwis-dr/1/fs"), what the frame is made of)[0..16] K_frame  =
//   HKDF-Expand(K_pack, "qnwis-dr/1/frame" || number || fs) nonce    = class (16 bits) || clock at pack open (32) ||
//   frame number (48)
//
// What always holds: if two frames share (K_frame, nonce), they share fs, hence what they are made of. No clock,
// counter or random source is needed for that; it is why fs_input must decide every byte that is sealed or
// authenticated.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "dr/base/bytes.h"
#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/crypto/aead.h"
#include "dr/crypto/hmac.h"
#include "dr/crypto/secret.h"

namespace dr {

inline constexpr std::size_t kWrappedDekSize = 40;

using Salt16 = std::array<std::uint8_t, 16>;
using WrappedDek = std::array<std::uint8_t, kWrappedDekSize>;
using KeyCommitment = std::array<std::uint8_t, 32>;
using FrameSalt = std::array<std::uint8_t, 16>;  // `fs`: the synthetic part of a frame's key

// All that a fresh data encryption key is drawn from. The random bytes suffice; the rest is there for the day when they
// repeat (a cloned machine, a stuck source).
struct DekInput {
    Key32 random;          // fresh from Random
    ByteSpan host_secret;  // may be empty
    std::uint64_t session;
    ByteSpan boot_id;  // may be empty
    std::int64_t clock_nanoseconds;
    std::uint8_t pack_class;
    RepositoryId repository;
};

Key32 derive_dek(const DekInput& input);

WrappedDek wrap_dek(const Key32& epoch_key, const Key32& dek);
// Fails with WrongKey when it was wrapped under another epoch key or changed.
Result<Key32> unwrap_dek(const Key32& epoch_key, const WrappedDek& wrapped);

// What the header of a pack says of it.
struct PackIdentity {
    Salt16 salt;
    RepositoryId repository;
    std::uint64_t session;
    std::uint32_t sequence;
    std::uint8_t pack_class;
    std::uint32_t clock_seconds;  // when the pack was opened; goes into the nonces only
};

struct FrameKey {
    Key32 key;
    Nonce nonce;
};

// The keys of one pack. Wipes itself. Const functions are thread-safe.
class PackKeys {
public:
    static PackKeys derive(const Key32& dek, const PackIdentity& pack);

    // Binds the pack to its key: a reader compares it with the header before it opens any frame.
    const KeyCommitment& commitment() const { return commitment_; }

    // `fs_input` decides every byte that the frame seals and authenticates: see FORMAT.md.
    FrameSalt frame_salt(std::initializer_list<ByteSpan> fs_input) const;

    FrameKey frame_key(std::uint32_t number, const FrameSalt& fs) const;

private:
    PackKeys(HmacKey pack_key, const PackIdentity& pack);

    HmacKey pack_key_;
    HmacKey frame_salt_key_;
    KeyCommitment commitment_;
    std::uint8_t pack_class_;
    std::uint32_t clock_seconds_;
};

}  // namespace dr
