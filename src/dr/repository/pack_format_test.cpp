#include "dr/repository/pack_format.h"

#include <gtest/gtest.h>

#include "dr/codec/crc32c.h"

namespace dr {
namespace {

PackHeader sample_header() {
    PackHeader header;
    header.pack_class = PackClass::Metadata;
    header.sequence = 0x01020304;
    header.session = 0x1112131415161718;
    header.epoch = 3;
    header.clock_seconds = 0x65666768;
    header.repository = RepositoryId::from(Bytes(32, 0xaa));
    header.salt.fill(0xbb);
    header.wrapped_dek.fill(0xcc);
    header.commitment.fill(0xdd);
    return header;
}

template <typename T, typename Bytes>
T at(const Bytes& bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

// The offsets of FORMAT 5, one by one: whoever moves a field breaks every repository there is.
TEST(PackHeader, LiesAtTheOffsetsOfTheFormat) {
    const auto bytes = sample_header().encode();
    EXPECT_EQ(as_text(ByteSpan{bytes}.first(8)), "QNWSPACK");
    EXPECT_EQ(at<std::uint16_t>(bytes, 8), 1);
    EXPECT_EQ(bytes[10], 2);
    EXPECT_EQ(bytes[11], 1);
    EXPECT_EQ(at<std::uint32_t>(bytes, 12), 0x01020304U);
    EXPECT_EQ(at<std::uint64_t>(bytes, 16), 0x1112131415161718U);
    EXPECT_EQ(at<std::uint32_t>(bytes, 24), 3U);
    EXPECT_EQ(at<std::uint32_t>(bytes, 28), 0x65666768U);
    EXPECT_EQ(bytes[32], 0xaa);
    EXPECT_EQ(bytes[63], 0xaa);
    EXPECT_EQ(bytes[64], 0xbb);
    EXPECT_EQ(bytes[79], 0xbb);
    EXPECT_EQ(bytes[80], 0xcc);
    EXPECT_EQ(bytes[119], 0xcc);
    EXPECT_EQ(bytes[120], 0xdd);
    EXPECT_EQ(bytes[151], 0xdd);
    for (std::size_t i = 152; i < 252; ++i) EXPECT_EQ(bytes[i], 0) << i;
    EXPECT_EQ(at<std::uint32_t>(bytes, 252), crc32c(ByteSpan{bytes}.first(252)));
}

TEST(PackHeader, ComesBackAsItWasWritten) {
    EXPECT_EQ(PackHeader::decode(sample_header().encode()).value(), sample_header());
}

TEST(PackHeader, WithAnyByteChangedIsRefused) {
    const auto good = sample_header().encode();
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto bad = good;
        bad[i] ^= 0x40;
        EXPECT_FALSE(PackHeader::decode(bad).ok()) << i;
    }
}

// A checksum protects against accidents; here the hand that changes the byte also mends the checksum.
Result<PackHeader> decode_with(std::size_t offset, std::uint8_t value, PackHeader header = sample_header()) {
    auto bytes = header.encode();
    bytes[offset] = value;
    const std::uint32_t crc = crc32c(ByteSpan{bytes}.first(252));
    std::memcpy(bytes.data() + 252, &crc, sizeof crc);
    return PackHeader::decode(bytes);
}

TEST(PackHeader, WithValuesThatDoNotExistIsRefused) {
    EXPECT_EQ(decode_with(8, 2).error().code(), ErrorCode::Unsupported);
    EXPECT_EQ(decode_with(10, 0).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(decode_with(10, 5).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(decode_with(11, 2).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(decode_with(152, 1).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(decode_with(251, 1).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(decode_with(11, 0).error().code(), ErrorCode::Damaged) << "no encryption, but keys";
}

TEST(FrameHeader, LiesAtTheOffsetsOfTheFormat) {
    FrameHeader header{.payload_length = 0x00010203,
                       .number = 0x00020406,
                       .type = FrameType::Solid,
                       .codec = FrameCodec::Zstd,
                       .plain_length = 0x00040506};
    header.fs.fill(0xee);
    const auto bytes = header.encode();
    EXPECT_EQ(as_text(ByteSpan{bytes}.first(4)), "QFRM");
    EXPECT_EQ(at<std::uint32_t>(bytes, 4), 0x00010203U);
    EXPECT_EQ(at<std::uint32_t>(bytes, 8), 0x00020406U);
    EXPECT_EQ(bytes[12], 2);
    EXPECT_EQ(bytes[13], 1);
    EXPECT_EQ(at<std::uint16_t>(bytes, 14), 0);
    EXPECT_EQ(at<std::uint32_t>(bytes, 16), 0x00040506U);
    EXPECT_EQ(bytes[20], 0xee);
    EXPECT_EQ(bytes[35], 0xee);
    const FrameHeader again = FrameHeader::decode(bytes).value();
    EXPECT_EQ(again.encode(), bytes);
}

TEST(FrameHeader, WithValuesThatDoNotExistIsRefused) {
    const FrameHeader good{
        .payload_length = 10, .type = FrameType::Blob, .codec = FrameCodec::Zstd, .plain_length = 20};
    ASSERT_TRUE(FrameHeader::decode(good.encode()).ok());
    const auto refused = [](const FrameHeader& header) { return !FrameHeader::decode(header.encode()).ok(); };
    FrameHeader bad = good;
    bad.payload_length = kMaxFramePlain + 1;
    EXPECT_TRUE(refused(bad));
    bad = good;
    bad.plain_length = kMaxFramePlain + 1;
    EXPECT_TRUE(refused(bad));
    bad = good;
    bad.codec = FrameCodec::Stored;
    EXPECT_TRUE(refused(bad)) << "stored, but of another length";
    bad = good;
    bad.number = kMaxFramesInPack + 1;
    EXPECT_TRUE(refused(bad));
    for (const std::size_t offset : {0U, 14U, 15U}) {
        auto bytes = good.encode();
        bytes[offset] ^= 1;
        EXPECT_FALSE(FrameHeader::decode(bytes).ok()) << offset;
    }
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 9, 255}) {
        auto bytes = good.encode();
        bytes[12] = type;
        EXPECT_FALSE(FrameHeader::decode(bytes).ok());
    }
    auto bytes = good.encode();
    bytes[13] = 2;
    EXPECT_FALSE(FrameHeader::decode(bytes).ok());
}

TEST(Slices, AreASixtyFourthOfThePackWithinBounds) {
    EXPECT_EQ(slice_size_of(300), 512U);
    EXPECT_EQ(slice_size_of(64 * 512), 512U);
    EXPECT_EQ(slice_size_of(64 * 512 + 1), 1024U);
    EXPECT_EQ(slice_size_of(4U << 20), 65536U);
    EXPECT_EQ(slice_size_of(16U << 20), 65536U);
}

PackFooter sample_footer() {
    PackFooter footer;
    footer.header = sample_header();
    footer.directory_offset = 1256;
    footer.frames_end = 2000;
    footer.frame_count = 2;
    footer.id = PackId::from(Bytes(32, 0x77));
    return footer;
}

TEST(PackFooter, LiesAtTheOffsetsOfTheFormat) {
    const auto bytes = sample_footer().encode();
    const auto header = sample_header().encode();
    EXPECT_TRUE(equal(ByteSpan{bytes}.first(256), header));
    EXPECT_EQ(at<std::uint64_t>(bytes, 256), 2000U);
    EXPECT_EQ(at<std::uint64_t>(bytes, 264), 1256U);
    EXPECT_EQ(at<std::uint32_t>(bytes, 272), 744U);
    EXPECT_EQ(at<std::uint32_t>(bytes, 276), 512U);
    EXPECT_EQ(at<std::uint32_t>(bytes, 280), 4U);
    EXPECT_EQ(at<std::uint32_t>(bytes, 284), 2U);
    EXPECT_EQ(at<std::uint64_t>(bytes, 288), 2000U);
    EXPECT_EQ(at<std::uint64_t>(bytes, 296), 2000U + 4 * 32);
    EXPECT_EQ(at<std::uint64_t>(bytes, 304), 0U);
    EXPECT_EQ(bytes[312], 0x77);
    EXPECT_EQ(bytes[343], 0x77);
    for (std::size_t i = 344; i < 372; ++i) EXPECT_EQ(bytes[i], 0) << i;
    EXPECT_EQ(at<std::uint32_t>(bytes, 372), crc32c(ByteSpan{bytes}.subspan(256, 116)));
    EXPECT_EQ(as_text(ByteSpan{bytes}.last(8)), "QNWSPEND");
}

constexpr std::uint64_t kSampleSize = 2000 + 4 * 32 + 384;

TEST(PackFooter, ComesBackAsItWasWritten) {
    const PackFooter footer = PackFooter::decode(sample_footer().encode(), kSampleSize).value();
    EXPECT_EQ(footer.encode(), sample_footer().encode());
    EXPECT_EQ(footer.pack_size(), kSampleSize);
}

TEST(PackFooter, LeavesRoomForParity) {
    PackFooter with_parity = sample_footer();
    with_parity.parity_length = 1000;
    EXPECT_TRUE(PackFooter::decode(with_parity.encode(), kSampleSize + 1000).ok());
    EXPECT_FALSE(PackFooter::decode(with_parity.encode(), kSampleSize).ok());
}

TEST(PackFooter, WithAnyByteChangedIsRefused) {
    const auto good = sample_footer().encode();
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto bad = good;
        bad[i] ^= 0x20;
        EXPECT_FALSE(PackFooter::decode(bad, kSampleSize).ok()) << i;
    }
}

TEST(PackFooter, ThatContradictsItselfIsRefusedThoughItsChecksumIsRight) {
    const auto good = sample_footer().encode();
    for (std::size_t offset = 256; offset < 372; ++offset) {
        // The id is compared with the name of the object, and the number of frames with the directory.
        if ((offset >= 312 && offset < 344) || (offset >= 284 && offset < 287)) continue;
        auto bad = good;
        bad[offset] ^= 0x81;
        const std::uint32_t crc = crc32c(ByteSpan{bad}.subspan(256, 116));
        std::memcpy(bad.data() + 372, &crc, sizeof crc);
        EXPECT_EQ(PackFooter::decode(bad, kSampleSize).error().code(), ErrorCode::Damaged) << offset;
    }
    EXPECT_FALSE(PackFooter::decode(good, kSampleSize + 1).ok());
    EXPECT_FALSE(PackFooter::decode(good, kMaxPackSize + 1).ok());
}

TEST(PackName, SaysSessionAndId) {
    const PackId id = PackId::from(Bytes(32, 0x5a));
    const std::string name = pack_object_name(7, id);
    EXPECT_EQ(name, "packs/00000000000000000007/" + id.hex());
    EXPECT_EQ(pack_id_in_name(name).value(), id);
    EXPECT_EQ(pack_id_in_name(run_object_name(id)).value(), id);
    EXPECT_EQ(pack_id_in_name("packs/7/xyz").error().code(), ErrorCode::Damaged);
}

// --- the directory

struct DirectorySample {
    PackFooter footer;
    Bytes plain;
};

DirectorySample sample_directory(PackClass pack_class = PackClass::Data, BlobType blob_type = BlobType::Data) {
    DirectorySample sample;
    sample.footer.header.pack_class = pack_class;
    sample.footer.frame_count = 2;
    sample.plain.push_back(2);
    const DirectoryBlob one{blob_type, BlobId::from(Bytes(32, 1)), 100};
    const DirectoryBlob two[] = {{blob_type, BlobId::from(Bytes(32, 2)), 30},
                                 {blob_type, BlobId::from(Bytes(32, 3)), 40}};
    encode_directory_frame(FrameType::Blob, 80, 100, {&one, 1}, sample.plain);
    encode_directory_frame(FrameType::Solid, 73, 73, two, sample.plain);
    sample.footer.directory_offset = kPackHeaderSize + 80 + 73 + 2 * kFrameOverhead;
    sample.footer.frames_end = sample.footer.directory_offset + kFrameOverhead + sample.plain.size();
    return sample;
}

TEST(PackDirectory, SaysWhereFramesAndBlobsLie) {
    const DirectorySample sample = sample_directory();
    const auto frames = decode_directory(sample.plain, sample.footer).value();
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].offset, 256U);
    EXPECT_EQ(frames[0].length(), 80 + kFrameOverhead);
    EXPECT_EQ(frames[1].offset, 256 + 80 + kFrameOverhead);
    EXPECT_EQ(frames[1].blobs[1].id, BlobId::from(Bytes(32, 3)));
    EXPECT_EQ(frames[1].blobs[1].length, 40U);
}

TEST(PackDirectory, ThatDoesNotFillThePackIsRefused) {
    DirectorySample sample = sample_directory();
    ++sample.footer.directory_offset;
    EXPECT_FALSE(decode_directory(sample.plain, sample.footer).ok());
    sample.footer.directory_offset -= 2;
    EXPECT_FALSE(decode_directory(sample.plain, sample.footer).ok());
    sample = sample_directory();
    sample.footer.frame_count = 3;
    EXPECT_FALSE(decode_directory(sample.plain, sample.footer).ok());
}

TEST(PackDirectory, CutShortAnywhereIsRefused) {
    const DirectorySample sample = sample_directory();
    for (std::size_t size = 0; size < sample.plain.size(); ++size) {
        EXPECT_FALSE(decode_directory(ByteSpan{sample.plain}.first(size), sample.footer).ok()) << size;
    }
    Bytes longer = sample.plain;
    longer.push_back(0);
    EXPECT_FALSE(decode_directory(longer, sample.footer).ok());
}

TEST(PackDirectory, HoldsOnlyBlobsOfThePacksClass) {
    EXPECT_TRUE(decode_directory(sample_directory(PackClass::Metadata, BlobType::Tree).plain,
                                 sample_directory(PackClass::Metadata, BlobType::Tree).footer)
                    .ok());
    const DirectorySample tree_in_data = sample_directory(PackClass::Data, BlobType::Tree);
    EXPECT_FALSE(decode_directory(tree_in_data.plain, tree_in_data.footer).ok());
    const DirectorySample data_in_metadata = sample_directory(PackClass::Metadata, BlobType::Data);
    EXPECT_FALSE(decode_directory(data_in_metadata.plain, data_in_metadata.footer).ok());
    const DirectorySample blobs_in_index = sample_directory(PackClass::IndexRun, BlobType::Data);
    EXPECT_FALSE(decode_directory(blobs_in_index.plain, blobs_in_index.footer).ok());
}

// The count comes first, and memory is taken for so many frames: it must be no more than the bytes can hold.
TEST(PackDirectory, WithAHugeCountIsRefusedBeforeMemoryIsTaken) {
    const Bytes huge = {0xff, 0xff, 0x3f, 1, 2, 3};
    PackFooter footer;
    footer.frame_count = 0xfffff;
    EXPECT_EQ(decode_directory(huge, footer).error().code(), ErrorCode::Damaged);
}

}  // namespace
}  // namespace dr
