#pragma once
// RestorePlan: what a restore is going to do (SPEC 5, 11). A dry run ends with it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"

namespace dr {

// A file or directory and what is wrong with it.
struct PathProblem {
    std::string path;  // bytes
    std::string error;
    bool operator==(const PathProblem&) const = default;
};

struct RestorePlan {
    static constexpr std::size_t kMaxListed = 10'000;

    Identifier plan_id;
    Identifier snapshot_id;
    std::string target_path;  // bytes
    bool dry_run = false;
    bool verify_hashes = true;
    bool overwrite = false;

    // Extensions: all 0 until somebody has looked at the target.
    std::uint64_t files_to_create = 0;
    std::uint64_t files_to_replace = 0;
    std::uint64_t files_to_skip = 0;  // equal already
    std::uint64_t files_refused = 0;  // would leave the target, or differ without `overwrite`
    std::uint64_t bytes_to_read = 0;  // from the storage
    std::uint64_t bytes_to_write = 0;
    std::vector<PathProblem> refused;  // at most kMaxListed of them

    bool operator==(const RestorePlan&) const = default;
};

// Fails with BadRequest.
Result<RestorePlan> parse_restore_plan(std::string_view json);

void write(JsonWriter& json, const RestorePlan& plan);
void write(JsonWriter& json, const PathProblem& problem);
std::string print(const RestorePlan& plan);

}  // namespace dr
