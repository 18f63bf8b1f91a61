// `qnwis_dr ls` and `qnwis_dr find`: what is in snapshots.

#include <algorithm>

#include "cli/commands.h"
#include "cli/entry_output.h"
#include "cli/format.h"

namespace dr::cli {
namespace {

std::string json_line(const std::function<void(JsonWriter&)>& write) {
    return json_text(JsonLayout::Compact, [&](JsonWriter& json) {
        json.begin_object();
        write(json);
        json.end_object();
    });
}

struct LsLine {
    std::string snapshot = "latest", path;
    bool recursive = false;
};

std::string ls_json(const std::string& path, const Entry& entry) {
    return json_line([&](JsonWriter& json) {
        json.field("type", "entry");
        json.path_fields("path", path);
        write_entry_state(json, entry);
        json.field("user", std::optional<std::string>{});
        json.field("group", std::optional<std::string>{});
        json.field("links", entry.hard_link ? entry.link_count : std::uint64_t{1});
        if (entry.kind == EntryKind::Symlink) json.path_fields("link_target", entry.target);
    });
}

Result<int> ls(Shell& shell, const LsLine& line) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    Service service{shell.world(), resolved.settings};
    std::string snapshot = line.snapshot;
    if (shell.options.json) {
        // The summary names the snapshot; found once, so that a backup that ends meanwhile does not change what
        // "latest" is.
        const ListResult known = DR_TRY(service.list({}, shell.monitor()));
        if (const SnapshotMeta* meta = find_meta(known.snapshots, snapshot)) snapshot = meta->snapshot_id.text();
    }
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    DR_TRY(service.ls(snapshot, line.path, line.recursive, shell.monitor(),
                      [&](const std::string& path, const Entry& entry) -> Result<void> {
                          if (shell.monitor().cancelled())
                              return Error{ErrorCode::Cancelled, "the listing was interrupted"};
                          ++entries;
                          if (entry.kind == EntryKind::File) bytes += entry.size;
                          return shell.console().write(shell.options.json ? ls_json(path, entry)
                                                                          : entry_line(path, entry) + "\n");
                      }));
    if (shell.options.json) {
        shell.print_json([&](JsonWriter& json) {
            json.field("type", "summary");
            json.field("snapshot_id", snapshot);
            json.field("entries", entries);
            json.field("total_bytes", bytes);
        });
    }
    return 0;
}

struct FindLine {
    std::string pattern, tag;
};

// A line of the answer, and what it is sorted by: path, then time. The service finds versions in the order of the tree.
struct FoundLine {
    std::string path;
    std::uint64_t record = 0;
    std::string text;
};

class FindOutput {
public:
    explicit FindOutput(bool json) : json_(json) {}

    Result<void> add(const FindHit& hit) {
        version_ = hit.path == path_ ? version_ + 1 : 1;
        path_ = hit.path;
        ++versions_;
        if (!json_) {
            lines_.push_back({hit.path, hit.snapshots.front().record, human(hit)});
            return {};
        }
        for (const SnapshotMeta& meta : hit.snapshots) lines_.push_back({hit.path, meta.record, match(hit, meta)});
        return {};
    }

    const std::vector<FoundLine>& sorted() {
        std::ranges::stable_sort(lines_, [](const FoundLine& a, const FoundLine& b) {
            return std::tie(a.path, a.record) < std::tie(b.path, b.record);
        });
        return lines_;
    }
    std::uint64_t versions() const { return versions_; }

private:
    std::string match(const FindHit& hit, const SnapshotMeta& meta) const {
        return json_line([&](JsonWriter& json) {
            json.field("type", "match");
            json.field("snapshot_id", meta.snapshot_id);
            json.field("tag", meta.tag);
            json.field("created_at", meta.created_at);
            json.field("version", version_);
            json.path_fields("path", hit.path);
            write_entry_state(json, hit.entry);
        });
    }
    std::string human(const FindHit& hit) const {
        const SnapshotMeta& first = hit.snapshots.front();
        const SnapshotMeta& last = hit.snapshots.back();
        std::string where = "in " + counted(hit.snapshots.size(), "snapshot", "snapshots") + ": " +
                            first.snapshot_id.text().substr(0, 12) + " of " + first.created_at.human();
        if (hit.snapshots.size() > 1)
            where += " to " + last.snapshot_id.text().substr(0, 12) + " of " + last.created_at.human();
        return entry_line(hit.path, hit.entry) + "\n    version " + std::to_string(version_) + ", " + where + "\n";
    }

    bool json_;
    std::string path_;
    std::uint64_t version_ = 0;
    std::uint64_t versions_ = 0;
    std::vector<FoundLine> lines_;
};

Result<int> find(Shell& shell, const FindLine& line) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    Service service{shell.world(), resolved.settings};
    FindOutput output{shell.options.json};
    DR_TRY(service.find(line.pattern, line.tag, shell.monitor(), [&](const FindHit& hit) -> Result<void> {
        if (shell.monitor().cancelled()) return Error{ErrorCode::Cancelled, "the search was interrupted"};
        return output.add(hit);
    }));
    shell.done_working();
    const std::vector<FoundLine>& lines = output.sorted();
    for (const FoundLine& found : lines) DR_TRY(shell.console().write(found.text));
    if (!shell.options.json) {
        if (lines.empty()) shell.console().say("nothing matches '" + printable(line.pattern) + "'");
        return 0;
    }
    ListRequest searched;
    searched.tag = line.tag;
    const ListResult snapshots = DR_TRY(service.list(searched, shell.monitor()));
    shell.print_json([&](JsonWriter& json) {
        json.field("type", "summary");
        json.field("snapshots", snapshots.snapshots.size());
        json.field("matches", lines.size());
        json.field("versions", output.versions());
    });
    return 0;
}

}  // namespace

void add_ls(Command& root, Shell& shell) {
    auto line = std::make_shared<LsLine>();
    Command command = root.command("ls", "what is in a snapshot");
    command.option("--snapshot-id", line->snapshot, Value::Snapshot,
                   std::string(help::kSnapshotId) + " (default: latest)");
    command.flag("-r,--recursive", line->recursive, "everything below, too");
    command.positional("path", line->path, Value::Text, "file or directory of the snapshot (default: its top)");
    command.action([line, &shell] { return ls(shell, *line); });
}

void add_find(Command& root, Shell& shell) {
    auto line = std::make_shared<FindLine>();
    Command command = root.command("find", "a path or a pattern in all snapshots, with its versions");
    command.option("--tag", line->tag, Value::Name, "only in snapshots with this tag");
    command.positional("pattern", line->pattern, Value::Glob, "a path, or a pattern: *.csv, data/**", Need::Required);
    command.action([line, &shell] { return find(shell, *line); });
}

}  // namespace dr::cli
