#include "dr/repository/index_run.h"

#include "dr/codec/wire.h"
#include "dr/repository/index_filter.h"

namespace dr {
namespace {

constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 32;

std::uint64_t frames_for(std::uint64_t items, std::uint64_t per_frame) { return (items + per_frame - 1) / per_frame; }

// The frames of a run in their order, told from the tail. Fails where the directory has others.
void check_frames(const IndexTail& tail, std::span<const DirectoryFrame> frames, WireReader& reader) {
    const std::uint64_t pack_frames = frames_for(tail.packs, kPacksPerFrame);
    if (tail.row_frames.size() + pack_frames + tail.filter_frames + 1 != frames.size()) {
        return reader.fail("it names another number of frames than the directory");
    }
    std::size_t at = 0;
    const auto expect = [&](FrameType type, std::uint64_t plain_length) {
        const DirectoryFrame& frame = frames[at++];
        if (frame.type != type || frame.plain_length != plain_length)
            reader.fail("its frames are not those of the directory");
    };
    for (const IndexTail::RowFrame& frame : tail.row_frames)
        expect(FrameType::IndexRows, frame.rows * sizeof(IndexRow));
    for (std::uint64_t i = 0; i < pack_frames; ++i) {
        const std::uint64_t packs = std::min<std::uint64_t>(kPacksPerFrame, tail.packs - i * kPacksPerFrame);
        expect(FrameType::IndexPacks, packs * kPackEntrySize);
    }
    for (std::uint64_t i = 0; i < tail.filter_frames; ++i) {
        const std::uint32_t length = frames[at].plain_length;
        if (length == 0 || length % kFilterBlock != 0) reader.fail("a filter is not made of whole blocks");
        expect(FrameType::IndexFilter, length);
    }
    if (frames[at].type != FrameType::IndexTail) reader.fail("it is not the last frame");
}

}  // namespace

Bytes IndexTail::encode() const {
    Bytes out;
    WireWriter writer{out};
    writer.varint(rows);
    writer.varint(packs);
    writer.varint(filter_frames);
    writer.varint(filter_keys_per_frame);
    writer.raw(last.bytes());
    writer.varint(row_frames.size());
    for (const RowFrame& frame : row_frames) {
        writer.raw(frame.first.bytes());
        writer.u32(frame.rows);
    }
    return out;
}

Result<IndexTail> IndexTail::decode(ByteSpan plain, std::span<const DirectoryFrame> frames) {
    WireReader reader{plain};
    IndexTail tail;
    tail.rows = reader.varint(kMaxRows);
    tail.packs = reader.varint(UINT32_MAX);
    tail.filter_frames = reader.varint(kMaxFramesInPack);
    tail.filter_keys_per_frame = reader.varint(kMaxRows);
    tail.last = Id16::from(reader.array<16>().data());
    tail.row_frames.resize(reader.count(kMaxFramesInPack, 16 + 4));
    std::uint64_t rows = 0;
    Id16 before;
    for (RowFrame& frame : tail.row_frames) {
        frame.first = Id16::from(reader.array<16>().data());
        frame.rows = reader.u32();
        if (frame.rows == 0 || frame.rows > kMaxRowsPerFrame) reader.fail("a frame has no rows or too many");
        if (frame.first < before || frame.first > tail.last) reader.fail("its frames are not in order");
        if (!reader.ok()) break;
        before = frame.first;
        rows += frame.rows;
    }
    if (rows != tail.rows || rows == 0 || tail.packs == 0) reader.fail("its rows do not add up");
    if (tail.filter_frames != 0 &&
        (tail.filter_keys_per_frame == 0 || frames_for(tail.rows, tail.filter_keys_per_frame) != tail.filter_frames)) {
        reader.fail("its filters do not cover its rows");
    }
    if (reader.ok()) check_frames(tail, frames, reader);
    DR_TRY(reader.finish("the tail of an index run"));
    return tail;
}

}  // namespace dr
