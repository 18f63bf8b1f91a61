#pragma once
// Collector: removes the packs that nothing needs any more (FORMAT 10: tighten, condemn, reap, swept), beside any
// number of writers and readers, with nothing to lock or unlock.
//
//   1 sessions whose process is gone are abandoned: they hold packs back
//   2 mark: the trees of all snapshots are walked; packs that none of them uses leave the packsets (needs the read key,
//     and an index that can be read). What a snapshot uses is what its own packset holds: see marking.h
//   3 condemn: packs in no packset, so that sessions that begin from now on do not use them
//   4 reap: packs condemned in the view of every open session are given up in the log, deleted, and said to be swept
//   5 orphans: packs and index runs of ended sessions that no record names
//   6 leftovers: temporary files and marks of killed writers
// Each step is durable in the log before the next acts on it; killed anywhere, the next run goes on. What a session
// that is open just now may still rescue is left for the next run.

#include <cstdint>
#include <string>

#include "dr/base/monitor.h"
#include "dr/platform/clock.h"
#include "dr/repository/repository.h"

namespace dr {

struct CollectOutcome {
    std::uint64_t sessions_abandoned = 0;
    bool marked = false;  // and no part of the index was unreadable
    std::uint64_t packs_condemned = 0;
    std::uint64_t packs_removed = 0;  // with those that an earlier run reaped and did not delete
    std::uint64_t bytes_freed = 0;    // of packs, orphans and leftovers
    std::uint64_t orphans_removed = 0;
    std::uint64_t packs_waiting = 0;  // condemned, but a session open just now could still need them
};

// Refused where `actor` lacks the role gc: for whoever does something else first that only makes sense with collect().
Result<void> may_collect(const State& state, const PublicKey& actor);

// Marks if `repository` is unlocked. Fails with Refused where `actor` lacks the role gc, Damaged where a tree cannot be
// read (then nothing was condemned: what is needed is not known), Cancelled, or what store and log fail with.
Result<CollectOutcome> collect(Repository& repository, const SigningKey& actor, const Clock& clock,
                               const std::string& liveness_directory, const std::string& host, Monitor& monitor);

}  // namespace dr
