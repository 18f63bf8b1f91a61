#include "dr/browse/manifest_export.h"

#include "dr/crypto/sha256.h"
#include "dr/repository/tree_reader.h"

namespace dr {
namespace {

template <typename Visit>
Result<void> each_file(BlobSource& source, const DirRef& root, Monitor& monitor, const Visit& visit) {
    TreeWalk walk{source, root};
    std::uint64_t files = 0;
    while (const std::optional<TreeStep> step = DR_TRY(walk.next())) {
        if (step->kind != TreeStep::Kind::Entry || step->entry->kind != EntryKind::File) continue;
        if (files++ % 1024 == 0) {
            if (monitor.cancelled()) return Error{ErrorCode::Cancelled, "the export was interrupted"};
            monitor.progress({.phase = "listing", .files_done = files, .files_total = root.files});
        }
        const EntryView& entry = *step->entry;
        const bool at_hand = entry.form == FileContent::Form::Empty || entry.form == FileContent::Form::Inline;
        DR_TRY(visit(walk.path(), entry.size, at_hand ? sha256(entry.inline_bytes) : entry.sha256));
    }
    return {};
}

}  // namespace

Result<void> export_manifest_json(BlobSource& source, const DirRef& root, const ManifestHeader& header,
                                  JsonLayout layout, Monitor& monitor, const JsonWriter::Sink& sink) {
    ManifestWriter writer{header, sink, layout};
    const bool encrypted = header.encryption == Encryption::Aes256Gcm;
    Result<void> walked = each_file(
        source, root, monitor, [&](std::string_view path, std::uint64_t size, const Sha256& hash) -> Result<void> {
            writer.add({DR_TRY(RelativePath::parse(path, ErrorCode::Damaged)), size, hash, encrypted});
            // Once the sink has failed, finish() says how.
            if (!writer.ok()) return Error{ErrorCode::Io, "the manifest cannot be written"};
            return {};
        });
    if (!walked.ok() && writer.ok()) return walked;
    return writer.finish();
}

Result<void> export_manifest_sha256sum(BlobSource& source, const DirRef& root, Monitor& monitor,
                                       const JsonWriter::Sink& sink) {
    constexpr std::size_t kAtOnce = 64U << 10;
    std::string lines;
    DR_TRY(
        each_file(source, root, monitor, [&](std::string_view path, std::uint64_t, const Sha256& hash) -> Result<void> {
            lines += sha256sum_line(hash, path);
            if (lines.size() < kAtOnce) return {};
            Result<void> written = sink(lines);
            lines.clear();
            return written;
        }));
    return lines.empty() ? Result<void>{} : sink(lines);
}

}  // namespace dr
