#pragma once
// What all parts of a running restore share: counts, failures, and whether to stop.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "dr/base/monitor.h"
#include "dr/restore/restore.h"

namespace dr {

// Thread-safe.
class RestoreState {
public:
    RestoreState(Monitor& monitor, const RestorePlan& plan) : monitor_(monitor), plan_(plan) {}

    // One entry could not be restored. What would fail for every other entry as well (a full disk) stops the restore.
    void fail(const std::string& path, Error error);
    // One entry is not restored on purpose.
    void refuse(RefusalKind kind, const std::string& path, std::string why);
    // Ends the restore with this error, unless it has ended with another before.
    void stop(Error error);
    // Asked by every task before it starts; asks the user's wish too.
    bool stopped();
    // The error that stopped it, if one did.
    Result<void> outcome();

    void file_done(std::uint64_t bytes);
    void read(std::uint64_t bytes) { bytes_read_ += bytes; }
    void directory_done() { ++directories_; }
    // Of what was counted when it was built, this did not get to its place.
    struct Built {
        std::uint64_t files = 0;
        std::uint64_t directories = 0;
        std::uint64_t bytes = 0;
    };
    void take_back(const Built& built);
    void file_replaced() { ++replaced_; }  // one of those done took the place of another
    void metadata_done() { ++metadata_; }  // of something that stayed
    void report();

    // Puts counts and failures where they belong. Call when no task runs any more.
    void tell(RestoreOutcome& outcome);

private:
    Monitor& monitor_;
    const RestorePlan& plan_;
    std::atomic<std::uint64_t> files_{0};
    std::atomic<std::uint64_t> directories_{0};
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::uint64_t> bytes_read_{0};
    std::atomic<std::uint64_t> replaced_{0};
    std::atomic<std::uint64_t> metadata_{0};
    std::atomic<bool> stopped_{false};
    std::mutex mutex_;
    std::optional<Error> reason_;
    std::vector<PathProblem> refused_;
    std::uint64_t refused_count_ = 0;
    WithheldEntries withheld_;
    std::vector<PathProblem> failures_;
    std::uint64_t failure_count_ = 0;
    bool damaged_ = false;
};

}  // namespace dr
