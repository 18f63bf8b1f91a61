#include "dr/browse/find.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "dr/browse/entry_compare.h"
#include "dr/repository/tree_reader.h"

namespace dr {
namespace {

constexpr std::size_t kAwakeLevels = 16;  // directories, in all their versions, whose nodes stay in memory

// One version of a directory, and the snapshots that have it.
struct Side {
    DirectoryReader reader;
    std::vector<std::size_t> snapshots;
    std::optional<Entry> entry;  // the next one, if read
    bool ended = false;
};

struct Level {
    std::vector<Side> sides;
    std::size_t path_length = 0;
};

// A directory below, and who has it.
struct Below {
    DirRef directory;
    std::vector<std::size_t> snapshots;
};

void merge(std::vector<std::size_t>& into, const std::vector<std::size_t>& more) {
    const auto middle = static_cast<std::ptrdiff_t>(into.size());
    into.insert(into.end(), more.begin(), more.end());
    std::inplace_merge(into.begin(), into.begin() + middle, into.end());
}

void add_below(std::vector<Below>& list, const DirRef& directory, const std::vector<std::size_t>& snapshots) {
    const auto known = std::ranges::find(list, directory, &Below::directory);
    if (known == list.end())
        list.push_back({directory, snapshots});
    else
        merge(known->snapshots, snapshots);
}

class Finder {
public:
    Finder(BlobSource& source, const Glob& pattern, const FoundVisitor& visit)
        : source_(source), pattern_(pattern), visit_(visit) {}

    Result<void> run(std::span<const FindRoot> roots) {
        std::vector<Below> all;
        for (std::size_t i = 0; i < roots.size(); ++i) add_below(all, roots[i].root, {i});
        enter(all);
        while (!levels_.empty()) {
            path_.resize(levels_.back().path_length);
            if (!DR_TRY(step(levels_.back()))) levels_.pop_back();
        }
        return {};
    }

private:
    void enter(const std::vector<Below>& directories) {
        if (levels_.size() >= kAwakeLevels) {
            for (Side& side : levels_[levels_.size() - kAwakeLevels].sides) side.reader.suspend();
        }
        Level level;
        level.path_length = path_.size();
        for (const Below& below : directories)
            level.sides.push_back({DirectoryReader{source_, below.directory}, below.snapshots, std::nullopt, false});
        levels_.push_back(std::move(level));
    }

    // The least name that is next on any side, on all sides that have it. False where all have ended.
    Result<bool> step(Level& level) {
        const std::string* least = nullptr;
        for (Side& side : level.sides) {
            if (!side.entry && !side.ended) {
                side.entry = DR_TRY(side.reader.next());
                side.ended = !side.entry;
            }
            if (side.entry && (least == nullptr || side.entry->name < *least)) least = &side.entry->name;
        }
        if (least == nullptr) return false;
        const std::string name = *least;
        if (!path_.empty()) path_ += '/';
        path_ += name;

        std::vector<FoundVersion> versions;
        std::vector<Below> below;
        for (Side& side : level.sides) {
            if (!side.entry || side.entry->name != name) continue;
            take(side, versions, below);
            side.entry.reset();
        }
        for (const FoundVersion& version : versions) DR_TRY(visit_(version));
        if (!below.empty()) enter(below);
        return true;
    }

    void take(const Side& side, std::vector<FoundVersion>& versions, std::vector<Below>& below) const {
        const Entry& entry = *side.entry;
        const bool is_directory = entry.kind == EntryKind::Directory;
        if (is_directory && pattern_.may_match_below(path_)) add_below(below, entry.directory, side.snapshots);
        if (!pattern_.matches(path_, is_directory)) return;
        const auto known = std::ranges::find_if(versions, [&](const FoundVersion& version) {
            return same_content(version.entry, entry) && same_metadata(version.entry, entry) &&
                   version.entry.directory == entry.directory;
        });
        if (known == versions.end())
            versions.push_back({path_, entry, side.snapshots});
        else
            merge(known->snapshots, side.snapshots);
        std::ranges::sort(versions, {}, [](const FoundVersion& version) { return version.snapshots.front(); });
    }

    BlobSource& source_;
    const Glob& pattern_;
    const FoundVisitor& visit_;
    std::deque<Level> levels_;
    std::string path_;
};

}  // namespace

Result<void> find_entries(BlobSource& source, std::span<const FindRoot> roots, const Glob& pattern,
                          const FoundVisitor& visit) {
    return Finder{source, pattern, visit}.run(roots);
}

}  // namespace dr
