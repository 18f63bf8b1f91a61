#pragma once
// Reading files: small ones by the batch, large ones in steps, both while somebody else may write to them.
//
// A file that changed while it was read is read again; if it never holds still, it is stored as read last and marked.
// What vanished, cannot be read or is no longer a regular file ends in its FileWork's outcome, never in an error.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "dr/snapshot/backup.h"
#include "dr/snapshot/backup_unit.h"
#include "dr/snapshot/buffer_pool.h"

namespace dr {

// Limits that decide what goes where; the same for equal repositories, so that equal sources give equal blobs.
inline constexpr std::uint64_t kBatchBytes = 2U << 20;
inline constexpr std::size_t kBatchFiles = 256;
inline constexpr std::size_t kStepBytes = 4U << 20;
inline constexpr std::uint64_t kMinimumSparse = 4096;  // smaller files are stored whole: blocks say nothing about them

// What all readers share. Thread-safe.
struct ReadContext {
    const ContentKeys& keys;
    const BackupOptions& options;
    BufferPool chunk_buffers;
    BufferPool batch_buffers;
    std::atomic<std::uint64_t> bytes_read = 0;
    std::atomic<std::uint64_t> files_unmodified = 0;  // for progress
    std::atomic<std::uint64_t> bytes_unmodified = 0;

    ReadContext(const ContentKeys& content_keys, const BackupOptions& backup_options);
    // True if the file is read in steps by a LargeFileReader.
    bool is_large(const FileStat& stat) const;
};

// An open file and what was known of it when it was opened, or of a small one when it had been read.
struct OpenFile {
    FileDescriptor fd;
    FileStat stat;
};

// Opens work.entry's file without following links, without touching its access time where that is allowed, and without
// waiting for a FIFO that took its place. Fails with the reason for the report.
Result<OpenFile> open_file(ReadContext& context, const FileWork& work);

// Reads all files of a batch; their blobs come in the order of the files.
std::vector<StoredBlob> read_batch(ReadContext& context, std::vector<FileWork>& files);

// Reads one large file in steps.
class LargeFileReader {
public:
    LargeFileReader(ReadContext& context, FileWork& work);

    // Reads, cuts and hashes about kStepBytes, adding blobs to `output`. False once the file is done.
    bool step(std::vector<StoredBlob>& output);

private:
    bool start();
    bool step_data(std::vector<StoredBlob>& output, std::uint64_t& budget);
    bool find_run();
    bool read_some();
    bool complete(std::vector<StoredBlob>& output);
    bool fail(const Error& error);
    bool may_be_private_key() const;

    ReadContext& context_;
    FileWork& work_;
    ChunkCutter cutter_;
    OpenFile file_;
    int attempt_ = 0;
    bool sparse_ = false;
    bool cut_short_ = false;    // it ended before its size
    std::uint64_t size_ = 0;    // how much is read: its size when it was opened
    std::uint64_t offset_ = 0;  // of the next byte to read
    std::uint64_t run_end_ = 0;
    Bytes whole_;  // of a file that may be a private key
};

// What looks like a read of one file, for its entry: metadata, attributes and flags of the open file.
void describe(FileWork& work, const OpenFile& file);

}  // namespace dr
