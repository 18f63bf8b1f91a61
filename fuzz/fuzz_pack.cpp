// The parsers of packs against any bytes. The first byte chooses the parser; checksums are mended first, because a
// fuzzer cannot guess them and whoever means harm can. What is accepted must encode to the same bytes again.

#include <algorithm>

#include "dr/codec/crc32c.h"
#include "dr/repository/frame.h"
#include "dr/repository/pack_format.h"

namespace {

using namespace dr;

void mend(Bytes& bytes, std::size_t begin, std::size_t end) {
    const std::uint32_t crc = crc32c(ByteSpan{bytes}.subspan(begin, end - begin));
    std::memcpy(bytes.data() + end, &crc, sizeof crc);
}

Bytes sized(ByteSpan input, std::size_t size) {
    Bytes bytes(input.begin(), input.end());
    bytes.resize(size);
    return bytes;
}

void fuzz_header(ByteSpan input) {
    Bytes bytes = sized(input, kPackHeaderSize);
    mend(bytes, 0, kPackHeaderSize - 4);
    const Result<PackHeader> header = PackHeader::decode(bytes);
    if (header.ok()) DR_CHECK(equal(header.value().encode(), bytes));
}

void fuzz_frame_header(ByteSpan input) {
    const Bytes bytes = sized(input, kFrameHeaderSize);
    const Result<FrameHeader> header = FrameHeader::decode(bytes);
    if (header.ok()) DR_CHECK(equal(header.value().encode(), bytes));
}

void fuzz_footer(ByteSpan input) {
    Bytes bytes = sized(input, kPackFooterSize);
    mend(bytes, 0, kPackHeaderSize - 4);
    mend(bytes, kPackHeaderSize, kPackFooterSize - 12);
    std::uint64_t frames_end;
    std::memcpy(&frames_end, bytes.data() + 256, sizeof frames_end);
    PackFooter told;
    told.frames_end = frames_end;
    // The size of a pack comes from the store; the one that the footer asks for gets furthest.
    const std::uint64_t size = frames_end <= kMaxPackSize ? told.pack_size() : kMaxPackSize;
    const Result<PackFooter> footer = PackFooter::decode(bytes, size);
    if (!footer.ok()) return;
    DR_CHECK(equal(footer.value().encode(), bytes));
    DR_CHECK(footer.value().pack_size() == size && footer.value().directory_offset < footer.value().frames_end);
}

// Six bytes say of which class the pack is, how many frames it has and where they end; the rest is the directory.
void fuzz_directory(ByteSpan input) {
    if (input.size() < 6) return;
    PackFooter footer;
    footer.header.pack_class = static_cast<PackClass>(1 + input[0] % 4);
    footer.frame_count = input[1];
    std::uint32_t directory_offset;
    std::memcpy(&directory_offset, input.data() + 2, sizeof directory_offset);
    footer.directory_offset = directory_offset;
    const auto frames = decode_directory(input.subspan(6), footer);
    if (!frames.ok()) return;
    DR_CHECK(frames.value().size() == footer.frame_count);
    Bytes again;
    std::uint64_t end = kPackHeaderSize;
    for (const DirectoryFrame& frame : frames.value()) {
        DR_CHECK(frame.offset == end);
        end += frame.length();
        encode_directory_frame(frame.type, frame.payload_length, frame.plain_length, frame.blobs, again);
    }
    DR_CHECK(end == footer.directory_offset);
    DR_CHECK(equal(again, input.last(again.size())));
}

void fuzz_blobs(ByteSpan input) {
    const auto blobs = split_frame(FrameType::Solid, input);
    if (!blobs.ok()) return;
    DR_CHECK(!blobs.value().empty());
    const std::uint8_t* at = blobs.value().front().data();
    for (const ByteSpan blob : blobs.value()) {
        DR_CHECK(blob.data() == at && !blob.empty());
        at += blob.size();
    }
    DR_CHECK(at == input.data() + input.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteSpan input{data + 1, size - 1};
    switch (data[0] % 5) {
        case 0: fuzz_header(input); break;
        case 1: fuzz_frame_header(input); break;
        case 2: fuzz_footer(input); break;
        case 3: fuzz_directory(input); break;
        default: fuzz_blobs(input);
    }
    return 0;
}
