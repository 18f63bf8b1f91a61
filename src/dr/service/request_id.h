#pragma once
// Names for requests, plans and reports: a prefix and 16 hexadecimal digits.

#include "dr/base/hex.h"
#include "dr/models/identifier.h"
#include "dr/platform/random.h"

namespace dr {

inline Identifier new_identifier(std::string_view prefix, Random& random) {
    return Identifier::parse(std::string(prefix) + "-" + to_hex(random.array<8>())).value();
}

}  // namespace dr
