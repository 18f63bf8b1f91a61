#pragma once
// BlobSink: takes blobs in a fixed order and sees to it that each is stored once: deduplicated, gathered into frames,
// compressed and sealed on all cores, packed, written, and entered into an index run.
//
// The bytes that reach the store depend only on the order of add() calls, the keys, the clock and the random source,
// never on the number of threads.

#include <cstdint>
#include <vector>

#include "dr/base/result.h"
#include "dr/repository/blob.h"

namespace dr {

struct StoredPack {
    PackId id;
    std::uint8_t pack_class = 0;
    std::uint64_t size = 0;
};

struct SinkTotals {
    std::uint64_t blobs_added = 0;         // add() calls
    std::uint64_t blobs_stored = 0;        // new ones
    std::uint64_t bytes_deduplicated = 0;  // plaintext bytes found already stored
    std::uint64_t bytes_plain = 0;         // plaintext bytes of new blobs
    std::uint64_t bytes_stored = 0;        // bytes written to the store
};

struct SinkResult {
    std::vector<StoredPack> packs;
    std::vector<PackId> runs;
    std::vector<PackId> newrefs;  // older packs hit by deduplication (FORMAT 10)
    SinkTotals totals;
};

class BlobSink {
public:
    virtual ~BlobSink() = default;

    // Called by one thread at a time, in the order that defines the repository's bytes. `id` must be the blob's name
    // and `data.bytes` 1 to kMaxBlob long. Returns whether the blob is new. Blocks, running other tasks of the pool
    // meanwhile, while more than the memory budget waits to be written. Fails with NoSpace or Io as soon as an earlier
    // blob could not be stored.
    virtual Result<bool> add(BlobType type, const BlobId& id, BlobData data) = 0;

    // Whether the blob is stored already (or was added), without adding it; marks the pack as needed if so.
    virtual Result<bool> reuse(const BlobId& id) = 0;

    // Closes all frames and packs, writes the index run. When it returns, all that it names is durable.
    virtual Result<SinkResult> finish() = 0;
    virtual SinkTotals totals() const = 0;  // any thread
};

}  // namespace dr
