#pragma once
// StorageTarget: a configured place to keep backups (SPEC 5).

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "dr/base/result.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"

namespace dr {

enum class Backend : std::uint8_t { Local, Archive, ObjectStore };

std::string_view name_of(Backend backend);  // "local", "archive", "object_store"
Result<Backend> parse_backend(std::string_view name);

struct StorageTarget {
    Identifier target_id;
    Backend backend = Backend::Local;
    std::string base_path;  // a directory or an URL
    bool worm = false;
    std::string compression = "zstd";  // none | zstd (a level by content) | zstd:1 … zstd:19; true and false are read
                                       // as zstd and none
    std::map<std::string, std::string> options;  // of the backend; never secrets

    bool operator==(const StorageTarget&) const = default;
};

// Both fail with BadRequest.
Result<StorageTarget> parse_storage_target(std::string_view json);
Result<StorageTarget> read_storage_target(const JsonValue& value);

void write(JsonWriter& json, const StorageTarget& target);
std::string print(const StorageTarget& target);

}  // namespace dr
