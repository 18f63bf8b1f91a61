#pragma once
// Digest<Tag>: 32 bytes that name something. The tag keeps a BlobId from being taken for a PackId.

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include "dr/base/bytes.h"
#include "dr/base/hex.h"
#include "dr/base/result.h"

namespace dr {

template <typename Tag>
class Digest {
public:
    static constexpr std::size_t kSize = 32;

    Digest() = default;  // all zero: "none"
    explicit Digest(const std::array<std::uint8_t, kSize>& bytes) : bytes_(bytes) {}

    // From exactly 32 bytes; more or fewer is a bug of the caller.
    static Digest from(ByteSpan bytes) {
        DR_CHECK(bytes.size() == kSize);
        Digest digest;
        std::memcpy(digest.bytes_.data(), bytes.data(), kSize);
        return digest;
    }
    // From 64 lower-case hexadecimal digits. Fails with BadRequest.
    static Result<Digest> parse(std::string_view hex) {
        const Bytes bytes = DR_TRY(parse_hex(hex));
        if (bytes.size() != kSize) return Error{ErrorCode::BadRequest, "an id has 64 hexadecimal digits"};
        return from(bytes);
    }

    ByteSpan bytes() const { return bytes_; }
    const std::array<std::uint8_t, kSize>& array() const { return bytes_; }
    std::string hex() const { return to_hex(bytes_); }
    std::string short_hex() const { return to_hex(ByteSpan{bytes_}.first(4)); }
    bool is_zero() const {
        return std::ranges::all_of(bytes_, [](std::uint8_t b) { return b == 0; });
    }

    auto operator<=>(const Digest&) const = default;

private:
    std::array<std::uint8_t, kSize> bytes_{};
};

using Sha256 = Digest<struct Sha256Tag>;              // plain SHA-256 of plaintext
using BlobId = Digest<struct BlobIdTag>;              // HMAC-SHA-256(K_id, type || SHA-256(plaintext))
using PackId = Digest<struct PackIdTag>;              // see FORMAT.md, "pack id"; also names index runs
using RecordHash = Digest<struct RecordHashTag>;      // SHA-256 of a log record's body
using RepositoryId = Digest<struct RepositoryIdTag>;  // the RecordHash of genesis
using PublicKey = Digest<struct PublicKeyTag>;        // an Ed25519 (actor) or X25519 (slot) public key

}  // namespace dr

// Every digest is already uniform: its first 8 bytes are its hash.
template <typename Tag>
struct std::hash<dr::Digest<Tag>> {
    std::size_t operator()(const dr::Digest<Tag>& digest) const noexcept {
        std::size_t value;
        std::memcpy(&value, digest.array().data(), sizeof value);
        return value;
    }
};
