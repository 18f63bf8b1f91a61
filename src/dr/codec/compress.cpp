#include "dr/codec/compress.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>

namespace dr {
namespace {

Error damaged(std::string why) { return Error{ErrorCode::Damaged, "compressed data is damaged: " + std::move(why)}; }

// The frame header of RFC 8878 that Compressor writes: magic, a descriptor of 0, a window descriptor. Whatever else
// zstd could do there (skippable frames, dictionaries, sizes to believe) is refused before zstd sees it.
Result<void> check_header(ByteSpan packed) {
    constexpr std::array<std::uint8_t, 5> kStart{0x28, 0xB5, 0x2F, 0xFD, 0};
    if (packed.size() < kStart.size() + 1 || !equal(packed.first(kStart.size()), kStart)) {
        return damaged("it is no plain zstd frame");
    }
    const std::uint8_t window = packed[kStart.size()];
    const std::uint64_t base = std::uint64_t{1} << (10 + (window >> 3));
    if (base + base / 8 * (window & 7U) > kMaxWindowSize) return damaged("its window is too large");
    return {};
}

constexpr int kFastLevel = 1;
constexpr int kDenseLevel = 3;

struct Parameters {
    int level = 0;
    int hash_log = 0;  // 0: what the level says
    int chain_log = 0;
};

Parameters parameters_of(int level) {
    if (level == kDenseLevel) return {.level = level, .hash_log = 16, .chain_log = 15};
    if (level == kLevelForNumbers) return {.level = kFastLevel, .hash_log = 13};
    return {.level = level};
}

bool is_level(int level) {
    return (level >= kMinCompressionLevel && level <= kMaxCompressionLevel) || level == kLevelForNumbers;
}

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
    DR_CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) == 0);
}

}  // namespace

std::uint32_t codec_build(int level) {
    DR_CHECK(is_level(level));
    return ZSTD_versionNumber() * 256 + static_cast<std::uint32_t>(level);
}

void Compressor::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

Compressor::Compressor(int level) : context_(ZSTD_createCCtx()), level_(0) {
    DR_CHECK(context_ != nullptr);
    set(context_.get(), ZSTD_c_contentSizeFlag, 0);
    set(context_.get(), ZSTD_c_checksumFlag, 0);
    set_level(level);
}

void Compressor::set_level(int level) {
    DR_CHECK(is_level(level));
    if (level == level_) return;
    const Parameters parameters = parameters_of(level);
    set(context_.get(), ZSTD_c_compressionLevel, parameters.level);
    set(context_.get(), ZSTD_c_hashLog, parameters.hash_log);
    set(context_.get(), ZSTD_c_chainLog, parameters.chain_log);
    level_ = level;
}

Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

std::size_t Compressor::bound(std::size_t size) { return ZSTD_compressBound(size); }

Result<std::size_t> Compressor::compress(ByteSpan plain, MutableByteSpan out) {
    const std::size_t size = ZSTD_compress2(context_.get(), out.data(), out.size(), plain.data(), plain.size());
    if (ZSTD_isError(size) == 0) return size;
    if (ZSTD_getErrorCode(size) == ZSTD_error_dstSize_tooSmall) {
        return Error{ErrorCode::NoSpace, "compressed data does not fit into its buffer"};
    }
    return Error{ErrorCode::Io, std::string{"cannot compress: "} + ZSTD_getErrorName(size)};
}

int level_for(ByteSpan plain, int setting) {
    if (setting == kNoCompression || looks_incompressible(plain)) return kNoCompression;
    if (setting != kLevelByContent) return setting;
    switch (content_of(plain)) {
        case Content::Binary: return kDenseLevel;
        case Content::Numbers: return kLevelForNumbers;
        case Content::Text: break;
    }
    return kFastLevel;
}

void Decompressor::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) { DR_CHECK(context_ != nullptr); }
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Result<void> Decompressor::decompress(ByteSpan packed, MutableByteSpan out) {
    DR_TRY(check_header(packed));
    // zstd would go on to a second frame; the first must be all there is.
    if (ZSTD_findFrameCompressedSize(packed.data(), packed.size()) != packed.size()) {
        return damaged("it is not one whole frame");
    }
    const std::size_t size = ZSTD_decompressDCtx(context_.get(), out.data(), out.size(), packed.data(), packed.size());
    if (ZSTD_isError(size) != 0) return damaged(ZSTD_getErrorName(size));
    if (size != out.size()) {
        return damaged("it holds " + std::to_string(size) + " bytes, not " + std::to_string(out.size()));
    }
    return {};
}

}  // namespace dr
