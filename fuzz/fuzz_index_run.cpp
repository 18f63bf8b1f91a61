// The tail of an index run against any bytes, and filters of any content. The first byte says how many frames the
// directory has; each takes three more bytes: its type and its length. The rest is the tail.

#include "dr/repository/index_filter.h"
#include "dr/repository/index_run.h"

using namespace dr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || (size - 1) / 3 < data[0]) return 0;
    std::vector<DirectoryFrame> frames(data[0]);
    const std::uint8_t* at = data + 1;
    for (DirectoryFrame& frame : frames) {
        frame.type = static_cast<FrameType>(1 + at[0] % 8);
        // Frames of a run are multiples of 8 long, all but the tail.
        frame.plain_length = 8U * (at[1] | std::uint32_t{at[2]} << 8U);
        at += 3;
    }
    const ByteSpan plain{at, size - static_cast<std::size_t>(at - data)};
    const Result<IndexTail> tail = IndexTail::decode(plain, frames);
    if (tail.ok()) {
        DR_CHECK(equal(tail.value().encode(), plain));
        std::uint64_t rows = 0;
        for (const IndexTail::RowFrame& frame : tail.value().row_frames) rows += frame.rows;
        DR_CHECK(rows == tail.value().rows && rows > 0);
    }
    if (plain.size() >= kFilterBlock + 16) {
        const Id16 id = Id16::from(plain.data());
        Bytes filter(plain.begin() + 16, plain.end());
        filter.resize(filter.size() / kFilterBlock * kFilterBlock);
        filter_add(filter, id);
        DR_CHECK(filter_may_hold(filter, id));
    }
    return 0;
}
