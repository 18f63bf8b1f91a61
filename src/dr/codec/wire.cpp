#include "dr/codec/wire.h"

namespace dr {

std::uint64_t WireReader::long_varint(std::uint64_t limit) {
    std::uint64_t value = 0;
    const std::uint8_t* at = at_;
    for (unsigned shift = 0; at != end_; shift += 7) {
        const std::uint8_t byte = *at++;
        // The tenth byte has room for one bit: anything but 1 is over 64 bits, not the last, or a needless zero.
        if (shift == 63 && byte != 1) return fail("a number is over 64 bits or not in its shortest form"), 0;
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte >= 0x80) continue;
        if (byte == 0 && shift != 0) return fail("a number is not in its shortest form"), 0;
        if (value > limit) return fail("a number or length is over its limit"), 0;
        at_ = at;
        return value;
    }
    return fail("it ends too early"), 0;
}

Result<void> WireReader::check(std::string_view what) const {
    if (ok()) return {};
    return Error{ErrorCode::Damaged,
                 std::string{what} + " is damaged at byte " + std::to_string(failed_at_) + ": " + problem_};
}

Result<void> WireReader::finish(std::string_view what) {
    if (ok() && !at_end()) fail("bytes are left over");
    return check(what);
}

}  // namespace dr
