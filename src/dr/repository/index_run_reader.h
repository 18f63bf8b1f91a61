#pragma once
// IndexRunReader: an index run in the store. Of its rows nothing is held but the first id of each frame.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dr/base/result.h"
#include "dr/repository/index_run.h"

namespace dr {

// Const functions are thread-safe. Errors as in pack_reader.h.
class IndexRunReader {
public:
    // Borrows all but the id.
    static Result<std::unique_ptr<IndexRunReader>> open(ObjectStore& objects, const RepositoryKeys& keys,
                                                        FrameTools& tools, const PackId& id);

    const PackId& id() const { return id_; }
    std::uint64_t rows() const { return tail_.rows; }
    std::uint64_t pack_count() const { return tail_.packs; }
    Id16 first() const { return tail_.row_frames.front().first; }
    Id16 last() const { return tail_.last; }
    std::uint64_t filter_bytes() const { return filter_bytes_; }
    std::uint32_t row_frame_count() const { return static_cast<std::uint32_t>(tail_.row_frames.size()); }

    // Reads the filters into memory. Before any other thread asks.
    Result<void> load_filters();

    // The row frames, from `begin` to before `end`, that may hold `id`; none where it is not in the run for sure.
    struct Range {
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
    };
    Range frames_of(const Id16& id) const;

    // The rows of a frame: ascending, and each names a pack of the table and a frame that may be.
    Result<std::vector<IndexRow>> read_rows(std::uint32_t frame) const;
    // The packs of places frame * kPacksPerFrame and on.
    Result<std::vector<PackName>> read_packs(std::uint32_t frame) const;

private:
    IndexRunReader(ObjectStore& objects, FrameTools& tools, const PackId& id, PackContents contents, IndexTail tail);

    bool filters_may_hold(const Id16& id, const Range& range) const;
    Result<FramePlain> frame(std::uint32_t number) const;

    ObjectStore& objects_;
    FrameTools& tools_;
    PackId id_;
    std::string object_;
    PackContents contents_;
    IndexTail tail_;
    std::vector<std::uint64_t> first_rows_;  // of each row frame, and the end
    std::uint32_t pack_frames_begin_ = 0;
    std::uint32_t filter_frames_begin_ = 0;
    std::uint64_t filter_bytes_ = 0;
    std::vector<FramePlain> filters_;  // empty until loaded
};

}  // namespace dr
