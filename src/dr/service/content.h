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

// A read session in the log, so that no collector removes what is being read. Reading works without one (a read-only
// store, a key without the right): then a pack may be reaped meanwhile.
class ReadSession {
public:
    ReadSession() = default;  // none
    // Borrows all.
    static ReadSession open(const World& world, Repository& repository);
    ReadSession(ReadSession&& other) noexcept = default;
    ReadSession& operator=(ReadSession&& other) noexcept;  // to one that is not open
    ~ReadSession();
    bool is_open() const { return repository_ != nullptr; }
    // Whether the log, as it was last read, has not ended the session: another host's prune may take it for one that
    // was left.
    bool holds_packs() const;

private:
    explicit ReadSession(const World& world) : world_(&world) {}
    struct Release {
        void operator()(Repository*) const {}
    };

    const World* world_ = nullptr;
    std::unique_ptr<Repository, Release> repository_;  // null: none, or moved away
    std::uint64_t id_ = 0;
    LivenessMark mark_;
};

struct OpenSnapshot {
    std::unique_ptr<OpenRepository> open;
    ReadSession reading;
    Snapshot snapshot;  // as it is with the session open: its packs stay
    SnapshotBody body;
    std::unique_ptr<PackSource> source;

    // Whether packs may have been missed because a prune went ahead, for lack of a session or after another host ended
    // it: that is no damage. Reads the log again.
    bool was_overtaken();
};

enum class Packs : std::uint8_t {
    Held,  // by a session: for what takes its time
    AsTheyAre,
};

// `name`: an id, a unique prefix, latest, latest:TAG.
Result<OpenSnapshot> open_snapshot(const World& world, const Settings& settings, const std::string& name, Packs packs,
                                   Monitor& monitor);

}  // namespace dr
