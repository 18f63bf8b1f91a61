#pragma once
// For tests: restores of trees built by hand into a scratch directory.

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dr/restore/restore.h"
#include "dr/restore/testing/same_tree.h"
#include "dr/restore/testing/scratch.h"
#include "dr/restore/testing/tree_builder.h"

namespace dr::testing {

inline std::string noise(std::size_t size, std::uint64_t seed) {
    std::string text(size, 0);
    for (char& c : text) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        c = static_cast<char>(seed >> 56);
    }
    return text;
}

class RestoreTest : public ::testing::Test {
protected:
    RestoreRequest request() const {
        RestoreRequest request;
        request.plan_id = Identifier::parse("plan-1").value();
        request.snapshot_id = Identifier::parse("snap-1").value();
        request.target_path = scratch / "target";
        request.sync = false;
        return request;
    }
    Result<RestoreOutcome> run(const RestoreRequest& asked, const DirRef& root) {
        // Not before: the thread sanitizer does not allow a test to fork once there are threads.
        if (!pool) pool.emplace(2U);
        return restore(asked, blobs, root, RestoreAllowlist{{scratch.path()}}, *pool, monitor);
    }
    Result<RestoreOutcome> run(const DirRef& root) { return run(request(), root); }
    std::vector<std::string> names(const std::string& path) const {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator{path}) found.push_back(entry.path().filename());
        std::ranges::sort(found);
        return found;
    }
    bool exists(const std::string& path) const {
        return std::filesystem::exists(std::filesystem::symlink_status(path));
    }

    Scratch scratch;
    MemoryBlobs blobs;
    std::optional<TaskPool> pool;
    RememberingMonitor monitor;
};

}  // namespace dr::testing
