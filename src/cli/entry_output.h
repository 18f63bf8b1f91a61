#pragma once
// How an entry of a snapshot is shown: the fields of its JSON object, and a line as ls(1) writes it.

#include <string>
#include <string_view>

#include "dr/models/json_writer.h"
#include "dr/models/snapshot_meta.h"
#include "dr/repository/tree.h"
#include "dr/service/service.h"

namespace dr::cli {

std::string_view label(EntryKind kind);  // "file", "directory", …

// kind, size_bytes, mode, uid, gid, mtime, sha256: the state that ls, find and diff share.
void write_entry_state(JsonWriter& json, const Entry& entry);

Timestamp mtime_of(const Entry& entry);

// "-rw-r--r--  0  0       12345  2026-11-23 17:08  path", with the target of a symlink.
std::string entry_line(std::string_view path, const Entry& entry);

// The snapshot that `name` (an id, a unique prefix, latest, latest:TAG) means among `snapshots`, oldest first; null
// where that is not clear: then the service says why.
const SnapshotMeta* find_meta(const std::vector<SnapshotMeta>& snapshots, std::string_view name);

}  // namespace dr::cli
