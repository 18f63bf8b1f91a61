// The verbs that look into snapshots: ls, find, diff, dump, manifest, stats.

#include "dr/browse/dump.h"
#include "dr/browse/find.h"
#include "dr/browse/manifest_export.h"
#include "dr/service/content.h"
#include "dr/service/entry_path.h"
#include "dr/service/meta.h"
#include "dr/service/service.h"

namespace dr {
Result<void> Service::ls(const std::string& name, const std::string& path, bool recursive, Monitor& monitor,
                         const EntryVisitor& visit) {
    const RelativePath where = DR_TRY(parse_entry_path(path));
    OpenSnapshot snapshot = DR_TRY(open_snapshot(world_, settings_, name, Packs::AsTheyAre, monitor));
    return list_entries(*snapshot.source, snapshot.body.root, where, recursive, visit);
}

Result<void> Service::find(const std::string& pattern, const std::string& tag, Monitor& monitor,
                           const std::function<Result<void>(const FindHit&)>& visit) {
    const Glob glob = DR_TRY(Glob::parse(pattern));
    OpenRepository open = DR_TRY(open_repository(world_, settings_, Access::Content, monitor));
    const State& state = open.repository.state();
    std::vector<FindRoot> roots;
    std::vector<SnapshotMeta> metas;
    for (const auto& [record, snapshot] : state.snapshots()) {
        if (!tag.empty() && snapshot.tag.text() != tag) continue;
        SnapshotBody body = DR_TRY(read_body(open.repository, snapshot));
        metas.push_back(meta_of(snapshot, open));
        roots.push_back({metas.back().snapshot_id, std::move(body.root)});
    }
    const std::unique_ptr<PackSource> source = open_content(open.repository);
    return find_entries(*source, roots, glob, [&](const FoundVersion& found) -> Result<void> {
        FindHit hit{found.path, found.entry, {}};
        for (const std::size_t place : found.snapshots) hit.snapshots.push_back(metas[place]);
        return visit(hit);
    });
}

Result<void> Service::diff(const DiffRequest& request, Monitor& monitor, const DifferenceVisitor& visit) {
    OpenSnapshot before = DR_TRY(open_snapshot(world_, settings_, request.before, Packs::AsTheyAre, monitor));
    if (request.after.empty()) {
        TaskPool pool{worker_count(settings_)};
        return diff_live(*before.source, before.body.root, request.live, request.checksum, pool, monitor, visit);
    }
    const Snapshot* after = DR_TRY(before.open->repository.state().find_snapshot(request.after));
    const SnapshotBody body = DR_TRY(read_body(before.open->repository, *after));
    return diff_trees(*before.source, before.body.root, body.root, visit);
}

Result<void> Service::dump(const std::string& name, const std::string& path, bool tar, Monitor& monitor,
                           const std::function<Result<void>(ByteSpan)>& sink) {
    const RelativePath where = DR_TRY(parse_entry_path(path));
    OpenSnapshot snapshot = DR_TRY(open_snapshot(world_, settings_, name, Packs::Held, monitor));
    if (!tar && !where.is_root()) {
        const Entry entry = DR_TRY(entry_at(*snapshot.source, snapshot.body.root, where));
        if (entry.kind == EntryKind::File) return dump_file(*snapshot.source, entry, sink);
    }
    return dump_tar(*snapshot.source, snapshot.body.root, where, monitor, sink);
}

Result<void> Service::manifest(const std::string& name, ManifestForm form, Monitor& monitor,
                               const std::function<Result<void>(std::string_view)>& sink) {
    OpenSnapshot snapshot = DR_TRY(open_snapshot(world_, settings_, name, Packs::Held, monitor));
    if (form == ManifestForm::Sha256Sum)
        return export_manifest_sha256sum(*snapshot.source, snapshot.body.root, monitor, sink);
    ManifestHeader header;
    header.snapshot_id = Identifier::parse(snapshot.snapshot.id.hex()).value();
    header.created_at = snapshot.snapshot.created_at;
    header.spec_id = snapshot.snapshot.spec_id;
    header.tag = snapshot.snapshot.tag;
    header.encryption = snapshot.open->repository.config().encryption;
    return export_manifest_json(*snapshot.source, snapshot.body.root, header, JsonLayout::Indented, monitor, sink);
}

Result<StatsResult> Service::stats(bool count, Monitor& monitor) {
    OpenRepository open = DR_TRY(open_repository(world_, settings_, count ? Access::Content : Access::Log, monitor));
    const State& state = open.repository.state();
    StatsResult result;
    result.snapshots = state.snapshots().size();
    result.index_runs = state.runs().size();
    result.log_records = state.head().seq + 1;
    for (const PackState& pack : state.packs()) {
        if (pack.reaped != 0) continue;
        ++result.packs;
        result.stored_bytes += pack.size;
    }
    for (const auto& [record, snapshot] : state.snapshots()) result.restore_bytes += snapshot.total_bytes;
    if (!count) return result;

    std::vector<DirRef> roots;
    for (const auto& [record, snapshot] : state.snapshots())
        roots.push_back(DR_TRY(read_body(open.repository, snapshot)).root);
    const std::unique_ptr<PackSource> source = open_content(open.repository);
    const TreeTotals totals = DR_TRY(count_trees(*source, roots));
    result.unique_blobs = totals.unique_blobs;
    result.unique_bytes = totals.unique_bytes;
    result.files = totals.files;
    result.counted = true;
    return result;
}

}  // namespace dr
