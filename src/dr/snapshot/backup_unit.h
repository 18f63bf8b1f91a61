#pragma once
// Units: what a backup's walk hands to the threads that read. A unit is a batch of small files and of everything else
// the walk met between them, or one large file. Units are stored in the order of the walk, whoever reads them when.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "dr/models/selection.h"
#include "dr/repository/tree.h"
#include "dr/repository/tree_codec.h"
#include "dr/snapshot/chunk_cutter.h"
#include "dr/snapshot/directory_handle.h"

namespace dr {

class LargeFileReader;

// How reading a file ended.
struct ReadOutcome {
    enum class Kind : std::uint8_t { Stored, Unreadable, PrivateKey };
    Kind kind = Kind::Stored;
    std::string reason;   // of Unreadable
    std::string problem;  // Stored, but something about it is to be reported
};

// What the names of one hard-linked file share: the first name is read, the others take over what it found. If that was
// nothing, or another file that had taken the name, the next name is read in its turn.
struct LinkedContent {
    bool complete = false;
    ReadOutcome outcome;  // Stored or PrivateKey
    Entry entry;
};

// A file to be read. The reader completes `entry`: metadata of the file as it was read, content, attributes.
struct FileWork {
    std::shared_ptr<const DirectoryHandle> directory;
    FileStat stat;
    Entry entry;
    bool known_to_parent = false;
    std::vector<std::size_t> datasets{};  // that it belongs to, as Selection::datasets() has them
    PartSet parts = 0;                    // … and Selection::parts()
    ReadOutcome outcome;
    bool is_another = false;              // what was opened is not the file that the walk saw
    std::shared_ptr<LinkedContent> link;  // set for hard links
    bool first_link = false;              // read with its unit; the others once it is known that they must be
};

// What the walk says, in order. Paths are implied: items lie in the directory that was entered last.
struct EnterItem {
    std::unique_ptr<Entry> entry;
    bool only_if_filled = false;  // drop the directory if nothing was stored in it
};
struct LeaveItem {};
struct CopyItem {  // the first `count` entries of a directory of the parent snapshot
    DirRefView directory;
    std::shared_ptr<const void> owner;
    std::uint64_t count = 0;
};
struct RawItem {  // one entry of the parent snapshot: `length` bytes at `offset` of the unit's raw bytes
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
    std::uint32_t name_length = 0;  // the name stands in front of the entry
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
};
struct EntryItem {  // complete as it is
    std::unique_ptr<Entry> entry;
};
struct FileItem {
    std::uint32_t index = 0;  // in BackupUnit::files
};
struct ProblemItem {
    std::string path;
    std::string reason;
};
struct WarningItem {  // something about the repository: no file is lost
    std::string path;
    Error error;
};
struct WholeItem {  // the whole tree is that of the parent snapshot
    DirRef root;
};
using BackupItem =
    std::variant<EnterItem, LeaveItem, CopyItem, RawItem, EntryItem, FileItem, ProblemItem, WarningItem, WholeItem>;

struct BackupUnit {
    std::vector<BackupItem> items;
    std::vector<FileWork> files;
    Bytes raw;
    bool large = false;            // files[0] is read in steps
    std::uint64_t read_bytes = 0;  // of the files that are to be read

    // Of the thread that reads it.
    std::unique_ptr<LargeFileReader> reader;

    // Blobs in the order of the files, read but not yet given to the sink; under the pipeline's lock.
    std::deque<StoredBlob> output;
    std::uint64_t held = 0;            // their bytes
    std::size_t kept_directories = 0;  // open, for names that may have to be read yet
    bool busy = false;                 // a thread reads
    bool read = false;                 // nothing is left to read

    BackupUnit();
    ~BackupUnit();
};

}  // namespace dr
