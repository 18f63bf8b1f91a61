#pragma once
// PackTable: the blobs that a session has stored since it last wrote its index. 24 bytes a slot, nothing else.
//
// A slot follows from the leading bits of an identifier, so the table lies nearly in the order of identifiers, which
// makes it cheap to grow and to take out sorted. Identifiers come out of a keyed hash: only who has the key could
// crowd them, and would wait himself.

#include <cstdint>
#include <vector>

#include "dr/repository/index_row.h"

namespace dr {

// Where a blob of the session lies: in a frame that has a number already, though not always a place.
struct FrameSlot {
    std::uint32_t frame = 0;
    std::uint16_t ordinal = 0;
    BlobType type = BlobType::Data;
};

// For one thread.
class PackTable {
public:
    struct Entry {
        Id16 id;
        std::uint64_t packed_slot = 0;  // 0: nobody
        FrameSlot slot() const {
            return {static_cast<std::uint32_t>(packed_slot >> 24U), static_cast<std::uint16_t>(packed_slot >> 8U),
                    static_cast<BlobType>(packed_slot & 0xffU)};
        }
    };

    // Null where it is not there; good until the next insert().
    const Entry* find(const Id16& id) const;
    // `id` must not be there.
    void insert(const Id16& id, const FrameSlot& slot);
    std::size_t size() const { return size_; }

    // All entries by id; the table is then empty and holds no memory.
    std::vector<Entry> take_sorted();

private:
    std::size_t start_of(const Id16& id) const { return static_cast<std::size_t>(id.high >> shift_); }
    void place(const Entry& entry);
    void grow();

    std::vector<Entry> slots_;  // a power of two, at most three quarters full
    unsigned shift_ = 64;       // 64 less the bits of a slot's number
    std::size_t size_ = 0;
};

}  // namespace dr
