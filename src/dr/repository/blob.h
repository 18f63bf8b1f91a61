#pragma once
// Blobs: the unit of deduplication (FORMAT 6), and the keys that name them.

#include <array>
#include <cstdint>
#include <memory>

#include "dr/base/bytes.h"
#include "dr/base/ids.h"
#include "dr/crypto/hmac.h"

namespace dr {

enum class BlobType : std::uint8_t { Data = 1, Tree = 2, Extents = 3, Attributes = 4 };

inline constexpr std::size_t kMaxBlob = 16U << 20;

struct BlobRef {
    BlobId id;
    std::uint32_t length = 0;
    bool operator==(const BlobRef&) const = default;
};

// Bytes and whoever keeps them alive.
struct BlobData {
    ByteSpan bytes;
    std::shared_ptr<const void> owner;
};

// K_id: gives blobs their names. Const functions are thread-safe.
class BlobNamer {
public:
    explicit BlobNamer(ByteSpan k_id) : key_(k_id) {}
    BlobId name(BlobType type, const Sha256& content) const {
        const std::uint8_t domain = static_cast<std::uint8_t>(type);
        return BlobId{key_.mac({ByteSpan{&domain, 1}, content.bytes()})};
    }

private:
    HmacKey key_;
};

}  // namespace dr
