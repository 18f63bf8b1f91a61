// The wire reader against any bytes. The first byte says how many bytes of script follow; each byte of the script is
// one read of what comes after it. Whatever is accepted must lie inside the input and encode to the same bytes again.

#include "dr/codec/wire.h"

namespace {

using namespace dr;

void read_one(std::uint8_t what, WireReader& reader, WireWriter& again) {
    switch (what % 10) {
        case 0: again.u8(reader.u8()); break;
        case 1: again.u16(reader.u16()); break;
        case 2: again.u32(reader.u32()); break;
        case 3: again.u64(reader.u64()); break;
        case 4: again.i64(reader.i64()); break;
        case 5: again.varint(reader.varint()); break;
        case 6: again.svarint(reader.svarint()); break;
        case 7: again.bytes(reader.bytes(what)); break;
        case 8: again.raw(reader.raw(what % 16)); break;
        default: {
            const std::size_t count = reader.count(what, 2);
            DR_CHECK(count <= what && count * 2 <= reader.remaining());
            again.varint(count);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size - 1 < data[0]) return 0;
    const ByteSpan script{data + 1, data[0]};
    const ByteSpan input{data + 1 + script.size(), size - 1 - script.size()};

    WireReader reader{input};
    Bytes out;
    WireWriter again{out};
    for (const std::uint8_t what : script) {
        const std::size_t before = out.size();
        read_one(what, reader, again);
        if (reader.ok()) continue;
        out.resize(before);
        break;
    }
    DR_CHECK(reader.position() <= input.size());
    DR_CHECK(!reader.ok() || out.size() == reader.position());
    DR_CHECK(equal(out, input.first(out.size())));
    const bool all_read = reader.ok() && reader.at_end();
    DR_CHECK(reader.finish("the input").ok() == all_read);
    return 0;
}
