#pragma once
// The tree of a snapshot, walked to its last entry: every node opens, every blob has a place. Goes on past damage, so
// that one run names all that suffers, and chooses the sample of files on its way.

#include <cstdint>
#include <deque>
#include <queue>
#include <string>
#include <unordered_set>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/tree_reader.h"

namespace dr {

struct SampledFile {
    std::uint64_t rank = 0;  // the least ranks are the sample
    std::string path;
    Entry entry;
    bool operator<(const SampledFile& other) const { return rank < other.rank; }
};

struct TreeCheck {
    struct Request {
        BlobSource& source;
        TaskPool& pool;
        Monitor& monitor;
        RecordHash seed;
        std::uint64_t sample_count;
        const std::unordered_set<PackId>& damaged_packs;
    };
    std::vector<SampledFile> sample;  // in tree order
    std::vector<std::string> errors;  // at most VerificationReport::kMaxErrors
    std::uint64_t files = 0;
    bool complete = true;  // no node or blob is missing
    bool readable = true;  // what was read of damaged packs is good
};

// Fails with Cancelled, or what makes further reading pointless (WrongKey, Unavailable).
Result<TreeCheck> check_tree(const TreeCheck::Request& request, const DirRef& root);

}  // namespace dr
