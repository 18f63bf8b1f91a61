#pragma once
// SourceWalk: the selected sources as one tree, each directory in byte order, beside the same tree of the parent
// snapshot.
//
// What is as the parent has it costs one statx and one comparison and says nothing: a directory is only entered in the
// units once something in it differs, and its entries up to there are then copied from the parent. So an unchanged tree
// gives no items at all, and a change gives those of its own directories.
//
// A program that has mapped a file may write to a dirty page again and again without changing the file's times. So each
// file system is written out once (syncfs) when the walk comes to it. What is dirty after that has been dirtied since,
// by a store that changed the times to later than the start of the scan: the next backup does not trust such times
// (kSettleSeconds). Every other page is clean, and the first store to it changes the times. This asks of the file
// system that syncfs makes pages clean: tmpfs and overlays mounted `volatile` never do (docs/THREAT_MODEL.md).
//
// Memory: the names of the directories on the way from the root, and a bounded number of open directories. The depth
// may be that of FORMAT 13. One thread at a time.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dr/snapshot/backup.h"
#include "dr/snapshot/backup_unit.h"
#include "dr/snapshot/directory_handle.h"
#include "dr/snapshot/file_reader.h"
#include "dr/snapshot/virtual_places.h"

namespace dr {

// What the walk has decided to store; files that then cannot be read are taken off by whoever reads them.
struct WalkTotals {
    std::uint64_t entries = 0;
    std::uint64_t directories = 0;
    std::uint64_t files_unmodified = 0;
    std::uint64_t bytes_unmodified = 0;
    std::map<std::string, std::uint64_t, std::less<>> skipped;
};

class SourceWalk {
public:
    // Borrows all. Fails with NotFound or Io where the workspace cannot be opened.
    static Result<std::unique_ptr<SourceWalk>> open(const BackupSources& sources, const ParentTree* parent,
                                                    ReadContext& context);
    ~SourceWalk();

    // Adds to an empty unit what comes next: a bounded amount, also nothing. Not after done().
    //
    // Fails with BadRequest where two sources want one place, and with what reading the parent's tree fails with.
    Result<void> next(BackupUnit& unit);
    bool done() const { return frames_.empty() && !pending_large_; }

    const WalkTotals& totals() const { return totals_; }
    // Knows what was taken over from the parent; what else was stored, whoever reads knows.
    const DatasetTally& datasets() const { return tally_; }
    const std::vector<std::string>& parts_missing() const { return parts_missing_; }
    // Of which something else than a directory was stored, as far as the walk knows: see datasets().
    PartSet parts_stored() const { return parts_stored_; }

private:
    enum class Region : std::uint8_t { Workspace, Outside, Virtual };
    struct Frame;
    struct Visit;
    struct FileKey {
        std::uint64_t device;
        std::uint64_t inode;
        bool operator==(const FileKey&) const = default;
    };
    struct FileKeyHash {
        std::size_t operator()(const FileKey& key) const { return key.inode * 0x9e3779b97f4a7c15U + key.device; }
    };
    struct KnownLink {
        std::shared_ptr<LinkedContent> content;
        std::uint64_t names_left = 0;
    };

    SourceWalk(const BackupSources& sources, const ParentTree* parent, ReadContext& context);

    Result<void> open_root();
    void report_places();
    void write_out(std::uint64_t device, int fd, const RelativePath& path);
    void write_out_below(const Visit& visit, const DirectoryHandle& directory);
    Result<void> fill(BackupUnit& unit);
    Result<void> step();
    Result<void> visit_child(std::string_view name);
    Result<void> visit(Visit& visit);
    std::vector<std::size_t> datasets_of(const Visit& visit);
    PartSet parts_of(const Visit& visit) const;
    Result<void> visit_file(Visit& visit);
    Result<void> visit_special(Visit& visit);
    Result<void> visit_directory(Visit& visit);
    Result<void> visit_virtual(Visit& visit, const VirtualPlace& place);
    Result<void> enter(Visit& visit, std::shared_ptr<DirectoryHandle> handle, NameList names);
    Result<void> store_empty_directory(Visit& visit);
    Result<void> leave();
    Result<void> leave_unchanged();
    bool is_tagged_cache(const DirectoryHandle& handle, const NameList& names) const;
    Decision decide(const Visit& visit, bool has_cachedir_tag) const;
    bool is_repository(const FileStat& stat) const;
    bool opens_repository(const FileStat& stat) const;

    Result<std::shared_ptr<DirectoryHandle>> handle_of(std::size_t index);
    Result<std::shared_ptr<DirectoryHandle>> directory_of(const Visit& visit);
    Result<void> take_before(Frame& frame, Visit& visit);
    Result<void> advance_parent(Frame& frame, std::string_view name);
    Result<void> lose_parent(Frame& frame, const Error& error);
    bool leads_to_blobs(const EntryView& before) const;
    bool same_metadata(const EntryView& before, const FileStat& stat);
    bool may_reuse_content(const EntryView& before, const FileStat& stat) const;
    std::uint32_t device_index(std::uint64_t device);
    void link(FileWork& work);
    void set_links(Entry& entry, const FileStat& stat);

    Result<void> unchanged(Visit& visit);
    void emit_parent_entry(const EntryView& entry);
    void emit_directories();
    void emit(BackupItem item) { unit_->items.push_back(std::move(item)); }
    void problem(const RelativePath& path, std::string reason);
    void skipped(std::string_view reason);

    const BackupSources& sources_;
    const ParentTree* parent_;
    ReadContext& context_;
    DatasetTally tally_;
    std::vector<std::string> parts_missing_;
    PartSet parts_stored_ = 0;
    VirtualPlace places_;
    std::shared_ptr<DirectoryHandle> slash_;  // where outside places start
    std::int64_t settled_before_ = 0;         // seconds: what changed since may change again unseen
    Bytes list_buffer_;
    std::unordered_set<std::uint64_t> written_out_;  // devices

    std::vector<Frame> frames_;
    std::size_t emitted_ = 0;  // that many frames have been entered in the units
    RelativePath directory_;   // of the innermost frame
    BackupUnit* unit_ = nullptr;
    const DirectoryHandle* last_handle_ = nullptr;
    std::size_t unit_handles_ = 0;
    std::optional<FileWork> pending_large_;
    std::unordered_map<FileKey, KnownLink, FileKeyHash> links_;
    std::unordered_map<std::uint64_t, std::uint32_t> devices_;
    WalkTotals totals_;
};

}  // namespace dr
