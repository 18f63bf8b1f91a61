// `qnwis_dr dump` and `qnwis_dr manifest`: a snapshot's content and its list of files, to standard output.

#include "cli/commands.h"

namespace dr::cli {
namespace {

struct DumpLine {
    std::string snapshot = "latest", path;
    bool tar = false;
};

Result<int> dump(Shell& shell, const DumpLine& line) {
    Console& console = shell.console();
    if (console.look().out_is_terminal && (line.tar || line.path.empty())) {
        return Error{ErrorCode::BadRequest, "dump writes a tar archive to standard output, which is a terminal"}
            .means("nothing was done")
            .next("qnwis_dr dump --help");
    }
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    Result<void> done =
        Service{shell.world(), resolved.settings}.dump(line.snapshot, line.path, line.tar, shell.monitor(),
                                                       [&](ByteSpan bytes) { return console.write(as_text(bytes)); });
    shell.done_working();
    if (done.ok()) return 0;
    // Behind content an error object would look like content.
    if (console.wrote()) shell.options.json = false;
    return std::move(done).error();
}

struct ManifestLine {
    std::string snapshot = "latest", format = "json";
};

Result<int> manifest(Shell& shell, const ManifestLine& line) {
    if (line.format != "json" && line.format != "sha256sum") {
        return Error{ErrorCode::BadRequest, "--format is 'json' or 'sha256sum', not '" + printable(line.format) + "'"}
            .means("nothing was done")
            .next("qnwis_dr manifest --help");
    }
    const bool json = shell.options.json || line.format == "json";
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    DR_TRY(Service{shell.world(), resolved.settings}.manifest(
        line.snapshot, json ? Service::ManifestForm::Json : Service::ManifestForm::Sha256Sum, shell.monitor(),
        [&](std::string_view text) { return shell.console().write(text); }));
    return 0;
}

}  // namespace

void add_dump(Command& root, Shell& shell) {
    auto line = std::make_shared<DumpLine>();
    Command command = root.command("dump", "a file as it is, or a directory as a tar archive, to standard output");
    command.option("--snapshot-id", line->snapshot, Value::Snapshot,
                   std::string(help::kSnapshotId) + " (default: latest)");
    command.flag("--tar", line->tar, "a file as a tar archive, too");
    command.positional("path", line->path, Value::Text, "file or directory of the snapshot (default: all of it)");
    command.action([line, &shell] { return dump(shell, *line); });
}

void add_manifest(Command& root, Shell& shell) {
    auto line = std::make_shared<ManifestLine>();
    Command command = root.command("manifest", "the files of a snapshot with their SHA-256");
    command.option("--snapshot-id", line->snapshot, Value::Snapshot,
                   std::string(help::kSnapshotId) + " (default: latest)");
    command.option("--format", line->format, Value::Format, "json, or lines for 'sha256sum -c' (default: json)");
    command.action([line, &shell] { return manifest(shell, *line); });
}

}  // namespace dr::cli
