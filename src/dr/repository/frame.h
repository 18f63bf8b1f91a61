#pragma once
// Frames: the unit of compression and encryption (FORMAT 5). A FrameCipher seals and opens the frames of one pack.
//
// What always holds: a frame that opens is byte for byte what somebody with the repository's keys sealed, under that
// number, type and lengths, in that pack. Without encryption only accidents are noticed.

#include <cstdint>
#include <optional>
#include <vector>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/codec/compress.h"
#include "dr/crypto/aead.h"
#include "dr/repository/frame_buffers.h"
#include "dr/repository/pack_format.h"
#include "dr/repository/pack_keys.h"

namespace dr {

// What a thread needs to open frames; not thread-safe.
struct FrameOpener {
    AesGcm gcm;
    Decompressor decompressor;
};

// What a frame is made of, for its header and its key.
struct FrameSpec {
    std::uint32_t number = 0;
    FrameType type = FrameType::Blob;
    FrameCodec codec = FrameCodec::Stored;
    std::uint32_t plain_length = 0;
    ByteSpan blobs = {};  // for each blob: id ‖ u32 length
    std::uint32_t codec_build = 0;
};

class FrameCipher {
public:
    // For a new pack of the session; takes the session's next header.
    static FrameCipher create(SessionKeys& keys, PackClass pack_class);

    // For a pack that lies there. Fails with Damaged where it is of another repository or its encryption is not the
    // repository's, and with WrongKey where the ring has not its key.
    static Result<FrameCipher> open(const RepositoryKeys& keys, const PackHeader& header);

    const PackHeader& header() const { return header_; }
    ByteSpan header_bytes() const { return header_bytes_; }

    // Writes frame header, payload and tag, kFrameOverhead + packed.size() bytes, to `out`. `packed` may lie where the
    // payload will, but not overlap it otherwise. Const and thread-safe, with one AesGcm per thread.
    void seal(AesGcm& gcm, const FrameSpec& spec, ByteSpan packed, std::uint8_t* out) const;

    // Opens the payload of `frame`, header to tag, in place, and returns the header. Damaged unless it is intact.
    Result<FrameHeader> unseal(AesGcm& gcm, MutableByteSpan frame) const;

private:
    explicit FrameCipher(const PackHeader& header) : header_(header), header_bytes_(header.encode()) {}

    PackHeader header_;
    std::array<std::uint8_t, kPackHeaderSize> header_bytes_;
    std::optional<PackKeys> keys_;  // none without encryption
};

// A frame's plaintext and the memory that it lies in.
struct FramePlain {
    FrameHeader header;
    Buffer memory;
    ByteSpan plain;
};

// Opens `frame`, header to tag, whose memory it takes: a stored frame stays where it is, another is inflated into a
// buffer of `buffers`, to which the old one goes. Damaged unless header, lengths, seal and compression are all right.
Result<FramePlain> open_frame(const FrameCipher& cipher, FrameOpener& opener, FrameBuffers& buffers, Buffer frame);

// The blobs of a frame of type Blob or Solid, by ordinal; spans into `plain`. Damaged where the lengths do not add up.
Result<std::vector<ByteSpan>> split_frame(FrameType type, ByteSpan plain);

}  // namespace dr
