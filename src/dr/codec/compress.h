#pragma once
// Compression: one zstd frame for one buffer.
//
// The frame is the plainest that zstd knows: no content size, no checksum, no dictionary (its descriptor byte is 0).
// Its plain size is known from elsewhere, sealed, and is the only size that is believed; integrity is the seal's work.
// The same library at the same level makes the same bytes from the same plaintext and the same room, whatever the
// object compressed before; another library may not, so codec_build() names both.

#include <cstdint>
#include <memory>

#include "dr/base/bytes.h"
#include "dr/base/result.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace dr {

inline constexpr int kMinCompressionLevel = 1;
inline constexpr int kMaxCompressionLevel = 19;  // above it, readers need more memory than they have
// A level of our own: zstd's level 1 with a match table of 2^13 entries, for text that is mostly columns of numbers.
inline constexpr int kLevelForNumbers = 20;
inline constexpr std::size_t kMaxWindowSize = 8U << 20;

// What a session may ask for instead of a level for everything.
inline constexpr int kNoCompression = 0;
inline constexpr int kLevelByContent = 255;  // what level_for() finds in each buffer

// Names the library's version and the level: version * 256 + level, e.g. 10504 * 256 + 3 for level 3 of zstd 1.5.4.
std::uint32_t codec_build(int level);

// For one thread at a time; holds 1 to 80 MiB, by the highest level, once used. Level 3 works with tables that stay in
// a core's cache: 1 % larger output than zstd's own, a third faster.
class Compressor {
public:
    // kMinCompressionLevel to kMaxCompressionLevel, or kLevelForNumbers.
    explicit Compressor(int level = kMinCompressionLevel);
    ~Compressor();
    Compressor(Compressor&&) noexcept;
    Compressor& operator=(Compressor&&) noexcept;

    // The size that compressing `size` bytes never exceeds.
    static std::size_t bound(std::size_t size);

    // Writes one frame to the start of `out` and returns its size. Fails with NoSpace when `out` is too small, which a
    // caller uses to give up early on what does not shrink: an `out` of plain.size() - 1 bytes says "only if smaller".
    // zstd chooses otherwise when room is scarce, so where frames must be reproducible out.size() follows from
    // plain.size() alone. `out` and `plain` do not overlap.
    Result<std::size_t> compress(ByteSpan plain, MutableByteSpan out);

    int level() const { return level_; }
    void set_level(int level);

private:
    struct Free {
        void operator()(ZSTD_CCtx_s* context) const;
    };
    std::unique_ptr<ZSTD_CCtx_s, Free> context_;
    int level_;
};

// For one thread at a time; holds about 160 KiB, whatever a frame says.
class Decompressor {
public:
    Decompressor();
    ~Decompressor();
    Decompressor(Decompressor&&) noexcept;
    Decompressor& operator=(Decompressor&&) noexcept;

    // Inflates `packed`, which must be exactly one frame as Compressor writes it and become exactly `out.size()` bytes.
    // Fails with Damaged otherwise; `out` then holds anything, but nothing beyond it was touched.
    Result<void> decompress(ByteSpan packed, MutableByteSpan out);

private:
    struct Free {
        void operator()(ZSTD_DCtx_s* context) const;
    };
    std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

// Whether compressing `plain` looks like wasted time: random, encrypted or already compressed. Looks at samples only
// (under 2 % of the time of compressing), and at nothing but the bytes: equal bytes get an equal answer in every run
// and version, which the repository's determinism rests on. It may be wrong either way; that costs room or time, never
// data.
bool looks_incompressible(ByteSpan plain);

// Text, text with many numbers (of the samples at least one byte in four is a digit), or programs, images and binary
// tables (more than one byte in 32 is a control character that text does not have). The same promises.
enum class Content : std::uint8_t { Text, Numbers, Binary };
Content content_of(ByteSpan plain);

// The level at which a session with this setting (a level, kNoCompression or kLevelByContent) compresses `plain`, or
// kNoCompression. By content, what is binary gets level 3, which makes it 8 % smaller, text level 1, and columns of
// numbers kLevelForNumbers, which is smaller on most of them than any level up to 3
// (docs/adr/0009-level-by-content.md).
int level_for(ByteSpan plain, int setting);

}  // namespace dr
