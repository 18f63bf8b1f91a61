#pragma once
// The restore proper: walks the snapshot's tree again, takes the plan's actions, and turns entries into windows of
// work.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "dr/repository/tree_reader.h"
#include "dr/restore/link_groups.h"
#include "dr/restore/planner.h"
#include "dr/restore/shadows.h"
#include "dr/restore/window.h"

namespace dr {

class TreeRestorer {
public:
    struct Parts {
        const RestoreRequest& request;
        const std::vector<Action>& actions;
        const KeptFiles& kept;
        BlobSource& source;
        DirectoryHandles& handles;
        MetadataWriter& metadata;
        FileWriter& writer;
        WindowRunner& runner;
        Shadows& shadows;
        RestoreState& state;
    };
    explicit TreeRestorer(const Parts& parts) : parts_(parts) {}

    // When it returns, everything is built in staging, or the state says why not.
    void run(const DirRef& root, const DirectoryPtr& target);

private:
    // A directory that the walk is in: one that exists in the target (merged), or one that is being made.
    struct Level {
        DirectoryReader reader;
        std::unique_ptr<MergedDirectory> merged;  // null: new
        DirectoryPtr made;                        // of a new one: null until something is made in it
        bool replaces = false;                    // a new one in the place of a file
        Entry entry;                              // its metadata
        bool everything = true;
        std::size_t path_length = 0;
    };

    void step();
    Result<void> visit(Level& level, const EntryView& entry);
    Result<void> visit_directory(Level& level, const EntryView& entry, Action action, RestoreFilter::Answer answer);
    bool link_to_first(const DirectoryPtr& place, Entry& entry);
    Result<void> visit_file(const DirectoryPtr& place, Entry entry, Action action);
    Result<void> keep(Level& level, const EntryView& view, Action action);
    Result<void> refresh(const DirectoryPtr& directory, const Entry& entry, const SeenFile& planned);
    Result<void> add_large(const DirectoryPtr& place, Entry entry, Action action);
    Result<void> add_pieces(const std::shared_ptr<LargeFile>& file);
    void leave();

    Action next_action(const Level& level);
    Result<DirectoryPtr> place_in(std::size_t level, bool replacing);
    void enter(Level level);
    void start_next_window();
    std::string path_in(const Level& level, std::string_view name) const;

    const Parts parts_;
    std::deque<Level> levels_;  // references stay good while the walk goes down
    std::unique_ptr<Window> window_ = std::make_unique<Window>();
    LinkGroups links_;
    std::string path_;  // kept only while a filter asks for it
    std::size_t next_action_ = 0;
};

}  // namespace dr
