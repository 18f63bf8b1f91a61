#pragma once
// Pipeline: walk, read, store, on all cores and in one order.
//
// The walk makes units; any thread reads any of them ahead, in steps; one thread at a time gives what was read to the
// sink, unit by unit in the order of the walk, and then the units' items to the assembler. So the sink sees one
// sequence whatever the number of threads, two large files are hashed at once, and what waits is bounded.

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/platform/clock.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/blob_sink.h"
#include "dr/snapshot/backup_unit.h"
#include "dr/snapshot/file_reader.h"
#include "dr/snapshot/source_walk.h"
#include "dr/snapshot/tree_assembler.h"

namespace dr {

class Pipeline {
public:
    struct Parts {
        SourceWalk& walk;
        TreeAssembler& assembler;
        BlobSink& sink;
        ReadContext& context;
        TaskPool& pool;
        Clock& clock;
        Monitor& monitor;
    };
    // Borrows all.
    explicit Pipeline(const Parts& parts) : parts_(parts) {}

    // Runs to the end, or to the first error. No task of it is left when it returns.
    Result<void> run();

private:
    enum class Want : std::uint8_t { Anything, Drain, ReadFront };
    enum class Action : std::uint8_t { None, Drain, Read, Walk };
    struct Choice {
        Action action = Action::None;
        std::shared_ptr<BackupUnit> unit;
    };

    void schedule(std::size_t tasks_ended = 0);
    void act(Want want);
    Choice choose(Want want);
    bool can_drain() const;
    bool can_walk() const;
    bool is_front_to_read() const;
    bool can_read(const BackupUnit& unit) const;
    std::shared_ptr<BackupUnit> unit_to_read() const;
    void drain();
    Result<void> give(BackupUnit& unit, std::deque<StoredBlob> blobs);
    Result<void> give(StoredBlob blob);
    Result<void> share_links(BackupUnit& unit);
    Result<void> read_now(FileWork& work);
    void read(BackupUnit& unit);
    void walk();
    void fail(Error error);
    void show_progress();

    const Parts parts_;
    std::mutex mutex_;                               // guards all below, and the shared part of the units
    std::deque<std::shared_ptr<BackupUnit>> units_;  // in the order of the walk
    std::size_t unread_ = 0;
    std::uint64_t held_ = 0;            // bytes read and not yet given to the sink
    std::size_t kept_directories_ = 0;  // of the units
    bool walking_ = false;
    bool draining_ = false;
    bool walked_ = false;
    std::optional<Error> failed_;
    std::size_t tasks_ = 0;  // submitted or running
    bool drain_submitted_ = false;
    bool front_submitted_ = false;

    std::atomic<bool> finished_ = false;
    std::atomic<std::uint64_t> files_done_ = 0;
    std::atomic<std::uint64_t> bytes_done_ = 0;
    std::atomic<std::int64_t> shown_at_ = 0;
};

}  // namespace dr
