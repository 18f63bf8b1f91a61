#include "dr/snapshot/backup.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dr/repository/tree_writer.h"
#include "dr/snapshot/file_reader.h"
#include "dr/snapshot/pipeline.h"
#include "dr/snapshot/place_check.h"
#include "dr/snapshot/source_walk.h"
#include "dr/snapshot/tree_assembler.h"

namespace dr {
namespace {

// What is there and holds nothing would be missed only when it is needed.
void report_empty_parts(const Selection& selection, const SourceWalk& walk, TreeAssembler& assembler) {
    const PartSet stored = walk.parts_stored() | assembler.totals().parts;
    for (std::size_t i = 0; i < selection.parts().size(); ++i) {
        const SelectedPart& part = selection.parts()[i];
        const bool is_missing = std::ranges::count(walk.parts_missing(), part.name) > 0;  // reported as such
        if (is_missing || ((stored >> i) & 1U) != 0) continue;
        assembler.report(part.first_path, empty_part_reason(part.name));
    }
}

SnapshotContent summary(const SourceWalk& walk, TreeAssembler& assembler, const ReadContext& context) {
    const WalkTotals& walked = walk.totals();
    const AssemblyTotals& stored = assembler.totals();
    SnapshotContent content;
    content.root = assembler.root();
    content.entries = walked.entries - stored.entries_lost;
    content.directories = walked.directories - stored.directories_lost;
    content.files = content.root.files;
    content.bytes = content.root.bytes;
    content.files_new = stored.files_new;
    content.files_changed = stored.files_changed;
    content.files_unmodified = walked.files_unmodified;
    content.bytes_read = context.bytes_read;
    content.unreadable = assembler.take_unreadable();
    content.unreadable_count = assembler.unreadable_count();
    content.skipped.insert(walked.skipped.begin(), walked.skipped.end());
    if (stored.private_keys > 0) content.skipped[std::string{label(SkipReason::PrivateKey)}] += stored.private_keys;
    DatasetTally datasets = walk.datasets();
    datasets.stored(std::vector<std::size_t>{stored.datasets.begin(), stored.datasets.end()});
    content.datasets_missing = datasets.missing();
    content.datasets_left_out = datasets.left_out();
    content.parts_missing = walk.parts_missing();
    return content;
}

// Reads all that `fd` yields. Cancellation and progress as elsewhere.
class StreamStore {
public:
    StreamStore(ReadContext& context, BlobSink& sink, Clock& clock, Monitor& monitor)
        : context_(context),
          sink_(sink),
          clock_(clock),
          monitor_(monitor),
          cutter_(context.keys.chunker, context.keys.namer, context.chunk_buffers) {}

    Result<FileContent> run(int fd, std::uint64_t& size) {
        while (DR_TRY(read_some(fd))) {
        }
        // A stream that fits in an entry was not cut: its end was not known before.
        DR_TRY(give(true));
        return cutter_.finish(size);
    }

private:
    Result<bool> read_some(int fd) {
        if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "the backup was interrupted"};
        MutableByteSpan room = cutter_.room(0);
        const ssize_t got = ::read(fd, room.data(), std::min(room.size(), kStepBytes));
        if (got < 0 && errno == EINTR) return true;
        if (got < 0) return Error::from_errno(errno, "cannot read the stream");
        cutter_.filled(static_cast<std::size_t>(got));
        context_.bytes_read += static_cast<std::uint64_t>(got);
        unlooked_ += static_cast<std::size_t>(got);
        // A pipe yields little at a time; looking for a cut each time would look at the same bytes again and again.
        if (unlooked_ >= kLookEvery || static_cast<std::size_t>(got) == room.size()) DR_TRY(give(false));
        show_progress();
        return got > 0;
    }

    Result<void> give(bool ended) {
        unlooked_ = 0;
        while (std::optional<StoredBlob> blob = cutter_.next(ended, ended)) {
            DR_TRY(sink_.add(BlobType::Data, blob->id, std::move(blob->data)));
        }
        return {};
    }

    void show_progress() {
        const std::int64_t now = clock_.monotonic_nanoseconds();
        if (now - shown_at_ < 100'000'000) return;
        shown_at_ = now;
        monitor_.progress(
            {.phase = "storing", .bytes_done = context_.bytes_read, .bytes_total = context_.options.expected_bytes});
    }

    static constexpr std::size_t kLookEvery = 1U << 20;

    ReadContext& context_;
    BlobSink& sink_;
    Clock& clock_;
    Monitor& monitor_;
    ChunkCutter cutter_;
    std::size_t unlooked_ = 0;
    std::int64_t shown_at_ = 0;
};

}  // namespace

Result<FileIdentity> FileIdentity::of(const std::string& path) {
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) return Error::from_errno(errno, "cannot look at '" + printable(path) + "'");
    const FileStat stat = FileStat::from(status);
    return FileIdentity{.device = stat.device, .inode = stat.inode};
}

Result<SnapshotContent> scan_and_store(const BackupSources& sources, const ParentTree* parent, const ContentKeys& keys,
                                       BlobSink& sink, TaskPool& pool, Clock& clock, Monitor& monitor,
                                       const BackupOptions& options) {
    // Before the sources are written out: what is stored meanwhile must count as too young to be trusted next time.
    const Timestamp scan_start = clock.now();
    ReadContext context{keys, options};
    const std::unique_ptr<SourceWalk> walk = DR_TRY(SourceWalk::open(sources, parent, context));
    const TreeOutput output{.sink = sink, .namer = keys.namer, .tree_seed = keys.tree_seed};
    TreeAssembler assembler{output, parent == nullptr ? nullptr : &parent->source, monitor};
    Pipeline pipeline{{.walk = *walk,
                       .assembler = assembler,
                       .sink = sink,
                       .context = context,
                       .pool = pool,
                       .clock = clock,
                       .monitor = monitor}};
    DR_TRY(pipeline.run());
    report_empty_parts(sources.selection, *walk, assembler);
    SnapshotContent content = summary(*walk, assembler, context);
    content.scan_start = scan_start;
    return content;
}

Result<SnapshotContent> store_stream(int fd, std::string_view name, const ContentKeys& keys, BlobSink& sink,
                                     Clock& clock, Monitor& monitor, const BackupOptions& options) {
    if (!is_entry_name(name))
        return Error{ErrorCode::BadRequest, "'" + printable(name) + "' cannot be the name of a file"};
    SnapshotContent content;
    content.scan_start = clock.now();
    ReadContext context{keys, options};
    Entry entry;
    entry.name = name;
    entry.mode = 0600;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    entry.mtime_seconds = entry.ctime_seconds = content.scan_start.seconds();
    entry.content = DR_TRY(StreamStore(context, sink, clock, monitor).run(fd, entry.size));
    const TreeOutput output{.sink = sink, .namer = keys.namer, .tree_seed = keys.tree_seed};
    DR_TRY(move_large_parts(entry, output));
    DirectoryWriter writer{output};
    DR_TRY(writer.add(entry));
    content.root = DR_TRY(writer.finish());
    content.entries = content.files = content.files_new = 1;
    content.bytes = entry.size;
    content.bytes_read = context.bytes_read;
    return content;
}

}  // namespace dr
