#include "dr/repository/index_run_reader.h"

#include <algorithm>
#include <utility>

#include "dr/codec/wire.h"
#include "dr/repository/index_filter.h"

namespace dr {
namespace {

Error damaged(std::string what) { return Error{ErrorCode::Damaged, std::move(what)}; }

Result<IndexTail> read_tail(ObjectStore& objects, FrameTools& tools, std::string_view object,
                            const PackContents& contents) {
    if (contents.footer.header.pack_class != PackClass::IndexRun || contents.frames.empty()) {
        return damaged("'" + std::string{object} + "' is no index run");
    }
    const std::uint32_t last = static_cast<std::uint32_t>(contents.frames.size()) - 1;
    FramePlain frame = DR_TRY(read_frame(objects, contents, tools, object, last));
    Result<IndexTail> tail = IndexTail::decode(frame.plain, contents.frames);
    tools.buffers.give(std::move(frame.memory));
    return tail;
}

bool row_is_sound(const IndexRow& row, std::uint64_t packs) {
    return row.pack < packs && row.frame_offset >= kPackHeaderSize && row.frame_length > kFrameOverhead &&
           row.frame_length <= kFrameOverhead + kMaxFramePlain &&
           std::uint64_t{row.frame_offset} + row.frame_length <= kMaxPackSize && row.blob_type >= 1 &&
           row.blob_type <= 4 && row.zero == 0;
}

}  // namespace

IndexRunReader::IndexRunReader(ObjectStore& objects, FrameTools& tools, const PackId& id, PackContents contents,
                               IndexTail tail)
    : objects_(objects),
      tools_(tools),
      id_(id),
      object_(run_object_name(id)),
      contents_(std::move(contents)),
      tail_(std::move(tail)) {
    first_rows_.reserve(tail_.row_frames.size() + 1);
    std::uint64_t row = 0;
    for (const IndexTail::RowFrame& row_frame : tail_.row_frames) {
        first_rows_.push_back(row);
        row += row_frame.rows;
    }
    first_rows_.push_back(row);
    const std::uint64_t pack_frames = (tail_.packs + kPacksPerFrame - 1) / kPacksPerFrame;
    pack_frames_begin_ = row_frame_count();
    filter_frames_begin_ = pack_frames_begin_ + static_cast<std::uint32_t>(pack_frames);
    for (std::uint32_t i = 0; i < tail_.filter_frames; ++i)
        filter_bytes_ += contents_.frames[filter_frames_begin_ + i].plain_length;
}

Result<std::unique_ptr<IndexRunReader>> IndexRunReader::open(ObjectStore& objects, const RepositoryKeys& keys,
                                                             FrameTools& tools, const PackId& id) {
    const std::string object = run_object_name(id);
    PackContents contents = DR_TRY(read_pack_contents(objects, keys, tools, object));
    IndexTail tail = DR_TRY(read_tail(objects, tools, object, contents));
    return std::unique_ptr<IndexRunReader>{
        new IndexRunReader{objects, tools, id, std::move(contents), std::move(tail)}};
}

Result<FramePlain> IndexRunReader::frame(std::uint32_t number) const {
    return read_frame(objects_, contents_, tools_, object_, number);
}

Result<void> IndexRunReader::load_filters() {
    std::vector<FramePlain> filters;
    for (std::uint32_t i = 0; i < tail_.filter_frames; ++i) filters.push_back(DR_TRY(frame(filter_frames_begin_ + i)));
    filters_ = std::move(filters);
    return {};
}

IndexRunReader::Range IndexRunReader::frames_of(const Id16& id) const {
    if (id < first() || id > last()) return {};
    const auto first_of = [](const IndexTail::RowFrame& row_frame) { return row_frame.first; };
    // The frame before the first that starts at `id` or later may end with rows of it, and so may those that start with
    // it.
    const auto begin = std::ranges::lower_bound(tail_.row_frames, id, {}, first_of);
    const auto end = std::ranges::upper_bound(begin, tail_.row_frames.end(), id, {}, first_of);
    const std::ptrdiff_t start = begin - tail_.row_frames.begin();
    const Range range{static_cast<std::uint32_t>(std::max<std::ptrdiff_t>(start - 1, 0)),
                      static_cast<std::uint32_t>(end - tail_.row_frames.begin())};
    return filters_may_hold(id, range) ? range : Range{};
}

bool IndexRunReader::filters_may_hold(const Id16& id, const Range& range) const {
    if (filters_.empty()) return true;
    const std::uint64_t first_filter = first_rows_[range.begin] / tail_.filter_keys_per_frame;
    const std::uint64_t last_filter = (first_rows_[range.end] - 1) / tail_.filter_keys_per_frame;
    for (std::uint64_t i = first_filter; i <= last_filter; ++i) {
        if (filter_may_hold(filters_[i].plain, id)) return true;
    }
    return false;
}

Result<std::vector<IndexRow>> IndexRunReader::read_rows(std::uint32_t number) const {
    DR_CHECK(number < row_frame_count());
    FramePlain plain = DR_TRY(frame(number));
    std::vector<IndexRow> rows(tail_.row_frames[number].rows);
    DR_CHECK(plain.plain.size() == rows.size() * sizeof(IndexRow));  // the tail was checked against the directory
    std::memcpy(rows.data(), plain.plain.data(), plain.plain.size());
    tools_.buffers.give(std::move(plain.memory));
    const bool sound = std::ranges::all_of(rows, [&](const IndexRow& row) { return row_is_sound(row, tail_.packs); });
    if (!sound || !std::ranges::is_sorted(rows, row_before) || rows.front().id() != tail_.row_frames[number].first ||
        rows.back().id() > tail_.last) {
        return damaged("the rows of index run " + id_.short_hex() + " are not in order");
    }
    return rows;
}

Result<std::vector<PackName>> IndexRunReader::read_packs(std::uint32_t number) const {
    DR_CHECK(pack_frames_begin_ + number < filter_frames_begin_);
    FramePlain plain = DR_TRY(frame(pack_frames_begin_ + number));
    std::vector<PackName> packs(plain.plain.size() / kPackEntrySize);
    WireReader reader{plain.plain};
    for (PackName& pack : packs) {
        pack.session = reader.u64();
        pack.id = reader.id<PackId>();
    }
    DR_TRY(reader.finish("the packs of an index run"));
    tools_.buffers.give(std::move(plain.memory));
    return packs;
}

}  // namespace dr
