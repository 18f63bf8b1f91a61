#include "dr/models/identifier.h"

#include <algorithm>
#include <array>

#include "dr/models/relative_path.h"

namespace dr {
namespace {

// By the byte: a list of snapshots parses thousands.
constexpr std::array<bool, 256> kAllowed = [] {
    std::array<bool, 256> allowed{};
    for (const char c : std::string_view{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"})
        allowed[static_cast<unsigned char>(c)] = true;
    return allowed;
}();

}  // namespace

Result<Identifier> Identifier::parse(std::string_view text, std::string_view what) {
    const std::string subject{what};
    if (text.empty()) return Error{ErrorCode::BadRequest, subject + " must not be empty"};
    if (text.size() > kMaxLength) {
        return Error{ErrorCode::BadRequest,
                     subject + " has " + std::to_string(text.size()) + " characters: at most 128 are allowed"};
    }
    if (!std::ranges::all_of(text, [](char c) { return kAllowed[static_cast<unsigned char>(c)]; })) {
        return Error{ErrorCode::BadRequest,
                     subject + " may hold only A-Z a-z 0-9 . _ - and not '" + printable(text) + "'"};
    }
    return Identifier{text};
}

}  // namespace dr
