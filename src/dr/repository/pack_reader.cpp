#include "dr/repository/pack_reader.h"

#include <algorithm>
#include <utility>

#include "dr/crypto/sha256.h"

namespace dr {
namespace {

constexpr std::uint64_t kLeastPackSize = kPackHeaderSize + kFrameOverhead + Sha256::kSize + kPackFooterSize;

Error damaged(std::string what) { return Error{ErrorCode::Damaged, std::move(what)}; }

std::string in_pack(std::string_view object) { return "reading pack '" + std::string{object} + "'"; }

Result<PackFooter> footer_of(ObjectStore& objects, std::string_view object) {
    const PackId id = DR_TRY(pack_id_in_name(object));
    const std::uint64_t size = DR_TRY(objects.size(object));
    if (size < kLeastPackSize) return damaged("a pack is shorter than packs are");
    std::array<std::uint8_t, kPackFooterSize> bytes;
    DR_TRY(objects.get_range(object, size - bytes.size(), bytes));
    PackFooter footer = DR_TRY(PackFooter::decode(bytes, size));
    if (footer.id != id) return damaged("a pack lies under the name of another");
    return footer;
}

// Whether the pack starts with the header that its footer repeats.
Result<void> check_header(ObjectStore& objects, std::string_view object, const PackFooter& footer) {
    std::array<std::uint8_t, kPackHeaderSize> header;
    DR_TRY(objects.get_range(object, 0, header));
    if (header != footer.header.encode()) return damaged("header and footer of a pack differ");
    return {};
}

Result<void> check_slices(ObjectStore& objects, std::string_view object, const PackFooter& footer, ByteSpan table) {
    // A multiple of every slice size, so that slices do not straddle reads.
    constexpr std::uint64_t kPiece = 1U << 20;
    const std::uint64_t piece_size = kPiece / footer.slice_size() * footer.slice_size();
    Buffer piece{kPiece};
    std::vector<ByteSpan> slices;
    std::vector<Sha256> hashes;
    for (std::uint64_t at = 0; at < footer.frames_end; at += piece_size) {
        const std::size_t size = static_cast<std::size_t>(std::min(piece_size, footer.frames_end - at));
        DR_TRY(objects.get_range(object, at, {piece.data(), size}));
        slices.clear();
        for (std::size_t i = 0; i < size; i += footer.slice_size()) {
            slices.emplace_back(piece.data() + i, std::min<std::size_t>(footer.slice_size(), size - i));
        }
        hashes.resize(slices.size());
        hash_many(slices, hashes);
        for (const Sha256& hash : hashes) {
            if (!equal(hash.bytes(), table.first(Sha256::kSize))) return damaged("a slice of a pack has changed");
            table = table.subspan(Sha256::kSize);
        }
    }
    return {};
}

Result<Bytes> read_slice_table(ObjectStore& objects, std::string_view object, const PackFooter& footer) {
    Bytes table(std::size_t{footer.slice_count()} * Sha256::kSize);
    DR_TRY(objects.get_range(object, footer.slice_table_offset(), table));
    if (pack_id_of(footer.frames_end, footer.slice_size(), table) != footer.id) {
        return damaged("the slice table of a pack is not what its name promises");
    }
    return table;
}

Result<PackContents> contents_of(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                 std::string_view object) {
    const PackFooter footer = DR_TRY(footer_of(objects, object));
    FrameCipher cipher = DR_TRY(FrameCipher::open(keys, footer.header));
    const FramePlain directory =
        DR_TRY(read_frame(objects, cipher, tools, object, footer.directory_offset, footer.directory_length()));
    if (directory.header.type != FrameType::Directory || directory.header.number != footer.frame_count) {
        return damaged("the directory of a pack is another frame");
    }
    std::vector<DirectoryFrame> frames = DR_TRY(decode_directory(directory.plain, footer));
    return PackContents{footer, std::move(cipher), std::move(frames)};
}

// Blobs waiting to be hashed together, so that both lanes of hash_many() are busy, and the frames that hold them.
class BlobCheck {
public:
    BlobCheck(const BlobNamer& namer, FrameBuffers& buffers) : namer_(namer), buffers_(buffers) {}

    Result<void> add(const DirectoryFrame& expected, FramePlain frame) {
        const std::vector<ByteSpan> blobs = DR_TRY(split_frame(expected.type, frame.plain));
        if (blobs.size() != expected.blobs.size())
            return damaged("a frame holds another number of blobs than the directory says");
        for (std::size_t i = 0; i < blobs.size(); ++i) {
            if (blobs[i].size() != expected.blobs[i].length)
                return damaged("a blob is not as long as the directory says");
            contents_.push_back(blobs[i]);
            expected_.push_back(&expected.blobs[i]);
        }
        held_ += frame.memory.capacity();
        frames_.push_back(std::move(frame));
        return held_ >= kBatch ? check() : Result<void>{};
    }

    Result<void> check() {
        std::vector<Sha256> hashes(contents_.size());
        hash_many(contents_, hashes);
        std::vector<BlobId> names(hashes.size());
        namer_.name_all(hashes, names, [this](std::size_t i) { return expected_[i]->type; });
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (names[i] != expected_[i]->id)
                return damaged("blob " + expected_[i]->id.short_hex() + " is not what its name says");
        }
        contents_.clear();
        expected_.clear();
        for (FramePlain& frame : frames_) buffers_.give(std::move(frame.memory));
        frames_.clear();
        held_ = 0;
        return {};
    }

private:
    static constexpr std::size_t kBatch = 2U << 20;

    const BlobNamer& namer_;
    FrameBuffers& buffers_;
    std::vector<ByteSpan> contents_;
    std::vector<const DirectoryBlob*> expected_;
    std::vector<FramePlain> frames_;
    std::size_t held_ = 0;
};

Result<PackVerified> verify_frames(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                   const PackContents& pack, std::string_view object) {
    PackVerified verified;
    BlobCheck check{keys.namer, tools.buffers};
    for (std::uint32_t i = 0; i < pack.frames.size(); ++i) {
        const DirectoryFrame& expected = pack.frames[i];
        FramePlain frame = DR_TRY(read_frame(objects, pack, tools, object, i));
        verified.bytes_read += expected.length();
        verified.plain_bytes += expected.plain_length;
        verified.blobs += expected.blobs.size();
        DR_TRY(check.add(expected, std::move(frame)));
    }
    DR_TRY(check.check());
    return verified;
}

}  // namespace

Result<PackFooter> read_pack_footer(ObjectStore& objects, std::string_view object) {
    Result<PackFooter> footer = footer_of(objects, object);
    if (!footer.ok()) return std::move(footer).error().during(in_pack(object));
    return footer;
}

Result<void> check_pack_slices(ObjectStore& objects, std::string_view object) {
    const auto check = [&]() -> Result<void> {
        const PackFooter footer = DR_TRY(footer_of(objects, object));
        DR_TRY(check_header(objects, object, footer));
        const Bytes table = DR_TRY(read_slice_table(objects, object, footer));
        return check_slices(objects, object, footer, table);
    };
    Result<void> checked = check();
    if (!checked.ok()) return std::move(checked).error().during(in_pack(object));
    return checked;
}

Result<FrameCipher> read_pack_cipher(ObjectStore& objects, const RepositoryKeys& keys, std::string_view object) {
    std::array<std::uint8_t, kPackHeaderSize> bytes;
    Result<void> read = objects.get_range(object, 0, bytes);
    if (!read.ok()) return std::move(read).error().during(in_pack(object));
    const Result<PackHeader> header = PackHeader::decode(bytes);
    if (!header.ok()) return Error{header.error()}.during(in_pack(object));
    Result<FrameCipher> cipher = FrameCipher::open(keys, header.value());
    if (!cipher.ok()) return std::move(cipher).error().during(in_pack(object));
    return cipher;
}

Result<PackContents> read_pack_contents(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                        std::string_view object) {
    Result<PackContents> contents = contents_of(objects, keys, tools, object);
    if (!contents.ok()) return std::move(contents).error().during(in_pack(object));
    return contents;
}

Result<PackContents> read_pack_contents(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                        const PackName& name) {
    const std::string object = name.object();
    PackContents contents = DR_TRY(read_pack_contents(objects, keys, tools, object));
    const PackHeader& header = contents.footer.header;
    const bool blobs = header.pack_class == PackClass::Data || header.pack_class == PackClass::Metadata;
    if (!blobs || header.session != name.session) {
        return damaged("a pack is of another class or session than its name says").during(in_pack(object));
    }
    return contents;
}

Result<FramePlain> read_frame(ObjectStore& objects, const FrameCipher& cipher, FrameTools& tools,
                              std::string_view object, std::uint64_t offset, std::uint32_t length) {
    if (length < kFrameOverhead || length > kFrameOverhead + kMaxFramePlain) {
        return damaged("a frame is of a length that none has").during(in_pack(object));
    }
    Buffer frame = tools.buffers.take(length);
    frame.set_size(length);
    Result<void> read = objects.get_range(object, offset, {frame.data(), frame.size()});
    if (!read.ok()) return std::move(read).error().during(in_pack(object));
    const auto opener = tools.openers.lend();
    Result<FramePlain> opened = open_frame(cipher, *opener, tools.buffers, std::move(frame));
    if (!opened.ok()) return std::move(opened).error().during(in_pack(object));
    return opened;
}

Result<FramePlain> read_frame(ObjectStore& objects, const PackContents& pack, FrameTools& tools,
                              std::string_view object, std::uint32_t number) {
    DR_CHECK(number < pack.frames.size());
    const DirectoryFrame& expected = pack.frames[number];
    FramePlain frame = DR_TRY(read_frame(objects, pack.cipher, tools, object, expected.offset, expected.length()));
    if (frame.header.number != number || frame.header.type != expected.type ||
        frame.header.plain_length != expected.plain_length) {
        return damaged("a frame is not the one that the directory names").during(in_pack(object));
    }
    return frame;
}

Result<PackVerified> verify_pack(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                 const PackName& name) {
    const std::string object = name.object();
    const PackContents pack = DR_TRY(read_pack_contents(objects, keys, tools, name));
    // Of header and slice table no frame is made; the rest of the pack opens below or did above.
    Result<void> header = check_header(objects, object, pack.footer);
    if (!header.ok()) return std::move(header).error().during(in_pack(object));
    Result<Bytes> table = read_slice_table(objects, object, pack.footer);
    if (!table.ok()) return std::move(table).error().during(in_pack(object));
    Result<PackVerified> verified = verify_frames(objects, keys, tools, pack, object);
    if (!verified.ok()) return std::move(verified).error().during(in_pack(object));
    verified.value().bytes_read +=
        kPackHeaderSize + pack.footer.directory_length() + table.value().size() + kPackFooterSize;
    return verified;
}

}  // namespace dr
