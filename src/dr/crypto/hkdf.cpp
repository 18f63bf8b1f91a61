#include "dr/crypto/hkdf.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "dr/base/check.h"

namespace dr {
namespace {

constexpr std::size_t kMaxBlocks = 255;

}  // namespace

Key32 hkdf_extract(ByteSpan salt, Parts input_key_material) {
    Mac32 prk = HmacKey{salt}.mac(input_key_material);
    Key32 key = Key32::copy_of(prk);
    wipe(prk);
    return key;
}

void hkdf_expand(const HmacKey& prk, Parts info, MutableByteSpan out) {
    DR_CHECK(!out.empty() && out.size() <= kMaxBlocks * Key32::kSize);
    Mac32 block{};
    for (std::uint8_t number = 1; !out.empty(); ++number) {
        HmacStream stream{prk};
        if (number > 1) stream.update(block);
        for (const ByteSpan part : info) stream.update(part);
        stream.update({&number, 1});
        block = stream.finish();
        const std::size_t taken = std::min(out.size(), block.size());
        std::copy_n(block.begin(), taken, out.begin());
        out = out.subspan(taken);
    }
    wipe(block);
}

Key32 hkdf_expand(const HmacKey& prk, Parts info) {
    Key32 key;
    hkdf_expand(prk, info, key.mutable_bytes());
    return key;
}

Key32 hkdf(ByteSpan salt, Parts input_key_material, Parts info) {
    return hkdf_expand(HmacKey{hkdf_extract(salt, input_key_material).bytes()}, info);
}

}  // namespace dr
