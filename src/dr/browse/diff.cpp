#include "dr/browse/diff.h"

#include <deque>
#include <optional>

#include "dr/browse/entry_compare.h"
#include "dr/repository/tree_reader.h"

namespace dr {
namespace {

constexpr std::size_t kAwakeLevels = 32;

// One directory on both sides; a side that does not have it is null.
struct Level {
    std::unique_ptr<DirectoryReader> before;
    std::unique_ptr<DirectoryReader> after;
    std::optional<Entry> next_before;
    std::optional<Entry> next_after;
    std::size_t path_length = 0;
};

class TreeDiff {
public:
    TreeDiff(BlobSource& source, const DifferenceVisitor& visit) : source_(source), visit_(visit) {}

    Result<void> run(const DirRef& before, const DirRef& after) {
        if (before == after) return {};
        enter(&before, &after);
        while (!levels_.empty()) {
            path_.resize(levels_.back().path_length);
            if (!DR_TRY(step(levels_.back()))) levels_.pop_back();
        }
        return {};
    }

private:
    void enter(const DirRef* before, const DirRef* after) {
        if (levels_.size() >= kAwakeLevels) {
            Level& old = levels_[levels_.size() - kAwakeLevels];
            if (old.before) old.before->suspend();
            if (old.after) old.after->suspend();
        }
        Level level;
        if (before != nullptr) level.before = std::make_unique<DirectoryReader>(source_, *before);
        if (after != nullptr) level.after = std::make_unique<DirectoryReader>(source_, *after);
        level.path_length = path_.size();
        levels_.push_back(std::move(level));
    }

    static Result<void> read_next(std::unique_ptr<DirectoryReader>& reader, std::optional<Entry>& next) {
        if (!reader || next) return {};
        next = DR_TRY(reader->next());
        if (!next) reader.reset();
        return {};
    }

    Result<bool> step(Level& level) {
        DR_TRY(read_next(level.before, level.next_before));
        DR_TRY(read_next(level.after, level.next_after));
        if (!level.next_before && !level.next_after) return false;
        std::optional<Entry> before;
        std::optional<Entry> after;
        const bool only_before =
            !level.next_after || (level.next_before && level.next_before->name < level.next_after->name);
        const bool only_after =
            !level.next_before || (level.next_after && level.next_after->name < level.next_before->name);
        if (!only_after) before.swap(level.next_before);
        if (!only_before) after.swap(level.next_after);
        if (!path_.empty()) path_ += '/';
        path_ += before ? before->name : after->name;
        DR_TRY(compare(before, after));
        descend(before, after);
        return true;
    }

    Result<void> tell(Change change, const Entry& entry, std::uint64_t size_before, std::uint64_t size_after) {
        return visit_({path_, change, entry.kind, size_before, size_after});
    }

    Result<void> compare(const std::optional<Entry>& before, const std::optional<Entry>& after) {
        if (!before) return tell(Change::Added, *after, 0, after->size);
        if (!after) return tell(Change::Removed, *before, before->size, 0);
        if (!same_content(*before, *after)) return tell(Change::Content, *after, before->size, after->size);
        if (!same_metadata(*before, *after)) return tell(Change::Metadata, *after, before->size, after->size);
        return {};
    }

    void descend(const std::optional<Entry>& before, const std::optional<Entry>& after) {
        const DirRef* old_directory = before && before->kind == EntryKind::Directory ? &before->directory : nullptr;
        const DirRef* new_directory = after && after->kind == EntryKind::Directory ? &after->directory : nullptr;
        if (old_directory == nullptr && new_directory == nullptr) return;
        if (old_directory != nullptr && new_directory != nullptr && *old_directory == *new_directory) return;
        enter(old_directory, new_directory);
    }

    BlobSource& source_;
    const DifferenceVisitor& visit_;
    std::deque<Level> levels_;
    std::string path_;
};

}  // namespace

std::string_view label(Change change) {
    switch (change) {
        case Change::Added: return "added";
        case Change::Removed: return "removed";
        case Change::Content: return "content";
        case Change::Metadata: return "metadata";
    }
    return "";
}

Result<void> diff_trees(BlobSource& source, const DirRef& before, const DirRef& after, const DifferenceVisitor& visit) {
    return TreeDiff{source, visit}.run(before, after);
}

}  // namespace dr
