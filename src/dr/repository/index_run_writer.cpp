#include "dr/repository/index_run_writer.h"

#include <algorithm>
#include <utility>

#include "dr/codec/wire.h"
#include "dr/repository/index_filter.h"
#include "dr/repository/pack_writer.h"

namespace dr {
namespace {

// The packs that `rows` name, ascending; `rows` then name places in that list. The order of rows stays right, because
// the places ascend as the numbers did.
std::vector<std::uint32_t> number_packs(std::span<IndexRow> rows, std::size_t packs) {
    std::vector<std::uint32_t> places(packs);  // 1 where it is used, then its place
    for (const IndexRow& row : rows) places[row.pack] = 1;
    std::vector<std::uint32_t> used;
    for (std::uint32_t pack = 0; pack < packs; ++pack) {
        if (std::exchange(places[pack], static_cast<std::uint32_t>(used.size())) == 1) used.push_back(pack);
    }
    for (IndexRow& row : rows) row.pack = places[row.pack];
    return used;
}

// Frames of an index run are stored as they are: ids do not compress.
void add_frame(PackWriter& pack, AesGcm& gcm, FrameType type, ByteSpan plain) {
    const std::uint32_t length = static_cast<std::uint32_t>(plain.size());
    Bytes entry;
    encode_directory_frame(type, length, length, {}, entry);
    const PackWriter::Place place = pack.reserve(plain.size(), entry);
    pack.seal(gcm, place, FrameSpec{.type = type, .plain_length = length}, plain);
}

void add_rows(PackWriter& pack, AesGcm& gcm, std::span<const IndexRow> rows, IndexTail& tail) {
    for (std::size_t at = 0; at < rows.size(); at += kRowsPerFrame) {
        const auto part = rows.subspan(at, std::min(kRowsPerFrame, rows.size() - at));
        add_frame(pack, gcm, FrameType::IndexRows,
                  {reinterpret_cast<const std::uint8_t*>(part.data()), part.size_bytes()});
        tail.row_frames.push_back({part.front().id(), static_cast<std::uint32_t>(part.size())});
    }
    tail.rows = rows.size();
    tail.last = rows.back().id();
}

void add_packs(PackWriter& pack, AesGcm& gcm, std::span<const std::uint32_t> used, const std::vector<PackName>& names,
               IndexTail& tail) {
    for (std::size_t at = 0; at < used.size(); at += kPacksPerFrame) {
        Bytes plain;
        WireWriter writer{plain};
        for (const std::uint32_t number : used.subspan(at, std::min(kPacksPerFrame, used.size() - at))) {
            writer.u64(names[number].session);
            writer.id(names[number].id);
        }
        add_frame(pack, gcm, FrameType::IndexPacks, plain);
    }
    tail.packs = used.size();
}

void add_filter(PackWriter& pack, AesGcm& gcm, std::span<const IndexRow> rows, IndexTail& tail) {
    Bytes filter(filter_size_for(rows.size()));
    for (const IndexRow& row : rows) filter_add(filter, row.id());
    add_frame(pack, gcm, FrameType::IndexFilter, filter);
    tail.filter_frames = 1;
    tail.filter_keys_per_frame = rows.size();
}

std::size_t limit_for_run(std::size_t rows, std::size_t packs) {
    const std::size_t frames = rows / kRowsPerFrame + packs / kPacksPerFrame + 8;
    const std::size_t per_frame = kFrameOverhead + 16 /* directory */ + 20 /* tail */;
    return rows * sizeof(IndexRow) + packs * kPackEntrySize + filter_size_for(rows) + frames * per_frame + 4096;
}

}  // namespace

IndexRunWriter::IndexRunWriter(ObjectStore& objects, SessionKeys& keys, const std::vector<PackName>& packs,
                               Durability durability, std::size_t rows_per_run)
    : objects_(objects), keys_(keys), packs_(packs), durability_(durability), rows_per_run_(rows_per_run) {
    DR_CHECK(rows_per_run_ >= 1 && rows_per_run_ <= kRowsPerRun);
}

Result<void> IndexRunWriter::add(const IndexRow& row) {
    DR_CHECK(row.pack < packs_.size());
    DR_CHECK(rows_.empty() || !row_before(row, rows_.back()));
    rows_.push_back(row);
    return rows_.size() < rows_per_run_ ? Result<void>{} : write_run();
}

Result<void> IndexRunWriter::write_run() {
    const std::vector<std::uint32_t> used = number_packs(rows_, packs_.size());
    const std::size_t limit = limit_for_run(rows_.size(), used.size());
    PackWriter pack{keys_, PackClass::IndexRun, Buffer{limit}, limit};
    AesGcm gcm;
    IndexTail tail;
    add_rows(pack, gcm, rows_, tail);
    add_packs(pack, gcm, used, packs_, tail);
    add_filter(pack, gcm, rows_, tail);
    rows_.clear();
    add_frame(pack, gcm, FrameType::IndexTail, tail.encode());
    const FinishedPack finished = pack.finish(gcm);
    DR_TRY(put_pack(objects_, run_object_name(finished.id), finished, durability_));
    runs_.push_back({finished.id, finished.size()});
    return {};
}

Result<std::vector<WrittenRun>> IndexRunWriter::finish() {
    if (!rows_.empty()) DR_TRY(write_run());
    rows_ = {};
    return std::move(runs_);
}

}  // namespace dr
