#pragma once
// ChunkCutter: turns a file's data into chunks, and hashes file and chunk over the same bytes in one pass.
//
// The caller fills room() with what it reads, run by run: a run is a maximal piece without holes. No byte is copied
// except what a buffer's end leaves of an unfinished chunk.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dr/base/bytes.h"
#include "dr/codec/chunker.h"
#include "dr/crypto/sha256.h"
#include "dr/repository/blob.h"
#include "dr/repository/tree.h"
#include "dr/snapshot/buffer_pool.h"

namespace dr {

// A blob that is ready for the sink.
struct StoredBlob {
    BlobId id;
    BlobData data;
};

// One file at a time. Not thread-safe.
class ChunkCutter {
public:
    // Borrowed. The pool's buffers hold two chunks of the greatest size or more.
    ChunkCutter(const Chunker& chunker, const BlobNamer& namer, BufferPool& buffers)
        : chunker_(chunker), namer_(namer), buffers_(buffers) {}

    // Where to read to next; at least one byte. `expected`, where not 0, is how much the run has left: small runs get
    // small buffers.
    MutableByteSpan room(std::uint64_t expected);
    void filled(std::size_t bytes);

    // The next chunk that is certain, or none until more is filled in or the run has ended. `last`: this run is the end
    // of the file.
    std::optional<StoredBlob> next(bool run_ended, bool last);
    // Bytes of the run that are in no chunk yet.
    std::size_t pending() const { return end_ - begin_; }

    // Zeros that are not stored, but belong to the file's hash. Only where nothing is pending.
    void hole(std::uint64_t length);

    // What the file consists of, as Empty, Single or List, and its size. The cutter is then as new.
    FileContent finish(std::uint64_t& size);
    void reset();

private:
    void hash(ByteSpan chunk, bool whole_file, Sha256& chunk_hash);

    const Chunker& chunker_;
    const BlobNamer& namer_;
    BufferPool& buffers_;
    std::shared_ptr<Buffer> buffer_;
    std::size_t begin_ = 0;  // of what is in no chunk yet
    std::size_t end_ = 0;
    std::uint64_t size_ = 0;  // of all extents
    std::vector<Extent> extents_;
    Sha256Stream file_;
    Sha256Stream chunk_;
    std::optional<Sha256> only_;  // the hash of the file, if one chunk is all of it
};

}  // namespace dr
