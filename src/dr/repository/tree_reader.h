#pragma once
// Reading trees: one directory in order or by name, a whole tree without recursion, and the content of a file.
//
// Everything read is hostile until checked: names strictly ascending over all nodes of a directory, levels, counts and
// totals as promised, depth within FORMAT 13. All errors are Damaged, or what the BlobSource fails with. Each object is
// for one thread at a time; several may read one BlobSource at once.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dr/repository/blob_source.h"
#include "dr/repository/tree.h"
#include "dr/repository/tree_codec.h"

namespace dr {

// The entries of one directory, in ascending order of their names. Holds one node per level, whatever the directory's
// size.
class DirectoryReader {
public:
    // Borrows `source`; copies what it needs of `directory`. Reads nothing yet.
    DirectoryReader(BlobSource& source, const DirRef& directory);
    // The same, but an inline directory is read where it lies; `owner` keeps its bytes alive. A chain of directories
    // inlined in each other then shares one node.
    DirectoryReader(BlobSource& source, const DirRefView& directory, std::shared_ptr<const void> owner);

    Result<std::optional<Entry>> next();
    // The same without a copy: nullptr at the end; valid until the next call.
    Result<const EntryView*> next_view();
    // Keeps the bytes alive that the last view points to.
    std::shared_ptr<const void> owner() const { return levels_.empty() ? nullptr : levels_.back().owner; }

    // Goes on behind `name`: the next entry is the first whose name is greater. Forwards or backwards. The totals of
    // the directory are then not checked at its end.
    Result<void> seek_after(std::string_view name);

    // Gives the nodes that blobs hold back to memory. The next call reads them again and goes on where this reader was.
    void suspend();

private:
    struct Level {
        std::shared_ptr<const void> owner;
        NodeReader node;
    };

    Result<void> start();
    Result<void> resume();
    Result<void> push(ByteSpan bytes, std::shared_ptr<const void> owner, std::optional<std::uint8_t> expected_level);
    Result<void> push_node(const BlobRef& ref, std::optional<std::uint8_t> expected_level);
    Result<bool> descend();
    Result<void> count(const EntryView& entry);
    Result<void> check_totals() const;

    BlobSource& source_;
    DirRef::Form form_;
    ByteSpan inline_node_;
    std::shared_ptr<const void> inline_owner_;
    BlobRef node_;
    std::uint64_t files_left_;
    std::uint64_t bytes_left_;
    std::vector<Level> levels_;  // outermost first
    std::string previous_;       // the last name given out
    std::string first_name_;     // what the parent said the next node starts with; empty: nothing said
    bool started_ = false;
    bool count_totals_ = true;
    bool suspended_ = false;
    EntryView view_;
};

// The entry called `name`, by descending from the top node: reads one node per level.
Result<std::optional<Entry>> find_entry(BlobSource& source, const DirRef& directory, std::string_view name);
// The entry at a path below `root`, one component after the other; none if a component is missing or not a directory.
Result<std::optional<Entry>> find_entry(BlobSource& source, const DirRef& root,
                                        std::span<const std::string_view> components);

// A step of a walk through a whole tree.
struct TreeStep {
    enum class Kind : std::uint8_t {
        Entry,           // an entry; if it is a directory, the walk goes into it next unless skip_directory() is called
        LeaveDirectory,  // all below the directory that path() names has been given; `entry` is nullptr
    };
    Kind kind = Kind::Entry;
    const EntryView* entry = nullptr;  // valid until the next call
};

// All entries of a tree: each directory before what is in it, names ascending by byte within each directory. Works at
// any allowed depth: the C stack does not grow, and only the innermost directories keep their nodes in memory.
class TreeWalk {
public:
    TreeWalk(BlobSource& source, const DirRef& root);

    // None at the end. The root itself is neither entered nor left.
    Result<std::optional<TreeStep>> next();

    // After a step that gave a directory: do not go into it. It gets no LeaveDirectory either.
    void skip_directory() { pending_.reset(); }

    // The path of the current step from the root: components joined by '/'; valid until the next call.
    std::string_view path() const { return path_; }
    // 0 for entries of the root.
    std::size_t depth() const { return step_depth_; }

private:
    struct Frame {
        std::unique_ptr<DirectoryReader> reader;
        std::size_t path_length;  // of the directory's own path
    };

    Result<void> enter();

    BlobSource& source_;
    std::vector<Frame> frames_;
    std::optional<DirRefView> pending_;  // the directory to go into
    std::shared_ptr<const void> pending_owner_;
    std::string path_;
    std::size_t step_depth_ = 0;
};

// A piece of a file's content.
struct ContentPiece {
    enum class Kind : std::uint8_t { Inline, Hole, Blob };
    Kind kind = Kind::Inline;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    ByteSpan bytes;  // Inline: the content itself; lives as long as the Entry
    BlobId blob;     // Blob: a data blob of `length` bytes
    bool operator==(const ContentPiece& other) const {
        return kind == other.kind && offset == other.offset && length == other.length && blob == other.blob &&
               equal(bytes, other.bytes);
    }
};

// The content of a file, piece by piece from offset 0, whatever its form; reads extent lists as it goes, one at a time.
// Before the end it proves that the pieces add up to the entry's size.
class ContentReader {
public:
    // Borrows both; `file` must be a File.
    ContentReader(BlobSource& source, const Entry& file) : source_(source), file_(file) {}

    Result<std::optional<ContentPiece>> next();

private:
    Result<std::optional<ContentPiece>> next_extent();
    Result<std::optional<ContentPiece>> give(ContentPiece piece);

    BlobSource& source_;
    const Entry& file_;
    std::uint64_t offset_ = 0;
    bool done_ = false;  // of Inline and Single
    std::size_t next_list_ = 0;
    std::vector<Extent> list_;
    std::size_t next_extent_ = 0;
};

inline ContentReader content_of(BlobSource& source, const Entry& file) { return ContentReader{source, file}; }

// The extended attributes of an entry, also those in a blob of their own.
Result<std::vector<ExtendedAttribute>> xattrs_of(BlobSource& source, const Entry& entry);

}  // namespace dr
