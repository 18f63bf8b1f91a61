#include "dr/repository/pack_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "dr/codec/wire.h"
#include "dr/crypto/sha256.h"

namespace dr {
namespace {

std::vector<Sha256> hash_slices(ByteSpan bytes, std::size_t slice_size) {
    std::vector<ByteSpan> slices;
    for (ByteSpan rest = bytes; !rest.empty();) {
        slices.push_back(rest.first(std::min(slice_size, rest.size())));
        rest = rest.subspan(slices.back().size());
    }
    std::vector<Sha256> hashes(slices.size());
    hash_many(slices, hashes);
    return hashes;
}

}  // namespace

PackWriter::PackWriter(SessionKeys& keys, PackClass pack_class, Buffer memory, std::size_t limit)
    : cipher_(FrameCipher::create(keys, pack_class)),
      memory_(std::move(memory)),
      limit_(limit),
      size_(kPackHeaderSize) {
    DR_CHECK(memory_.capacity() >= limit_ && limit_ >= size_of_one(0, 0));
    std::ranges::copy(cipher_.header_bytes(), memory_.data());
}

std::size_t PackWriter::size_of_one(std::size_t packed_size, std::size_t entry_size) {
    return kPackHeaderSize + kFrameOverhead + packed_size + kFrameOverhead + kMaxVarintSize + entry_size;
}

bool PackWriter::fits(std::size_t packed_size, std::size_t entry_size) const {
    const std::size_t directory = kFrameOverhead + kMaxVarintSize + entries_.size() + entry_size;
    return frame_count_ < kMaxFramesInPack && size_ + kFrameOverhead + packed_size + directory <= limit_ &&
           directory <= kMaxFramePlain;
}

PackWriter::Place PackWriter::reserve(std::size_t packed_size, ByteSpan entry) {
    DR_CHECK(fits(packed_size, entry.size()));
    const Place place{.number = frame_count_,
                      .offset = static_cast<std::uint32_t>(size_),
                      .length = static_cast<std::uint32_t>(packed_size + kFrameOverhead)};
    ++frame_count_;
    size_ += place.length;
    append(entries_, entry);
    return place;
}

void PackWriter::seal(AesGcm& gcm, const Place& place, FrameSpec spec, ByteSpan packed) {
    DR_CHECK(place.length == packed.size() + kFrameOverhead);
    spec.number = place.number;
    cipher_.seal(gcm, spec, packed, memory_.data() + place.offset);
}

FinishedPack PackWriter::finish(AesGcm& gcm) {
    Bytes directory;
    directory.reserve(entries_.size() + kMaxVarintSize);
    WireWriter{directory}.varint(frame_count_);
    append(directory, entries_);
    PackFooter footer;
    footer.header = cipher_.header();
    footer.directory_offset = size_;
    footer.frame_count = frame_count_;
    // Stored: ids do not compress, and so the size of a pack is known before it is sealed.
    const FrameSpec spec{.number = frame_count_,
                         .type = FrameType::Directory,
                         .plain_length = static_cast<std::uint32_t>(directory.size())};
    cipher_.seal(gcm, spec, directory, memory_.data() + size_);
    size_ += directory.size() + kFrameOverhead;
    footer.frames_end = size_;

    FinishedPack pack;
    pack.frames = ByteSpan{memory_.data(), size_};
    for (const Sha256& hash : hash_slices(pack.frames, footer.slice_size())) append(pack.trailer, hash.bytes());
    footer.id = pack_id_of(footer.frames_end, footer.slice_size(), pack.trailer);
    append(pack.trailer, footer.encode());
    pack.id = footer.id;
    return pack;
}

Result<void> put_pack(ObjectStore& store, std::string_view name, const FinishedPack& pack, Durability durability) {
    const ByteSpan parts[] = {pack.frames, pack.trailer};
    Result<void> put = store.put_new(name, parts, durability);
    if (put.ok() || put.error().code() != ErrorCode::AlreadyExists) return put;
    // Only the same bytes have this name, unless what lies there is damaged: then a new backup must not rest on it.
    const Bytes there = DR_TRY(store.get(name, kMaxPackSize));
    const bool same = there.size() == pack.size() && equal(ByteSpan{there}.first(pack.frames.size()), pack.frames) &&
                      equal(ByteSpan{there}.subspan(pack.frames.size()), pack.trailer);
    if (!same) return Error{ErrorCode::Damaged, "'" + std::string{name} + "' is there already and is damaged"};
    // Whoever put it may not have made it durable. "Later" promises that for the next sync(), whoever put it.
    return durability == Durability::Now ? store.sync() : Result<void>{};
}

Result<Bytes> seal_record_body(SessionKeys& keys, ByteSpan plain, int compression) {
    if (plain.empty() || plain.size() > kMaxFramePlain) {
        return Error{ErrorCode::BadRequest, "the body of a record has 1 byte to 16 MiB"};
    }
    const FrameCipher cipher = FrameCipher::create(keys, PackClass::RecordBody);
    Bytes packed(plain.size() - 1);
    const int level = level_for(plain, compression);
    const Result<std::size_t> size = level != kNoCompression ? Compressor{level}.compress(plain, packed) : 0;
    const bool smaller = size.ok() && size.value() > 0;
    const ByteSpan payload = smaller ? ByteSpan{packed}.first(size.value()) : plain;
    const FrameSpec spec{.type = FrameType::RecordBody,
                         .codec = smaller ? FrameCodec::Zstd : FrameCodec::Stored,
                         .plain_length = static_cast<std::uint32_t>(plain.size()),
                         .codec_build = smaller ? codec_build(level) : 0};
    Bytes body(kPackHeaderSize + payload.size() + kFrameOverhead);
    std::ranges::copy(cipher.header_bytes(), body.begin());
    AesGcm gcm;
    cipher.seal(gcm, spec, payload, body.data() + kPackHeaderSize);
    return body;
}

Result<Bytes> open_record_body(const RepositoryKeys& keys, std::uint64_t session, ByteSpan body,
                               std::size_t plain_limit) {
    if (body.size() < kPackHeaderSize + kFrameOverhead ||
        body.size() > kPackHeaderSize + kFrameOverhead + kMaxFramePlain) {
        return Error{ErrorCode::Damaged, "the body of a record is of a length that none has"};
    }
    const PackHeader header = DR_TRY(PackHeader::decode(body.first(kPackHeaderSize)));
    if (header.pack_class != PackClass::RecordBody || header.session != session) {
        return Error{ErrorCode::Damaged, "the body of a record belongs elsewhere"};
    }
    const FrameCipher cipher = DR_TRY(FrameCipher::open(keys, header));
    const ByteSpan frame_bytes = body.subspan(kPackHeaderSize);
    const FrameHeader frame_header = DR_TRY(FrameHeader::decode(frame_bytes.first(kFrameHeaderSize)));
    if (frame_header.type != FrameType::RecordBody || frame_header.number != 0 ||
        frame_header.plain_length > plain_limit) {
        return Error{ErrorCode::Damaged, "the body of a record is no frame of one"};
    }
    Buffer frame{frame_bytes.size()};
    frame.add(frame_bytes);
    FrameOpener opener;
    FrameBuffers buffers{0};
    const FramePlain opened = DR_TRY(open_frame(cipher, opener, buffers, std::move(frame)));
    return Bytes(opened.plain.begin(), opened.plain.end());
}

}  // namespace dr
