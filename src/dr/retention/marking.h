#pragma once
// Marking: which packs the trees of some snapshots use.
//
// A blob may lie in several packs: two sessions that were open at once both stored it, or one could not read the index.
// A snapshot is promised the packs of its own packset and no others, so what it uses is marked there; that another
// snapshot's packs hold the same blob helps nobody once those go.

#include <optional>
#include <unordered_map>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/repository/pack_source.h"
#include "dr/repository/replay.h"
#include "dr/repository/tree_reader.h"

namespace dr {

// A set of packs, by their numbers in the state.
class PackMarks {
public:
    void insert(PackNumber pack);
    void insert_all(const PackMarks& other);
    bool contains(PackNumber pack) const;
    bool is_within(const PackMarks& other) const;

private:
    std::vector<std::uint64_t> words_;
};
PackMarks marks_of(const PackNumbers& packs);

class Marker {
public:
    // What the tree of one snapshot uses.
    struct Walk {
        std::uint64_t snapshot = 0;  // record
        PackMarks packs;             // of its packset, every one that holds a blob of its tree
        // Each blob of the tree lies in one of them. Where not, nobody may take packs away from the snapshot.
        bool complete = true;
    };

    // Borrows all; `state` is the one that `source` reads as of.
    Marker(PackSource& source, const State& state, Monitor& monitor)
        : source_(source), state_(state), monitor_(monitor) {}

    // Walks the tree at `root` of a snapshot. A directory that was met before is not walked again where what it used
    // is in this snapshot's packset too. Damaged where a blob is in no pack at all or cannot be read; Cancelled.
    Result<void> mark(const Snapshot& snapshot, const DirRef& root);

    const std::vector<Walk>& walks() const { return walks_; }
    // All packs that some tree uses, also outside of its snapshot's packset: of what lies in a damaged pack there, the
    // copy that was stored anew for another snapshot.
    const PackMarks& used() const { return used_; }

private:
    class Watch;
    enum class Reuse : std::uint8_t { Unknown, Yes, No };

    void begin_walk(const Snapshot& snapshot);
    Result<void> walk_tree(const DirRef& root);
    Result<void> mark_content(const EntryView& view);
    Result<void> mark_blob(const BlobId& id);
    struct Held {
        bool somewhere = false;
        bool live = false;
    };
    Held mark_in_packset(const std::vector<PackId>& packs);
    bool was_walked(const BlobId& directory);
    bool may_reuse(std::uint32_t walk);

    PackSource& source_;
    const State& state_;
    Monitor& monitor_;
    std::vector<Walk> walks_;  // the last one is under way
    PackMarks used_;
    PackMarks packset_;                               // of the snapshot under way
    std::vector<Reuse> reuse_;                        // of earlier walks in the one under way
    std::unordered_map<BlobId, std::uint32_t> seen_;  // top nodes of directories, and the walk that went there
};

}  // namespace dr
