#pragma once
// The blobs that a walk of the tree meets, looked up many at once in the order of the index, beside the walk.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "dr/platform/task_pool.h"
#include "dr/repository/blob_source.h"

namespace dr {

// Not one blob or node is wrong: further reading is pointless.
bool concerns_everything(ErrorCode code);

// How much is looked up at once. The more, the fewer times each piece of the index is read; a batch takes 70 bytes for
// each blob, and the paths. Three exist at most: one is filled while two run.
struct BlobLookupLimits {
    std::size_t blobs = 256U << 10;  // of a batch
    std::size_t path_bytes = 8U << 20;
    std::size_t piece = 4096;  // blobs to a task
};

// One thread calls. Borrows all.
class BlobLookup {
public:
    struct Parts {
        BlobSource& source;
        TaskPool& pool;
        const std::unordered_set<PackId>& damaged_packs;  // a blob of such a pack is read as well
        // What is wrong with a blob of the file or directory at `path`. `read`: it has a place and cannot be read.
        // Called from any thread.
        std::function<void(std::string_view path, const Error& error, bool read)> report;
        std::function<bool()> cancelled;  // any thread
        BlobLookupLimits limits = {};
    };
    explicit BlobLookup(Parts parts);
    ~BlobLookup();  // gives up what waits, and waits for what runs
    BlobLookup(const BlobLookup&) = delete;
    BlobLookup& operator=(const BlobLookup&) = delete;

    // Each may wait for older blobs. All fail with what concerns everything, and with Cancelled.
    Result<void> want(std::string_view path, BlobType type, const BlobId& id);
    Result<void> want_content(std::string_view path, const Sha256& content);  // a Data blob, named by its content

    // Returns when all are looked up.
    Result<void> finish();

private:
    struct Batch;

    Batch& batch();
    Result<void> start_if_full();
    void start();
    void look_up(Batch& batch);
    void take(const Batch& batch, std::size_t number, const BlobId& id, const Result<BlobPlace>& place);
    void lost(const Batch& batch, std::size_t number, const Error& error, bool read);
    void wait_until_at_most(std::size_t count);
    bool is_stopped() { return stopped_ || parts_.cancelled(); }
    Result<void> check() const;

    const Parts parts_;
    std::unique_ptr<Batch> batch_;         // being filled
    std::atomic<std::size_t> running_{0};  // batches
    std::atomic<bool> stopped_{false};
    mutable std::mutex mutex_;
    std::optional<Error> fatal_;  // under the mutex
};

}  // namespace dr
