#pragma once
// Writing trees: one directory at a time from its entries in order, in bounded memory.
//
// A directory becomes a small prolly tree (FORMAT 7, "Shape"): where nodes end depends on names and the repository's
// key only, so a change moves the nodes around it and no others. Equal directories give equal DirRefs.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dr/repository/blob_sink.h"
#include "dr/repository/tree.h"
#include "dr/repository/tree_codec.h"

namespace dr {

// Where the nodes go, and what names them. Borrowed; must outlive every writer that uses them.
struct TreeOutput {
    BlobSink& sink;
    const BlobNamer& namer;
    std::uint64_t tree_seed;  // FORMAT 4, "Derived"
};

inline constexpr std::size_t kInlineDirectory = 16U << 10;  // a directory of one leaf up to this is held by its parent
inline constexpr std::size_t kMaxInlineAttributes = 1U << 10;
inline constexpr std::size_t kMaxInlineExtents = 128;

// One directory. Not thread-safe. Fails with what the sink fails with; it is then of no further use.
class DirectoryWriter {
public:
    explicit DirectoryWriter(const TreeOutput& output) : output_(output) {}

    // Entries come in strictly ascending order of their names.
    Result<void> add(const Entry& entry);
    // An entry that was read from a tree: copies its bytes.
    Result<void> add(const EntryView& entry);
    // `encoded` is an entry called `name` that adds these totals.
    Result<void> add_encoded(std::string_view name, ByteSpan encoded, std::uint64_t files, std::uint64_t bytes);

    // Writes what is left and says where the directory is. The writer is then as new.
    Result<DirRef> finish();

private:
    struct Level {
        Bytes body;  // the entries or children so far
        std::size_t count = 0;
        std::string first_name;
        std::string last_name;  // of level 0
        std::uint64_t files = 0;
        std::uint64_t bytes = 0;
        bool ended = false;  // nothing more goes into this node
    };

    Result<void> make_room(std::size_t level);
    void added(std::size_t level, std::string_view name, std::uint64_t files, std::uint64_t bytes);
    Bytes node(std::size_t level) const;
    Result<void> close(std::size_t level);

    const TreeOutput output_;
    std::vector<Level> levels_;
    Bytes scratch_;
};

// Puts large parts of an entry into blobs of their own: attributes beyond kMaxInlineAttributes, extents beyond
// kMaxInlineExtents. Equal parts become equal blobs; long extent lists are cut by content, so a change in a huge file
// stores few of them anew.
Result<void> move_large_parts(Entry& entry, const TreeOutput& output);

// A directory of this one entry that needs no blob, however large the entry: for readers of trees; no snapshot is made
// of it.
DirRef directory_of_one(const Entry& entry);

// Stores `plaintext` under the name it has.
Result<BlobRef> store_blob(const TreeOutput& output, BlobType type, Bytes plaintext);

}  // namespace dr
