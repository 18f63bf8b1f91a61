#pragma once
// Blobs: the unit of deduplication (FORMAT 6), and the keys that name them.

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dr/base/bytes.h"
#include "dr/base/check.h"
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

    // names[i] = name(type_of(i), contents[i]), for less than each by itself. The two spans are of one size.
    template <typename TypeOf>
    void name_all(std::span<const Sha256> contents, std::span<BlobId> names, const TypeOf& type_of) const {
        DR_CHECK(contents.size() == names.size());
        std::size_t i = 0;
        for (; i + 1 < contents.size(); i += 2) {
            const std::uint8_t domains[2] = {static_cast<std::uint8_t>(type_of(i)),
                                             static_cast<std::uint8_t>(type_of(i + 1))};
            const auto macs = key_.mac_both({ByteSpan{&domains[0], 1}, contents[i].bytes()},
                                            {ByteSpan{&domains[1], 1}, contents[i + 1].bytes()});
            names[i] = BlobId{macs[0]};
            names[i + 1] = BlobId{macs[1]};
        }
        if (i < contents.size()) names[i] = name(type_of(i), contents[i]);
    }

private:
    HmacKey key_;
};

}  // namespace dr
