#pragma once
// repository.json: what is fixed for a repository's life (FORMAT 3).

#include <string>
#include <string_view>

#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/codec/chunker.h"
#include "dr/models/backup_spec.h"

namespace dr {

inline constexpr std::size_t kMaxRepositoryJson = 64U << 10;
inline constexpr std::string_view kRepositoryJsonName = "repository.json";
inline constexpr std::string_view kFormatTextName = "FORMAT.txt";

struct RepositoryConfig {
    Encryption encryption = Encryption::Aes256Gcm;
    Timestamp created_at;
    ChunkSizes chunks;
    std::size_t inline_limit = 64;        // files up to this lie in their tree entry
    std::size_t small_limit = 64U << 10;  // smaller blobs share a frame
    std::size_t solid_target = 1U << 20;
    std::size_t pack_target = 16U << 20;

    bool operator==(const RepositoryConfig&) const = default;
};

std::string print(const RepositoryConfig& config);

// Fails with Unsupported for a newer version or an unknown required feature, Damaged for everything else that is wrong.
Result<RepositoryConfig> parse_repository_config(std::string_view json);

}  // namespace dr
