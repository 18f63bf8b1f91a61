// `qnwis_dr diff`: what differs between two snapshots, or a snapshot and a live directory.

#include "cli/commands.h"
#include "cli/entry_output.h"
#include "cli/format.h"

namespace dr::cli {
namespace {

struct Counts {
    std::uint64_t added = 0, removed = 0, modified = 0, metadata = 0, bytes_added = 0, bytes_removed = 0;

    void add(const Difference& difference) {
        switch (difference.change) {
            case Change::Added: ++added; break;
            case Change::Removed: ++removed; break;
            case Change::Content: ++modified; break;
            case Change::Metadata: ++metadata; return;
        }
        bytes_added += difference.size_after;
        bytes_removed += difference.size_before;
    }
};

std::string_view schema_label(Change change) { return change == Change::Content ? "modified" : label(change); }

void write_side(JsonWriter& json, std::string_view name, bool there, EntryKind kind, std::uint64_t size) {
    json.key(name);
    if (!there) return json.null();
    json.begin_object();
    json.field("kind", label(kind));
    json.field("size_bytes", size);
    json.end_object();
}

std::string json_line(const Difference& difference) {
    return json_text(JsonLayout::Compact, [&](JsonWriter& json) {
        json.begin_object();
        json.field("type", "change");
        json.field("change", schema_label(difference.change));
        json.path_fields("path", difference.path);
        write_side(json, "before", difference.change != Change::Added, difference.kind, difference.size_before);
        write_side(json, "after", difference.change != Change::Removed, difference.kind, difference.size_after);
        json.end_object();
    });
}

std::string human_line(const Difference& difference) {
    const std::string path = printable(difference.path) + (difference.kind == EntryKind::Directory ? "/" : "");
    switch (difference.change) {
        case Change::Added: return "+ " + path + "\n";
        case Change::Removed: return "- " + path + "\n";
        case Change::Metadata: return "m " + path + "\n";
        case Change::Content: break;
    }
    if (difference.kind != EntryKind::File || difference.size_before == difference.size_after)
        return "M " + path + "\n";
    return "M " + path + "  (" + human_bytes(difference.size_before) + ", now " + human_bytes(difference.size_after) +
           ")\n";
}

Result<int> diff(Shell& shell, const DiffRequest& request) {
    if (request.after.empty() == request.live.empty()) {
        return Error{ErrorCode::BadRequest,
                     "diff compares a snapshot with another one, or with a directory given by --live"}
            .means("nothing was done")
            .next("qnwis_dr diff --help");
    }
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    Counts counts;
    DR_TRY(Service{shell.world(), resolved.settings}.diff(
        request, shell.monitor(), [&](const Difference& difference) -> Result<void> {
            if (shell.monitor().cancelled()) return Error{ErrorCode::Cancelled, "the comparison was interrupted"};
            counts.add(difference);
            return shell.console().write(shell.options.json ? json_line(difference) : human_line(difference));
        }));
    shell.done_working();
    if (!shell.options.json) {
        shell.console().say(human_count(counts.added) + " added, " + human_count(counts.removed) + " removed, " +
                            human_count(counts.modified) + " modified, " + human_count(counts.metadata) +
                            " with other metadata only; " + human_bytes(counts.bytes_added) + " came, " +
                            human_bytes(counts.bytes_removed) + " went");
        return 0;
    }
    shell.print_json([&](JsonWriter& json) {
        json.field("type", "summary");
        json.field("before", request.before);
        json.field("after", request.live.empty() ? request.after : request.live);
        json.field("added", counts.added);
        json.field("removed", counts.removed);
        json.field("modified", counts.modified);
        json.field("metadata_changed", counts.metadata);
        json.field("kind_changed", 0);  // counted as modified
        json.field("bytes_added", counts.bytes_added);
        json.field("bytes_removed", counts.bytes_removed);
    });
    return 0;
}

}  // namespace

void add_diff(Command& root, Shell& shell) {
    auto request = std::make_shared<DiffRequest>();
    Command command = root.command("diff", "what differs between two snapshots, or a snapshot and a directory");
    command.positional("before", request->before, Value::Snapshot, help::kSnapshotId, Need::Required);
    command.positional("after", request->after, Value::Snapshot, "the other snapshot");
    command.option("--live", request->live, Value::Directory, "compare with this directory as it is now");
    command.flag("--checksum", request->checksum,
                 "read every file of the directory, also where size and time are equal");
    command.action([request, &shell] { return diff(shell, *request); });
}

}  // namespace dr::cli
