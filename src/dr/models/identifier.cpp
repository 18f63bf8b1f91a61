#include "dr/models/identifier.h"

#include <algorithm>

#include "dr/models/relative_path.h"

namespace dr {
namespace {

bool allowed(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

}  // namespace

Result<Identifier> Identifier::parse(std::string_view text, std::string_view what) {
    const std::string subject{what};
    if (text.empty()) return Error{ErrorCode::BadRequest, subject + " must not be empty"};
    if (text.size() > kMaxLength) {
        return Error{ErrorCode::BadRequest,
                     subject + " has " + std::to_string(text.size()) + " characters: at most 128 are allowed"};
    }
    if (!std::ranges::all_of(text, allowed)) {
        return Error{ErrorCode::BadRequest,
                     subject + " may hold only A-Z a-z 0-9 . _ - and not '" + printable(text) + "'"};
    }
    return Identifier{text};
}

}  // namespace dr
