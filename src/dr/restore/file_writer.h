#pragma once
// Files, made in staging: content that has been proven already, then metadata.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "dr/restore/directory.h"
#include "dr/restore/metadata.h"
#include "dr/restore/seen_file.h"
#include "dr/restore/state.h"

namespace dr {

// A file made of several pieces, which come in any order from any thread; the last one to finish completes it.
struct LargeFile {
    Entry entry;
    DirectoryPtr directory;  // where it is made
    FileDescriptor file;
    std::shared_ptr<FileDescriptor> old;  // the file it replaces, to take equal pieces from; null: none
    bool cloned = false;                  // `file` began as a clone of the old one: equal pieces are in it already
    std::atomic<std::uint64_t> open{1};   // pieces not written yet, and one for whoever adds them
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<bool> failed{false};
};

// Thread-safe. Failures go to the state; nothing half made stays under an entry's name.
class FileWriter {
public:
    FileWriter(DirectoryHandles& handles, MetadataWriter& metadata, RestoreState& state)
        : handles_(handles), metadata_(metadata), state_(state) {}

    // A regular file of these bytes.
    void write_small(const DirectoryPtr& directory, const Entry& entry, ByteSpan content);
    // A symlink, FIFO or device.
    void make_special(const DirectoryPtr& directory, const Entry& entry);

    // Makes an empty file for the pieces of `entry`. `old` may be null.
    Result<std::shared_ptr<LargeFile>> begin(const DirectoryPtr& directory, Entry entry,
                                             std::shared_ptr<FileDescriptor> old);
    void write_piece(LargeFile& file, std::uint64_t offset, ByteSpan content);
    void make_hole(LargeFile& file, std::uint64_t offset, std::uint64_t length);
    void fail(LargeFile& file, Error error);
    // One piece (or adding them) is over.
    void finish_piece(LargeFile& file);

    // A second name for a file made before, or for one that was there: `kept`. That lies where others may write, so it
    // has to be the same file still, and its content is checked again.
    struct Link {
        DirectoryPtr from;
        std::string from_name;
        DirectoryPtr to;
        Entry entry;
        std::optional<SeenFile> kept;
    };
    void link(const Link& link, BlobSource& source);

private:
    Result<void> try_write_small(const DirectoryPtr& directory, const Entry& entry, ByteSpan content);
    Result<void> try_make_special(const DirectoryPtr& directory, const Entry& entry);
    Result<void> try_link(const Link& link, BlobSource& source);
    Result<bool> is_what_was_kept(int directory, const Link& link, BlobSource& source);
    Result<void> complete(LargeFile& file);

    DirectoryHandles& handles_;
    MetadataWriter& metadata_;
    RestoreState& state_;
};

}  // namespace dr
