// `qnwis_dr list`: the snapshots of a repository. Needs no key.

#include "cli/commands.h"
#include "cli/format.h"

namespace dr::cli {
namespace {

constexpr std::size_t kShownId = 12;

std::string pinned_word(const SnapshotMeta& meta) {
    if (!meta.signed_by) return "nobody";
    std::string key = meta.signed_by->short_hex();
    if (!meta.signer_pinned) return key;
    return key + (*meta.signer_pinned ? " pinned" : " not pinned");
}

std::string retained_word(const SnapshotMeta& meta) {
    if (!meta.retain_until) return meta.worm ? "WORM" : "";
    return human_date(*meta.retain_until) + (meta.worm ? " WORM" : "");
}

void print_table(Console& console, const ListResult& result) {
    Table table{{{"SNAPSHOT"},
                 {"CREATED"},
                 {"TAG"},
                 {"FILES", Table::Align::Right},
                 {"SIZE", Table::Align::Right},
                 {"RETAIN UNTIL"},
                 {"SIGNED BY"},
                 {""}}};
    for (const SnapshotMeta& meta : result.snapshots) {
        std::string marks;
        if (!meta.encrypted) marks += "NOT ENCRYPTED ";
        if (meta.files_unreadable > 0) marks += human_count(meta.files_unreadable) + " unreadable";
        table.add({meta.snapshot_id.text().substr(0, kShownId), meta.created_at.human(), meta.tag.text(),
                   human_count(meta.file_count), human_bytes(meta.total_bytes), retained_word(meta), pinned_word(meta),
                   marks});
    }
    if (table.empty()) return;
    for (const std::string& line : table.lines()) console.print(line);
}

// What is seen for the first time, or was just accepted, cannot be compared with anything this machine knows: people
// can.
void print_first_sight(Console& console, const ListResult& result) {
    console.complain("from now on this machine notices if the repository " + result.repository.short_hex() +
                     " is older than it is now, or differs");
    console.complain("  record " + human_count(result.head) + " of " + result.head_time.human() + ", hash " +
                     result.head_hash.hex());
    console.complain("  compare these with another machine that knows it");
}

Result<int> list(Shell& shell, const ListRequest& request) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    const ListResult result = DR_TRY(Service{shell.world(), resolved.settings}.list(request, shell.monitor()));
    shell.done_working();
    if (result.first_sight && !shell.options.quiet) print_first_sight(shell.console(), result);
    if (shell.options.json) {
        shell.print_json([&](JsonWriter& json) {
            json.key("snapshots");
            json.begin_array();
            for (const SnapshotMeta& meta : result.snapshots) write(json, meta);
            json.end_array();
            json.field("count", result.snapshots.size());
        });
        return 0;
    }
    print_table(shell.console(), result);
    std::string summary = counted(result.snapshots.size(), "snapshot", "snapshots");
    if (!request.tag.empty()) summary += " with the tag '" + printable(request.tag) + "'";
    summary += " in '" + printable(resolved.settings.storage_path) + "', repository " + result.repository.short_hex();
    shell.console().say(summary + (result.encrypted ? "" : ", NOT ENCRYPTED"));
    return 0;
}

}  // namespace

void add_list(Command& root, Shell& shell) {
    auto request = std::make_shared<ListRequest>();
    Command command = root.command("list", "the snapshots; needs no key");
    command.option("--tag", request->tag, Value::Name, "only those with this tag");
    command.action([request, &shell] { return list(shell, *request); });
}

}  // namespace dr::cli
