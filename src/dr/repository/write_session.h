#pragma once
// WriteSession: one writer's session from `open` to its commit (FORMAT 10, DESIGN 5 R1, R2, R5).
//
// What was stored by a session that died is taken over, so an interrupted backup goes on where it was. Any number of
// sessions may be open on one repository. A session that is dropped without commit() stays open in the log, with nobody
// living behind it: the next one adopts it, or a collector abandons it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dr/base/monitor.h"
#include "dr/platform/host.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/liveness.h"
#include "dr/repository/pack_sink.h"
#include "dr/repository/pack_source.h"
#include "dr/repository/repository.h"
#include "dr/repository/snapshot_body.h"

namespace dr {

// The directory for liveness marks of this store; empty where it has none.
std::string liveness_directory(const ObjectStore& store);

// Removes what killed writers left in the storage's tmp/, and nothing of writers that may live. Returns how many bytes
// that freed; what cannot be removed is litter, not a failure.
std::uint64_t remove_leftovers(ObjectStore& store, const State& state, const std::string& host);

// Reads content of `repository`, which must be unlocked and must outlive what is returned; so must its log not move
// meanwhile. Damaged packs are asked for what no live one holds, unless only what new snapshots may refer to is wanted.
enum class ContentOf : std::uint8_t { LivePacks, AllPacks };
std::unique_ptr<PackSource> open_content(const Repository& repository, ContentOf packs = ContentOf::AllPacks);

struct WriteSessionOptions {
    std::string spec_id;  // the parent is the newest snapshot of this plan
    std::string tag;
    int compression = kLevelByContent;  // as level_for() takes it
    std::size_t memory_budget = 64U << 20;
};

// What a commit says besides what the session knows itself.
struct CommitDetails {
    Identifier spec_id;
    Identifier tag;
    std::uint64_t total_bytes = 0;
    std::uint64_t file_count = 0;
    std::uint64_t files_unreadable = 0;
    std::uint32_t retention_days = 0;
    bool worm = false;  // retain_until = created_at + retention_days
    SnapshotBody body;  // its nonce is drawn here
};

class WriteSession {
public:
    // Borrows all, those that are not null; `repository` must be unlocked.
    struct World {
        Repository& repository;
        TaskPool& pool;
        const HostIdentity& host;
        const Clock& clock;
        Random& random;
        Monitor* monitor = nullptr;  // is told what does not end the session
    };
    static Result<std::unique_ptr<WriteSession>> open(const World& world, const WriteSessionOptions& options);

    std::uint64_t id() const { return id_; }
    PackSink& sink() { return *sink_; }
    // Content of live packs as of the session's view, for the parent's tree.
    PackSource& source() { return *source_; }
    const std::optional<Snapshot>& parent() const { return parent_; }
    // A pack of the parent is known to be damaged. The new snapshot holds the others only, so what it takes over from
    // the parent must be found in source().
    bool parent_is_damaged() const { return parent_is_damaged_; }
    std::size_t packs_adopted() const { return packs_adopted_; }
    std::uint64_t bytes_adopted() const { return bytes_adopted_; }

    // Finishes the sink and appends the commit, which ends the session. All that the snapshot references is durable
    // before its record is. Returns the record's number. Fails with what the sink and the log fail with; the session
    // can then still be adopted.
    Result<std::uint64_t> commit(CommitDetails details);
    // Ends the session without a snapshot: what it stored becomes garbage.
    Result<void> abandon();

    // After commit().
    const SinkTotals& totals() const { return totals_; }

private:
    explicit WriteSession(const World& world) : world_(world) {}

    Result<void> append_open(const WriteSessionOptions& options);
    void choose_parent(const State& now, const WriteSessionOptions& options);
    Result<void> adopt();
    Result<void> keep_up_index(RecordLists& lists);
    Result<void> publish_part(RecordLists& lists);
    Result<Appended> append_commit(Commit& commit);
    Result<Commit> make_commit(CommitDetails& details);
    std::vector<PackId> rescue_needed(const State& now) const;

    World world_;
    int compression_ = kLevelByContent;
    std::uint64_t id_ = 0;
    std::optional<Snapshot> parent_;
    bool parent_is_damaged_ = false;
    std::vector<PackId> inherited_;  // packs of a damaged parent that are live
    std::vector<std::uint64_t> adopted_;
    std::size_t packs_adopted_ = 0;
    std::uint64_t bytes_adopted_ = 0;
    LivenessMark mark_;
    std::unique_ptr<SessionKeys> keys_;
    std::unique_ptr<PackSource> source_;
    std::unique_ptr<PackSink> sink_;
    std::vector<PackId> held_;  // older packs that the session needs
    SinkTotals totals_;
};

}  // namespace dr
