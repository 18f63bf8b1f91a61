#pragma once
// BlobSource: reads blobs. Whatever it returns has been opened with the right keys and proven to be what its id says.
//
// What was stored and is lost or wrong is Damaged, by whatever it shows: a blob that no pack holds, a pack that is not
// there, a sector that cannot be read, bytes that are not what was written. It costs what needed it. Any other error
// says that the storage cannot be read right now.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "dr/base/result.h"
#include "dr/repository/blob.h"

namespace dr {

// Where a blob lies. Ordered by pack, then offset: reading places in order is reading packs front to back.
struct BlobPlace {
    std::uint32_t pack = 0;  // a number for the pack in this BlobSource; see pack_id()
    std::uint32_t frame_offset = 0;
    std::uint32_t frame_length = 0;  // header to tag
    std::uint16_t ordinal = 0;
    auto operator<=>(const BlobPlace&) const = default;
};

// An opened frame: plaintext and the blobs in it. It keeps its memory alive; spans point into `plain`.
struct OpenFrame {
    Buffer plain;
    std::vector<ByteSpan> blobs;  // by ordinal
};

// Whether a failed read of an object says that what was stored is lost or wrong, and not that it cannot be reached
// right now. A BlobSource has asked this already.
bool means_damage(const Error& error);

class BlobSource {
public:
    virtual ~BlobSource() = default;

    // All functions are thread-safe.
    // Fails with Damaged where no live pack holds the blob.
    virtual Result<BlobPlace> locate(const BlobId& id) = 0;
    // Calls `located(i, …)` once for each of `ids`, in any order, with what locate(ids[i]) says. By the first 16
    // bytes the ids ascend, and one may come again: that is the order of the index, and the way to ask for very many.
    using Located = std::function<void(std::size_t, const Result<BlobPlace>&)>;
    virtual void locate_all(std::span<const BlobId> ids, const Located& located) {
        for (std::size_t i = 0; i < ids.size(); ++i) located(i, locate(ids[i]));
    }
    virtual PackId pack_id(std::uint32_t pack) const = 0;

    // Opens one frame; the ids of its blobs are not checked yet: check() or the caller does that for the blobs it uses.
    virtual Result<std::shared_ptr<const OpenFrame>> open_frame(const BlobPlace& place) = 0;

    // The blob itself, checked against `id`. It is lost only if no copy of it checks. Small reads of one frame in a row
    // are served from a bounded cache.
    virtual Result<Bytes> read(BlobType type, const BlobId& id) = 0;

    // Damaged unless `bytes` are what `id` names.
    virtual Result<void> check(BlobType type, const BlobId& id, ByteSpan bytes) const = 0;

    virtual const BlobNamer& namer() const = 0;
};

}  // namespace dr
