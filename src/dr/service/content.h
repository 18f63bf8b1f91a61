#pragma once
// A snapshot opened for reading: its commit, its sealed body, and the source of its blobs.

#include <memory>
#include <string>

#include "dr/repository/write_session.h"
#include "dr/service/access.h"

namespace dr {

unsigned worker_count(const Settings& settings);

// The sealed body of a snapshot of an unlocked repository.
Result<SnapshotBody> read_body(const Repository& repository, const Snapshot& snapshot);

struct OpenSnapshot {
    std::unique_ptr<OpenRepository> open;
    Snapshot snapshot;
    SnapshotBody body;
    std::unique_ptr<PackSource> source;
};

// A read session in the log, so that no collector removes what is being read. Reading works without one (a read-only
// store, a key without the right): then a pack may be reaped meanwhile, and the reader says so.
class ReadSession {
public:
    // Borrows all.
    static ReadSession open(const World& world, Repository& repository);
    ReadSession(ReadSession&& other) noexcept = default;
    ReadSession& operator=(ReadSession&&) = delete;
    ~ReadSession();
    bool is_open() const { return repository_ != nullptr; }

private:
    explicit ReadSession(const World& world) : world_(&world) {}
    struct Release {
        void operator()(Repository*) const {}
    };

    const World* world_;
    std::unique_ptr<Repository, Release> repository_;  // null: none, or moved away
    std::uint64_t id_ = 0;
    LivenessMark mark_;
};

// `name`: an id, a unique prefix, latest, latest:TAG.
Result<OpenSnapshot> open_snapshot(const World& world, const Settings& settings, const std::string& name,
                                   Monitor& monitor);

}  // namespace dr
