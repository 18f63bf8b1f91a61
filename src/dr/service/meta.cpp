#include "dr/service/meta.h"

#include <algorithm>

namespace dr {

SnapshotMeta meta_of(const Snapshot& snapshot, const OpenRepository& open) {
    const State& state = open.repository.state();
    SnapshotMeta meta;
    meta.snapshot_id = Identifier::parse(snapshot.id.hex()).value();
    meta.spec_id = snapshot.spec_id;
    meta.tag = snapshot.tag;
    meta.created_at = snapshot.created_at;
    meta.total_bytes = snapshot.total_bytes;
    meta.file_count = snapshot.file_count;
    meta.manifest_hash = snapshot.manifest_hash;
    meta.encrypted = snapshot.encrypted;
    meta.storage_backend = parse_backend(open.store->backend()).value();
    meta.storage_path = open.store->location();
    if (snapshot.retain_until.nanoseconds() != 0) meta.retain_until = snapshot.retain_until;
    meta.worm = snapshot.worm;
    meta.files_unreadable = snapshot.files_unreadable;
    // A parent that was forgotten since is no snapshot any more.
    if (const Snapshot* parent = state.snapshot_at(snapshot.parent))
        meta.parent = Identifier::parse(parent->id.hex()).value();
    meta.record = snapshot.record;
    meta.signed_by = snapshot.actor;
    meta.signature.assign(snapshot.signature.begin(), snapshot.signature.end());
    if (!open.pinned_actors.empty())
        meta.signer_pinned = std::ranges::find(open.pinned_actors, snapshot.actor) != open.pinned_actors.end();
    return meta;
}

}  // namespace dr
