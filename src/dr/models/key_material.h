#pragma once
// KeyMaterial: dr_key.json (SPEC 5, 10). Wrapped: useless without its passphrase, key-encryption key or KMS.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "dr/base/bytes.h"
#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"

namespace dr {

struct KeyMaterial {
    static constexpr std::size_t kMaxWrappedBytes = 64U << 10;

    Identifier key_id;
    Identifier algorithm;  // how wrapped_key is wrapped; the keys module knows which it can open
    Timestamp created_at;
    std::optional<Timestamp> rotated_at;
    Bytes wrapped_key;       // base64 in the document; 1 to kMaxWrappedBytes bytes
    std::string kms_key_id;  // what opens it: "passphrase", "file:/etc/qnwis_dr/kek", an ARN …; 1 to 2048 bytes

    // Extension: the repository this file was exported from, which it pins.
    std::optional<RepositoryId> repository_id;

    bool operator==(const KeyMaterial&) const = default;
};

// Fails with BadRequest. Texts above 256 KiB are no key files and are refused.
Result<KeyMaterial> parse_key_material(std::string_view json);

void write(JsonWriter& json, const KeyMaterial& key);
std::string print(const KeyMaterial& key);

}  // namespace dr
