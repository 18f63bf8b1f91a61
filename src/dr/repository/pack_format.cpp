#include "dr/repository/pack_format.h"

#include <algorithm>
#include <charconv>

#include "dr/codec/crc32c.h"
#include "dr/codec/wire.h"
#include "dr/crypto/sha256.h"

namespace dr {
namespace {

constexpr std::string_view kHeaderMagic = "QNWSPACK";
constexpr std::string_view kFooterMagic = "QNWSPEND";
constexpr std::string_view kPacks = "packs/";
constexpr std::string_view kFrameMagic = "QFRM";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint8_t kEncryptedFlag = 1;

template <typename Range>
bool all_zero(const Range& bytes) {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

template <std::size_t Size>
std::array<std::uint8_t, Size> fixed(const Bytes& bytes) {
    DR_CHECK(bytes.size() == Size);
    std::array<std::uint8_t, Size> out;
    std::ranges::copy(bytes, out.begin());
    return out;
}

Error damaged(std::string what) { return Error{ErrorCode::Damaged, std::move(what)}; }

bool is_class(std::uint8_t value) { return value >= 1 && value <= 4; }

// Which frames may lie in a pack of the class, the directory apart.
bool frame_belongs(FrameType type, PackClass pack_class) {
    switch (type) {
        case FrameType::Blob:
        case FrameType::Solid: return pack_class == PackClass::Data || pack_class == PackClass::Metadata;
        case FrameType::IndexRows:
        case FrameType::IndexTail:
        case FrameType::IndexFilter:
        case FrameType::IndexPacks: return pack_class == PackClass::IndexRun;
        case FrameType::RecordBody: return pack_class == PackClass::RecordBody;
        case FrameType::Directory: return false;
    }
    return false;
}

bool blob_belongs(std::uint8_t type, PackClass pack_class) {
    if (pack_class == PackClass::Data) return type == 1;
    return type >= 2 && type <= 4;
}

std::vector<DirectoryBlob> decode_blobs(WireReader& reader, FrameType type, PackClass pack_class) {
    constexpr std::size_t kLeastSize = 1 + 32 + 1;
    std::vector<DirectoryBlob> blobs(reader.count(kMaxBlobsInFrame, kLeastSize));
    for (DirectoryBlob& blob : blobs) {
        const std::uint8_t blob_type = reader.u8();
        if (!blob_belongs(blob_type, pack_class)) reader.fail("a blob is of a type that this pack does not hold");
        blob.type = static_cast<BlobType>(blob_type);
        blob.id = reader.id<BlobId>();
        blob.length = static_cast<std::uint32_t>(reader.varint(kMaxBlob));
        if (blob.length == 0) reader.fail("a blob is empty");
        if (!reader.ok()) break;
    }
    const bool holds_blobs = type == FrameType::Blob || type == FrameType::Solid;
    if (holds_blobs ? blobs.empty() : !blobs.empty()) reader.fail("a frame has blobs that its type does not have");
    if (type == FrameType::Blob && blobs.size() != 1) reader.fail("a frame of one blob has another number of them");
    return blobs;
}

DirectoryFrame decode_directory_frame(WireReader& reader, PackClass pack_class) {
    DirectoryFrame frame;
    frame.type = static_cast<FrameType>(reader.u8());
    if (!frame_belongs(frame.type, pack_class)) reader.fail("a frame is of a type that this pack does not hold");
    frame.payload_length = static_cast<std::uint32_t>(reader.varint(kMaxFramePlain));
    frame.plain_length = static_cast<std::uint32_t>(reader.varint(kMaxFramePlain));
    frame.blobs = decode_blobs(reader, frame.type, pack_class);
    if (frame.type == FrameType::Blob && reader.ok() && frame.blobs.front().length != frame.plain_length) {
        reader.fail("a frame and its blob differ in length");
    }
    return frame;
}

}  // namespace

std::array<std::uint8_t, kPackHeaderSize> PackHeader::encode() const {
    Bytes bytes;
    bytes.reserve(kPackHeaderSize);
    WireWriter writer{bytes};
    writer.raw(as_bytes(kHeaderMagic));
    writer.u16(kVersion);
    writer.u8(static_cast<std::uint8_t>(pack_class));
    writer.u8(encrypted ? kEncryptedFlag : 0);
    writer.u32(sequence);
    writer.u64(session);
    writer.u32(epoch);
    writer.u32(clock_seconds);
    writer.id(repository);
    writer.raw(salt);
    writer.raw(wrapped_dek);
    writer.raw(commitment);
    bytes.resize(kPackHeaderSize - 4);
    writer.u32(crc32c(bytes));
    return fixed<kPackHeaderSize>(bytes);
}

Result<PackHeader> PackHeader::decode(ByteSpan bytes) {
    DR_CHECK(bytes.size() == kPackHeaderSize);
    WireReader reader{bytes};
    if (as_text(reader.raw(8)) != kHeaderMagic) return damaged("a pack does not start as one");
    if (const std::uint32_t crc = WireReader{bytes.last(4)}.u32(); crc != crc32c(bytes.first(kPackHeaderSize - 4))) {
        return damaged("the header of a pack does not match its checksum");
    }
    if (reader.u16() != kVersion) return Error{ErrorCode::Unsupported, "a pack is of a newer format"};
    PackHeader header;
    const std::uint8_t pack_class = reader.u8();
    const std::uint8_t flags = reader.u8();
    if (!is_class(pack_class)) reader.fail("no such class");
    if ((flags & ~kEncryptedFlag) != 0) reader.fail("no such flag");
    header.pack_class = static_cast<PackClass>(pack_class);
    header.encrypted = flags == kEncryptedFlag;
    header.sequence = reader.u32();
    header.session = reader.u64();
    header.epoch = reader.u32();
    header.clock_seconds = reader.u32();
    header.repository = reader.id<RepositoryId>();
    header.salt = reader.array<16>();
    header.wrapped_dek = reader.array<kWrappedDekSize>();
    header.commitment = reader.array<32>();
    const bool has_keys = header.epoch != 0 || !all_zero(header.wrapped_dek) || !all_zero(header.commitment);
    if (!header.encrypted && has_keys) reader.fail("a pack without encryption has keys");
    if (!all_zero(reader.raw(100))) reader.fail("reserved bytes are not zero");
    DR_TRY(reader.check("the header of a pack"));
    return header;
}

std::array<std::uint8_t, kFrameHeaderSize> FrameHeader::encode() const {
    std::array<std::uint8_t, kFrameHeaderSize> out{};
    std::ranges::copy(as_bytes(kFrameMagic), out.begin());
    std::memcpy(out.data() + 4, &payload_length, 4);
    std::memcpy(out.data() + 8, &number, 4);
    out[12] = static_cast<std::uint8_t>(type);
    out[13] = static_cast<std::uint8_t>(codec);
    std::memcpy(out.data() + 16, &plain_length, 4);
    std::memcpy(out.data() + 20, fs.data(), fs.size());
    return out;
}

Result<FrameHeader> FrameHeader::decode(ByteSpan bytes) {
    DR_CHECK(bytes.size() == kFrameHeaderSize);
    WireReader reader{bytes};
    if (as_text(reader.raw(4)) != kFrameMagic) reader.fail("it does not start as one");
    FrameHeader header;
    header.payload_length = reader.u32();
    header.number = reader.u32();
    const std::uint8_t type = reader.u8();
    const std::uint8_t codec = reader.u8();
    if (type < 1 || type > 8) reader.fail("no such type");
    if (codec > 1) reader.fail("no such codec");
    header.type = static_cast<FrameType>(type);
    header.codec = static_cast<FrameCodec>(codec);
    if (reader.u16() != 0) reader.fail("reserved bytes are not zero");
    header.plain_length = reader.u32();
    header.fs = reader.array<16>();
    if (header.payload_length > kMaxFramePlain || header.plain_length > kMaxFramePlain) reader.fail("it is too long");
    if (header.number > kMaxFramesInPack) reader.fail("its number is too great");
    if (header.codec == FrameCodec::Stored && header.payload_length != header.plain_length) {
        reader.fail("it is stored and changes its length");
    }
    DR_TRY(reader.finish("the header of a frame"));
    return header;
}

std::uint32_t slice_size_of(std::uint64_t frames_end) {
    const std::uint64_t part = (frames_end + 63) / 64;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>((part + 511) / 512 * 512, 512, 65536));
}

std::uint32_t PackFooter::slice_size() const { return slice_size_of(frames_end); }

std::uint32_t PackFooter::slice_count() const {
    return static_cast<std::uint32_t>((frames_end + slice_size() - 1) / slice_size());
}

std::uint64_t PackFooter::pack_size() const {
    return frames_end + std::uint64_t{slice_count()} * Sha256::kSize + parity_length + kPackFooterSize;
}

std::array<std::uint8_t, kPackFooterSize> PackFooter::encode() const {
    Bytes bytes;
    bytes.reserve(kPackFooterSize);
    WireWriter writer{bytes};
    writer.raw(header.encode());
    writer.u64(frames_end);
    writer.u64(directory_offset);
    writer.u32(directory_length());
    writer.u32(slice_size());
    writer.u32(slice_count());
    writer.u32(frame_count);
    writer.u64(slice_table_offset());
    writer.u64(pack_size() - kPackFooterSize - parity_length);
    writer.u64(parity_length);
    writer.id(id);
    bytes.resize(kPackFooterSize - 12);
    writer.u32(crc32c(ByteSpan{bytes}.subspan(kPackHeaderSize)));
    writer.raw(as_bytes(kFooterMagic));
    return fixed<kPackFooterSize>(bytes);
}

Result<PackFooter> PackFooter::decode(ByteSpan bytes, std::uint64_t pack_size) {
    DR_CHECK(bytes.size() == kPackFooterSize);
    if (as_text(bytes.last(8)) != kFooterMagic) return damaged("a pack does not end as one");
    const ByteSpan covered = bytes.subspan(kPackHeaderSize, 116);
    if (WireReader{bytes.last(12)}.u32() != crc32c(covered)) {
        return damaged("the footer of a pack does not match its checksum");
    }
    if (pack_size > kMaxPackSize) return damaged("a pack is larger than packs may be");
    PackFooter footer;
    footer.header = DR_TRY(PackHeader::decode(bytes.first(kPackHeaderSize)));
    WireReader reader{covered};
    footer.frames_end = reader.u64();
    footer.directory_offset = reader.u64();
    const std::uint32_t directory_length = reader.u32();
    const std::uint32_t slice_size = reader.u32();
    const std::uint32_t slice_count = reader.u32();
    footer.frame_count = reader.u32();
    const std::uint64_t slice_table_offset = reader.u64();
    const std::uint64_t parity_offset = reader.u64();
    footer.parity_length = reader.u64();
    footer.id = reader.id<PackId>();
    if (!all_zero(reader.raw(28))) reader.fail("reserved bytes are not zero");
    DR_TRY(reader.finish("the footer of a pack"));

    // Bounded first, so that no sum below can overflow.
    if (footer.frames_end > pack_size || footer.parity_length > pack_size ||
        footer.directory_offset < kPackHeaderSize || footer.frames_end < kFrameOverhead ||
        footer.directory_offset > footer.frames_end - kFrameOverhead) {
        return damaged("the footer of a pack names a place outside of it");
    }
    if (footer.pack_size() != pack_size || directory_length != footer.directory_length() ||
        slice_size != footer.slice_size() || slice_count != footer.slice_count() ||
        slice_table_offset != footer.frames_end ||
        parity_offset != footer.frames_end + std::uint64_t{slice_count} * Sha256::kSize) {
        return damaged("the footer of a pack contradicts itself");
    }
    if (footer.frame_count > kMaxFramesInPack || directory_length > kMaxFramePlain + kFrameOverhead) {
        return damaged("a pack has more frames than packs may have");
    }
    return footer;
}

PackId pack_id_of(std::uint64_t frames_end, std::uint32_t slice_size, ByteSpan slice_hashes) {
    Bytes start;
    WireWriter writer{start};
    writer.raw(as_bytes("qnwis-dr/1/pack-id"));
    writer.u64(frames_end);
    writer.u32(slice_size);
    Sha256Stream hash;
    hash.update(start);
    hash.update(slice_hashes);
    return PackId::from(hash.finish().bytes());
}

void encode_directory_frame(FrameType type, std::uint32_t payload_length, std::uint32_t plain_length,
                            std::span<const DirectoryBlob> blobs, Bytes& out) {
    WireWriter writer{out};
    writer.u8(static_cast<std::uint8_t>(type));
    writer.varint(payload_length);
    writer.varint(plain_length);
    writer.varint(blobs.size());
    for (const DirectoryBlob& blob : blobs) {
        writer.u8(static_cast<std::uint8_t>(blob.type));
        writer.id(blob.id);
        writer.varint(blob.length);
    }
}

Result<std::vector<DirectoryFrame>> decode_directory(ByteSpan plain, const PackFooter& footer) {
    constexpr std::size_t kLeastSize = 4;
    WireReader reader{plain};
    std::vector<DirectoryFrame> frames(reader.count(kMaxFramesInPack, kLeastSize));
    if (frames.size() != footer.frame_count) reader.fail("it names another number of frames than the footer");
    std::uint64_t offset = kPackHeaderSize;
    for (DirectoryFrame& frame : frames) {
        if (!reader.ok()) break;
        frame = decode_directory_frame(reader, footer.header.pack_class);
        frame.offset = static_cast<std::uint32_t>(offset);
        offset += frame.length();
        if (offset > footer.directory_offset) reader.fail("its frames are longer than the pack");
    }
    if (offset != footer.directory_offset) reader.fail("its frames do not fill the pack");
    DR_TRY(reader.finish("the directory of a pack"));
    return frames;
}

std::string session_directory_name(std::uint64_t session) {
    std::string digits = std::to_string(session);
    return "packs/" + std::string(20 - digits.size(), '0') + digits;
}

std::string pack_object_name(std::uint64_t session, const PackId& id) {
    return session_directory_name(session) + "/" + id.hex();
}

std::string run_object_name(const PackId& id) { return "index/" + id.hex(); }

Result<PackId> pack_id_in_name(std::string_view object_name) {
    const std::size_t slash = object_name.rfind('/');
    Result<PackId> id = PackId::parse(slash == std::string_view::npos ? object_name : object_name.substr(slash + 1));
    if (!id.ok()) return damaged("'" + std::string{object_name} + "' is no name of a pack");
    return id;
}

std::optional<PackName> pack_in_name(std::string_view object_name) {
    const Result<PackId> id = pack_id_in_name(object_name);
    if (!id.ok()) return std::nullopt;
    PackName pack{0, id.value()};
    const std::string_view number = object_name.substr(std::min(object_name.size(), kPacks.size()));
    if (std::from_chars(number.data(), number.data() + number.size(), pack.session).ec != std::errc{})
        return std::nullopt;
    if (pack.object() != object_name) return std::nullopt;
    return pack;
}

}  // namespace dr
