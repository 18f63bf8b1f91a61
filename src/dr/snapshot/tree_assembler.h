#pragma once
// TreeAssembler: makes the tree of what a backup's units say, in their order, and counts what became of the files.
//
// Directories are written when they are left, so a tree of any depth and size is built with one unfinished node per
// level and directory on the way. One thread at a time.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/tree_writer.h"
#include "dr/snapshot/backup.h"
#include "dr/snapshot/backup_unit.h"

namespace dr {

struct AssemblyTotals {
    std::uint64_t files_new = 0;
    std::uint64_t files_changed = 0;
    std::uint64_t entries_lost = 0;  // counted by the walk, but not stored
    std::uint64_t directories_lost = 0;
    std::uint64_t private_keys = 0;
    std::uint64_t bytes = 0;         // of files_new and files_changed
    std::set<std::size_t> datasets;  // that they belong to
    PartSet parts = 0;
};

class TreeAssembler {
public:
    // Borrows all; `parent` may be null where there is none.
    TreeAssembler(const TreeOutput& output, BlobSource* parent, Monitor& monitor);

    // Takes the unit's items; all its files have their outcome, all its blobs have been given to the sink.
    Result<void> take(BackupUnit& unit);

    // Something of the sources that is not stored as it should be.
    void report(std::string path, std::string reason);

    // After the last unit.
    DirRef root() const { return root_; }
    const AssemblyTotals& totals() const { return totals_; }
    std::vector<UnreadableFile> take_unreadable() { return std::move(unreadable_); }
    std::uint64_t unreadable_count() const { return unreadable_count_; }

private:
    struct Frame {
        Entry entry;
        DirectoryWriter writer;
        bool only_if_filled = false;
        bool filled = false;
        std::size_t path_length = 0;  // of the directory above
    };

    Result<void> handle(BackupUnit& unit, EnterItem& item);
    Result<void> handle(BackupUnit& unit, LeaveItem& item);
    Result<void> handle(BackupUnit& unit, CopyItem& item);
    Result<void> handle(BackupUnit& unit, RawItem& item);
    Result<void> handle(BackupUnit& unit, EntryItem& item);
    Result<void> handle(BackupUnit& unit, FileItem& item);
    Result<void> handle(BackupUnit& unit, ProblemItem& item);
    Result<void> handle(BackupUnit& unit, WarningItem& item);
    Result<void> handle(BackupUnit& unit, WholeItem& item);
    Result<void> add(Entry& entry);
    std::string path_of(std::string_view name) const;

    const TreeOutput output_;
    BlobSource* parent_;
    Monitor& monitor_;
    std::vector<Frame> frames_;
    std::string path_;  // of the innermost directory
    DirRef root_;
    AssemblyTotals totals_;
    std::vector<UnreadableFile> unreadable_;
    std::uint64_t unreadable_count_ = 0;
};

}  // namespace dr
