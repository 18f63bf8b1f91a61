#include "dr/repository/frame.h"

#include <algorithm>
#include <utility>

#include "dr/codec/wire.h"
#include "dr/codec/xxh.h"
#include "dr/crypto/sha256.h"

namespace dr {
namespace {

PackIdentity identity_of(const PackHeader& header) {
    return {.salt = header.salt,
            .repository = header.repository,
            .session = header.session,
            .sequence = header.sequence,
            .pack_class = static_cast<std::uint8_t>(header.pack_class),
            .clock_seconds = header.clock_seconds};
}

// What stands for a seal where there is no encryption: it tells accidents, not adversaries.
std::array<std::uint8_t, AesGcm::kTagSize> plain_tag(ByteSpan pack_header, ByteSpan frame_header, ByteSpan packed) {
    Sha256Stream hash;
    hash.update(pack_header);
    hash.update(frame_header);
    hash.update(packed);
    std::array<std::uint8_t, AesGcm::kTagSize> tag;
    std::copy_n(hash.finish().array().begin(), tag.size(), tag.begin());
    return tag;
}

FrameSalt plain_frame_salt(std::initializer_list<ByteSpan> input) {
    constexpr std::array<std::uint8_t, 32> kNoKey{};
    const Mac32 mac = HmacKey{kNoKey}.mac(input);
    FrameSalt fs;
    std::copy_n(mac.begin(), fs.size(), fs.begin());
    return fs;
}

Error damaged(std::string what) { return Error{ErrorCode::Damaged, std::move(what)}; }

}  // namespace

FrameCipher FrameCipher::create(SessionKeys& keys, PackClass pack_class) {
    PackHeader header = keys.next_header(pack_class);
    if (!header.encrypted) return FrameCipher{header};
    PackKeys pack_keys = PackKeys::derive(keys.dek(pack_class), identity_of(header));
    header.commitment = pack_keys.commitment();
    FrameCipher cipher{header};
    cipher.keys_ = std::move(pack_keys);
    return cipher;
}

Result<FrameCipher> FrameCipher::open(const RepositoryKeys& keys, const PackHeader& header) {
    if (header.repository != keys.repository) return damaged("a pack belongs to another repository");
    if (header.encrypted != keys.encrypted) {
        return damaged(keys.encrypted ? "a pack is not encrypted, but its repository is"
                                      : "a pack is encrypted, but its repository is not");
    }
    FrameCipher cipher{header};
    if (!header.encrypted) return cipher;
    const auto epoch = keys.epochs.find(header.epoch);
    if (epoch == keys.epochs.end()) {
        return Error{ErrorCode::WrongKey, "a pack is sealed under epoch " + std::to_string(header.epoch) +
                                              ", which the key ring does not have"};
    }
    Result<Key32> dek = unwrap_dek(epoch->second, header.wrapped_dek);
    // The ring was opened, so the key is right and what it wrapped has changed.
    if (!dek.ok()) return damaged("the key in the header of a pack does not unwrap");
    cipher.keys_ = PackKeys::derive(dek.value(), identity_of(header));
    if (!equal_in_constant_time(cipher.keys_->commitment(), header.commitment)) {
        return damaged("the header of a pack does not match its key");
    }
    return cipher;
}

void FrameCipher::seal(AesGcm& gcm, const FrameSpec& spec, ByteSpan packed, std::uint8_t* out) const {
    DR_CHECK(packed.size() <= kMaxFramePlain && spec.plain_length <= kMaxFramePlain);
    DR_CHECK(spec.number <= kMaxFramesInPack);
    std::array<std::uint8_t, 5> codec;
    std::memcpy(codec.data(), &spec.codec_build, 4);
    codec[4] = static_cast<std::uint8_t>(spec.codec);

    FrameHeader header{.payload_length = static_cast<std::uint32_t>(packed.size()),
                       .number = spec.number,
                       .type = spec.type,
                       .codec = spec.codec,
                       .plain_length = spec.plain_length};
    // All that is sealed or authenticated decides the key, so that no (key, nonce) pair ever meets two messages or two
    // AADs. Blob ids stand for their content; a frame that has none is hashed itself, by a function that an adversary
    // cannot find collisions of.
    const auto undecided = header.encode();  // fs still zero
    const auto quick = xxh3_128(packed);
    const Sha256 thorough = spec.blobs.empty() ? sha256(packed) : Sha256{};
    const ByteSpan fingerprint = spec.blobs.empty() ? thorough.bytes() : ByteSpan{quick};
    const std::initializer_list<ByteSpan> material = {
        header_bytes_, ByteSpan{undecided}.first(kFrameHeaderSize - sizeof(FrameSalt)), spec.blobs, codec, fingerprint};
    header.fs = keys_ ? keys_->frame_salt(material) : plain_frame_salt(material);
    const auto header_bytes = header.encode();
    std::uint8_t* const payload = out + kFrameHeaderSize;
    std::uint8_t* const tag = payload + packed.size();
    if (keys_) {
        const FrameKey key = keys_->frame_key(spec.number, header.fs);
        gcm.set_key(key.key);
        gcm.seal(key.nonce, {header_bytes_, header_bytes}, packed, payload, tag);
    } else {
        std::ranges::copy(plain_tag(header_bytes_, header_bytes, packed), tag);
        if (packed.data() != payload && !packed.empty()) std::memcpy(payload, packed.data(), packed.size());
    }
    // Last: until here `packed` may have been anywhere before the payload.
    std::ranges::copy(header_bytes, out);
}

Result<FrameHeader> FrameCipher::unseal(AesGcm& gcm, MutableByteSpan frame) const {
    if (frame.size() < kFrameOverhead) return damaged("a frame is shorter than frames are");
    const ByteSpan header_bytes = frame.first(kFrameHeaderSize);
    const FrameHeader header = DR_TRY(FrameHeader::decode(header_bytes));
    if (header.payload_length != frame.size() - kFrameOverhead) return damaged("a frame is not as long as it says");
    const MutableByteSpan payload = frame.subspan(kFrameHeaderSize, header.payload_length);
    const ByteSpan tag = frame.last(AesGcm::kTagSize);
    if (keys_) {
        const FrameKey key = keys_->frame_key(header.number, header.fs);
        gcm.set_key(key.key);
        DR_TRY(gcm.unseal(key.nonce, {header_bytes_, header_bytes}, payload, tag, payload.data()));
    } else if (!equal(plain_tag(header_bytes_, header_bytes, payload), tag)) {
        return damaged("a frame does not match its checksum");
    }
    return header;
}

Result<FramePlain> open_frame(const FrameCipher& cipher, FrameOpener& opener, FrameBuffers& buffers, Buffer frame) {
    FramePlain opened;
    opened.header = DR_TRY(cipher.unseal(opener.gcm, {frame.data(), frame.size()}));
    const ByteSpan packed = frame.bytes().subspan(kFrameHeaderSize, opened.header.payload_length);
    if (opened.header.codec == FrameCodec::Stored) {
        opened.memory = std::move(frame);
        opened.plain = packed;
        return opened;
    }
    opened.memory = buffers.take(opened.header.plain_length);
    opened.memory.set_size(opened.header.plain_length);
    DR_TRY(opener.decompressor.decompress(packed, {opened.memory.data(), opened.memory.size()}));
    opened.plain = opened.memory.bytes();
    buffers.give(std::move(frame));
    return opened;
}

Result<std::vector<ByteSpan>> split_frame(FrameType type, ByteSpan plain) {
    if (type == FrameType::Blob) {
        if (plain.empty()) return damaged("a frame is empty");
        return std::vector<ByteSpan>{plain};
    }
    if (type != FrameType::Solid) return damaged("a frame holds no blobs");
    WireReader reader{plain};
    std::vector<ByteSpan> blobs(reader.count(kMaxBlobsInFrame));
    std::vector<std::uint32_t> lengths(blobs.size());
    for (std::uint32_t& length : lengths) {
        length = static_cast<std::uint32_t>(reader.varint(kMaxBlob));
        if (length == 0) reader.fail("a blob is empty");
        if (!reader.ok()) break;
    }
    for (std::size_t i = 0; i < blobs.size() && reader.ok(); ++i) blobs[i] = reader.raw(lengths[i]);
    if (blobs.empty()) reader.fail("it has no blobs");
    DR_TRY(reader.finish("a frame of blobs"));
    return blobs;
}

}  // namespace dr
