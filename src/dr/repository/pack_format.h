#pragma once
// The bytes of a pack (FORMAT 5): header, frame headers, directory, slice table, footer. Pure functions on bytes.
//
// What decode() returns was checked against every limit of FORMAT 13 and against itself, but proves nothing yet: only
// an opened frame does. Everything that fails to decode is Damaged, or Unsupported for a newer version.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dr/base/bytes.h"
#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/crypto/frame_keys.h"
#include "dr/repository/blob.h"

namespace dr {

enum class PackClass : std::uint8_t { Data = 1, Metadata = 2, IndexRun = 3, RecordBody = 4 };

enum class FrameType : std::uint8_t {
    Blob = 1,
    Solid = 2,
    Directory = 3,
    IndexRows = 4,
    IndexTail = 5,
    IndexFilter = 6,
    RecordBody = 7,
    IndexPacks = 8,
};

enum class FrameCodec : std::uint8_t { Stored = 0, Zstd = 1 };

inline constexpr std::size_t kPackHeaderSize = 256;
inline constexpr std::size_t kPackFooterSize = 384;
inline constexpr std::size_t kFrameHeaderSize = 36;
inline constexpr std::size_t kFrameOverhead = kFrameHeaderSize + AesGcm::kTagSize;
inline constexpr std::size_t kMaxFramePlain = 16U << 20;  // payload and plaintext alike
inline constexpr std::uint64_t kMaxPackSize = 128ULL << 20;
inline constexpr std::uint32_t kMaxFramesInPack = 1U << 20;
inline constexpr std::size_t kMaxBlobsInFrame = 65535;

struct PackHeader {
    PackClass pack_class = PackClass::Data;
    bool encrypted = true;
    std::uint32_t sequence = 0;  // of the pack in its session
    std::uint64_t session = 0;
    std::uint32_t epoch = 0;
    std::uint32_t clock_seconds = 0;  // since 1970, when the pack was opened
    RepositoryId repository;
    Salt16 salt{};
    WrappedDek wrapped_dek{};
    KeyCommitment commitment{};

    std::array<std::uint8_t, kPackHeaderSize> encode() const;
    static Result<PackHeader> decode(ByteSpan bytes);  // exactly kPackHeaderSize
    bool operator==(const PackHeader&) const = default;
};

struct FrameHeader {
    std::uint32_t payload_length = 0;
    std::uint32_t number = 0;
    FrameType type = FrameType::Blob;
    FrameCodec codec = FrameCodec::Stored;
    std::uint32_t plain_length = 0;
    FrameSalt fs{};

    std::array<std::uint8_t, kFrameHeaderSize> encode() const;
    static Result<FrameHeader> decode(ByteSpan bytes);  // exactly kFrameHeaderSize
};

// What the footer says beyond its copy of the header. Everything else follows from `frames_end` and the pack's size.
struct PackFooter {
    PackHeader header;
    std::uint64_t frames_end = 0;  // S: the offset after the directory frame
    std::uint64_t directory_offset = 0;
    std::uint32_t frame_count = 0;  // without the directory
    std::uint64_t parity_length = 0;
    PackId id;

    std::uint32_t directory_length() const { return static_cast<std::uint32_t>(frames_end - directory_offset); }
    std::uint32_t slice_size() const;
    std::uint32_t slice_count() const;
    std::uint64_t slice_table_offset() const { return frames_end; }
    std::uint64_t pack_size() const;

    std::array<std::uint8_t, kPackFooterSize> encode() const;
    // `bytes` are the last kPackFooterSize of a pack of `pack_size` bytes.
    static Result<PackFooter> decode(ByteSpan bytes, std::uint64_t pack_size);
};

std::uint32_t slice_size_of(std::uint64_t frames_end);
PackId pack_id_of(std::uint64_t frames_end, std::uint32_t slice_size, ByteSpan slice_hashes);

struct DirectoryBlob {
    BlobType type = BlobType::Data;
    BlobId id;
    std::uint32_t length = 0;
};

struct DirectoryFrame {
    FrameType type = FrameType::Blob;
    std::uint32_t payload_length = 0;
    std::uint32_t plain_length = 0;
    std::uint32_t offset = 0;  // in the pack; follows from the frames before
    std::vector<DirectoryBlob> blobs;

    std::uint32_t length() const { return payload_length + static_cast<std::uint32_t>(kFrameOverhead); }
};

// One entry of the directory's plaintext; the directory is a count and the entries.
void encode_directory_frame(FrameType type, std::uint32_t payload_length, std::uint32_t plain_length,
                            std::span<const DirectoryBlob> blobs, Bytes& out);
// `plain` is the plaintext of the directory frame of the pack of `footer`. Damaged unless it says of every byte between
// header and directory to which frame it belongs, and of every frame only what its type and the pack's class allow.
Result<std::vector<DirectoryFrame>> decode_directory(ByteSpan plain, const PackFooter& footer);

// "packs/00000000000000000007/<64 hex>", "index/<64 hex>".
std::string pack_object_name(std::uint64_t session, const PackId& id);
std::string run_object_name(const PackId& id);
std::string session_directory_name(std::uint64_t session);  // "packs/00000000000000000007"
// The id in the last component of a name. Damaged where there is none.
Result<PackId> pack_id_in_name(std::string_view object_name);

// Where a pack of blobs lies: below the session that wrote it.
struct PackName {
    std::uint64_t session = 0;
    PackId id;
    std::string object() const { return pack_object_name(session, id); }
    auto operator<=>(const PackName&) const = default;
};

// Nothing where that is not exactly the name of a pack of blobs.
std::optional<PackName> pack_in_name(std::string_view object_name);

}  // namespace dr
