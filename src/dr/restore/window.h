#pragma once
// A window: the next entries of the tree, some thousands of them, restored together.
//
// Their blobs are located, sorted by pack and offset and gathered by frame, so that each frame is fetched, opened and
// inflated once and packs are read front to back. Frames are worked on by all cores, in any order; two windows are in
// flight, so that the tree is read on while the last frames of a window finish.

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "dr/platform/task_pool.h"
#include "dr/repository/blob_source.h"
#include "dr/restore/file_writer.h"

namespace dr {

struct Window {
    static constexpr std::size_t kMaxEntries = 32U << 10;    // the more, the fewer times the index is read
    static constexpr std::uint64_t kMaxBytes = 64ULL << 20;  // of content
    static constexpr std::size_t kMaxEncoded = 8U << 20;     // of entries: they may hold attributes and small contents
    static constexpr std::size_t kMaxLargeFiles = 128;       // each holds a descriptor

    struct SmallFile {
        DirectoryPtr directory;
        Entry entry;
    };
    struct Piece {
        BlobPlace place;
        BlobId id;
        std::uint64_t offset = 0;
        std::uint32_t length = 0;
        std::uint32_t file = 0;  // in large_files or single_files
        bool large = false;
        bool done = false;  // taken from the old file, or failed
    };
    struct LeftDirectory {
        DirectoryPtr parent;
        DirectoryPtr directory;
        Entry entry;
    };

    std::vector<SmallFile> light;         // content at hand, or none
    std::vector<SmallFile> single_files;  // of one blob
    std::vector<std::shared_ptr<LargeFile>> large_files;
    std::vector<Piece> pieces;
    std::vector<FileWriter::Link> links;  // to be made when all files are
    std::vector<LeftDirectory> left;      // complete after that, innermost first
    std::uint64_t bytes = 0;
    std::size_t encoded = 0;           // bytes of the entries as they lie in the tree
    std::atomic<std::size_t> open{0};  // tasks

    bool full() const {
        return light.size() + single_files.size() + links.size() + left.size() >= kMaxEntries ||
               pieces.size() >= 2 * kMaxEntries || bytes >= kMaxBytes || encoded >= kMaxEncoded ||
               large_files.size() >= kMaxLargeFiles;
    }
};

class WindowRunner {
public:
    struct Parts {
        BlobSource& source;
        DirectoryHandles& handles;
        MetadataWriter& metadata;
        FileWriter& writer;
        RestoreState& state;
        TaskPool& pool;
    };
    explicit WindowRunner(const Parts& parts) : parts_(parts) {}
    ~WindowRunner() { drain(); }

    // Starts the work on a window; waits for an older one if two are in flight. One thread calls.
    void run(std::unique_ptr<Window> window);
    // Returns when all windows are done.
    void drain();

private:
    using FramePtr = std::shared_ptr<const OpenFrame>;
    struct RecentFrame {
        BlobPlace place;
        FramePtr frame;
    };

    void reuse_old_content(Window& window);
    void reuse_piece(Window& window, Window::Piece& piece);
    void locate(Window& window);
    void submit_frames(Window& window);
    void submit_light(Window& window);
    void submit(Window& window, Priority priority, std::move_only_function<void()> task);
    void finish_oldest();

    void run_frame(Window& window, std::size_t begin, std::size_t end, bool remember);
    Result<FramePtr> open_frame(const BlobPlace& place, bool remember);
    void check_pieces(Window& window, std::size_t begin, std::size_t end, const OpenFrame& frame);
    void write_pieces(Window& window, std::size_t begin, std::size_t end, const OpenFrame& frame);
    void write_whole_piece(Window& window, const Window::Piece& piece, ByteSpan content);
    void read_elsewhere(Window& window, Window::Piece& piece, const Error& error);
    void fail_piece(Window& window, Window::Piece& piece, const Error& error);

    const Parts parts_;
    std::deque<std::unique_ptr<Window>> in_flight_;
    std::mutex mutex_;
    std::array<RecentFrame, 4> recent_;  // frames where a window ended: the next one goes on in them
    std::size_t next_recent_ = 0;
};

}  // namespace dr
