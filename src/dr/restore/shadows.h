#pragma once
// Shadows: for each directory of the target that gets something new, a directory in staging where it is built under its
// final name; and the moment when all of it appears.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dr/restore/directory.h"
#include "dr/restore/metadata.h"
#include "dr/restore/staging.h"
#include "dr/restore/state.h"

namespace dr {

// A directory that is in the target and in the snapshot.
struct MergedDirectory {
    DirectoryPtr directory;
    DirectoryPtr parent;     // null for the target itself, whose metadata is not the snapshot's
    Entry entry;             // metadata
    bool selected = true;    // itself; otherwise only something below it is, and it stays as it is
    DirectoryPtr creating;   // shadow of what is new; null: nothing is
    DirectoryPtr replacing;  // shadow of what is replaced
};

// One thread.
class Shadows {
public:
    Shadows(DirectoryHandles& handles, DirectoryPtr target, std::string id)
        : handles_(handles), target_(std::move(target)), id_(std::move(id)) {}

    // Makes the staging directory in the target. To be called first, if there is something to build. Fails as
    // Staging::create() does.
    Result<void> open();

    // The shadow of `merged` for new or for replacing entries; made where there is none yet.
    Result<DirectoryPtr> for_creating(MergedDirectory& merged) { return make(merged.directory, merged.creating, 'c'); }
    Result<DirectoryPtr> for_replacing(MergedDirectory& merged) {
        return make(merged.directory, merged.replacing, 'r');
    }

    // Everything below it is built. Directories come innermost first.
    void add(MergedDirectory merged) { merged_.push_back(std::move(merged)); }

    // Whether there is anything to publish.
    bool any() const { return !merged_.empty(); }

    // Renames all into place, then puts the metadata of merged directories. What cannot be put in its place fails by
    // itself.
    void publish(MetadataWriter& metadata, RestoreState& state, bool overwrite);

private:
    Result<DirectoryPtr> make(const DirectoryPtr& real, DirectoryPtr& shadow, char kind);
    Result<void> move_out(const DirectoryPtr& shadow, const DirectoryPtr& real, bool replacing,
                          MetadataWriter& metadata, RestoreState& state);
    void take_back(const DirectoryPtr& shadow, const std::string& name, MetadataWriter& metadata, RestoreState& state);
    void finish_directory(const MergedDirectory& merged, MetadataWriter& metadata, RestoreState& state, bool overwrite);

    DirectoryHandles& handles_;
    DirectoryPtr target_;
    std::string id_;
    std::optional<Staging> staging_;
    DirectoryPtr staging_directory_;
    std::uint64_t count_ = 0;
    std::vector<MergedDirectory> merged_;
};

}  // namespace dr
