#pragma once
// PackWriter: one pack in memory. Places are given out in order; what goes there may be sealed by any thread.
//
//   const PackWriter::Place place = writer.reserve(packed.size(), entry);   // in order
//   writer.seal(gcm, place, spec, packed);                                  // anywhere
//   const FinishedPack pack = writer.finish(gcm);                           // after all of them
//   DR_TRY(put_pack(store, name, pack));

#include <cstdint>

#include "dr/base/bytes.h"
#include "dr/repository/frame.h"
#include "dr/storage/object_store.h"

namespace dr {

struct FinishedPack {
    PackId id;
    ByteSpan frames;  // header to directory; lies in the writer
    Bytes trailer;    // slice table and footer
    std::uint64_t size() const { return frames.size() + trailer.size(); }
};

class PackWriter {
public:
    struct Place {
        std::uint32_t number = 0;
        std::uint32_t offset = 0;
        std::uint32_t length = 0;  // header to tag
    };

    // Takes the session's next header. `memory` is where the pack is put together, of `limit` bytes at most up to the
    // slice table; it may have more room, which makes no difference.
    PackWriter(SessionKeys& keys, PackClass pack_class, Buffer memory, std::size_t limit);

    // Whether a frame of `packed_size` bytes and a directory entry of `entry_size` fit in. It does in an empty writer
    // whose limit is at least size_of_one(packed_size, entry_size).
    bool fits(std::size_t packed_size, std::size_t entry_size) const;
    static std::size_t size_of_one(std::size_t packed_size, std::size_t entry_size);

    // The next place. `entry` is the frame's part of the directory (encode_directory_frame). It must fit. One thread at
    // a time.
    Place reserve(std::size_t packed_size, ByteSpan entry);

    // Fills a place. Different places may be filled by different threads at once.
    void seal(AesGcm& gcm, const Place& place, FrameSpec spec, ByteSpan packed);

    // Seals the directory, hashes the slices and makes the trailer; once, after every place was filled. Parity is
    // left empty.
    FinishedPack finish(AesGcm& gcm);

    const PackHeader& header() const { return cipher_.header(); }
    std::uint32_t frame_count() const { return frame_count_; }
    std::size_t size() const { return size_; }  // so far
    // The memory again, for the next pack.
    Buffer release() { return std::move(memory_); }

private:
    FrameCipher cipher_;
    Buffer memory_;
    std::size_t limit_;
    std::size_t size_;
    std::uint32_t frame_count_ = 0;
    Bytes entries_;
};

// Puts the pack under `name`. A pack that is there already is success where it is the same bytes: a pack's name is the
// hash of its content.
Result<void> put_pack(ObjectStore& store, std::string_view name, const FinishedPack& pack, Durability durability);

// A pack header and one frame, without directory, table or footer: the body of a commit (FORMAT 9).
Result<Bytes> seal_record_body(SessionKeys& keys, ByteSpan plain, int compression);  // as level_for() takes it
// Damaged unless `body` is what seal_record_body() made in a session of that number. `plain_limit` bounds memory.
Result<Bytes> open_record_body(const RepositoryKeys& keys, std::uint64_t session, ByteSpan body,
                               std::size_t plain_limit);

}  // namespace dr
