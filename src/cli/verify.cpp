// `qnwis_dr verify`: read the arguments, ask the service, print. The HTTP API asks the same service, so the two can
// never answer differently.

#include "cli/commands.h"
#include "cli/format.h"

namespace dr::cli {
namespace {

struct VerifyLine {
    std::vector<std::string> snapshots;
    std::string sample_count = "10";
    bool all = false;
};

constexpr std::uint64_t kMaxSample = 1'000'000'000;

void print_json(Shell& shell, const VerifyResult& result) {
    const VerificationReport& report = result.report;
    shell.print_json([&](JsonWriter& json) {
        json.field("passed", report.passed());
        json.field("report_id", report.report_id);
        json.field("snapshot_id", report.snapshot_id);
        json.field("verified_at", report.verified_at);
        json.field("manifest_ok", report.manifest_ok);
        json.field("sample_files_ok", report.sample_files_ok);
        json.field("decrypt_ok", report.decrypt_ok);
        json.field("restore_smoke_ok", report.restore_smoke_ok);
        json.field("errors", report.errors);
        json.field("files_checked", report.files_checked);
        json.field("bytes_checked", report.bytes_checked);
        json.field("everything_read", report.everything_read);
        json.field("files_restored", report.files_restored);
        json.field("bytes_restored", report.bytes_restored);
        write_timings(json, result.timings);
    });
}

void print_human(Shell& shell, const VerifyResult& result) {
    const VerificationReport& report = result.report;
    const auto word = [](bool ok) { return std::string(ok ? "ok    " : "FAILED"); };
    Console& console = shell.console();
    console.say("snapshot " + report.snapshot_id.text() + (report.passed() ? " passed" : " DID NOT PASS"));
    console.say("  manifest_ok       " + word(report.manifest_ok) +
                "  the tree is complete and hashes to what was signed");
    console.say("  sample_files_ok   " + word(report.sample_files_ok) + "  the sampled files hash to their SHA-256");
    console.say("  decrypt_ok        " + word(report.decrypt_ok) + "  all that was read opened");
    console.say("  restore_smoke_ok  " + word(report.restore_smoke_ok) + "  a sample came back equal: " +
                counted(report.files_restored, "file", "files") + ", " + human_bytes(report.bytes_restored));
    console.say("  checked           " + counted(report.files_checked, "file", "files") + ", " +
                human_bytes(report.bytes_checked) + (report.everything_read ? ", every byte of the snapshot" : "") +
                ", in " + human_duration(total_seconds(result.timings)));
}

// What is wrong, for people; the exit status is that of an integrity failure.
int complain(Shell& shell, const VerifyResult& result) {
    const VerificationReport& report = result.report;
    const std::size_t shown = std::min(report.errors.size(), kWarningsShown);
    for (std::size_t i = 1; i < shown; ++i) shell.console().complain("damaged: " + report.errors[i]);
    const std::string id = report.snapshot_id.text().substr(0, 12);
    const std::string first = report.errors.empty() ? "a check failed" : report.errors.front();
    const Error error = Error{ErrorCode::Damaged, "snapshot " + id + " did not pass: " + first}
                            .means(counted(report.errors.size(), "thing is", "things are") +
                                   " not what was written; other files and other snapshots can be restored" +
                                   (result.damage_recorded ? ", and the next backup stores anew what it still finds "
                                                             "in its sources"
                                                           : ""))
                            .next(shell.command_line("verify --all --json --snapshot-id " + id));
    shell.console().show(error);
    return info(error.code()).exit_status;
}

Result<int> verify(Shell& shell, const VerifyLine& line) {
    VerifyServiceRequest request;
    request.sample_count = DR_TRY(parse_number("--sample-count", line.sample_count, 1, kMaxSample));
    request.all = line.all;
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    Service service{shell.world(), resolved.settings};
    int status = 0;
    for (const std::string& snapshot : line.snapshots) {
        request.snapshot = snapshot;
        const VerifyResult result = DR_TRY(service.verify(request, shell.monitor()));
        shell.done_working();
        if (shell.options.json)
            print_json(shell, result);
        else
            print_human(shell, result);
        if (!result.report.passed()) status = complain(shell, result);
    }
    return status;
}

}  // namespace

void add_verify(Command& root, Shell& shell) {
    auto line = std::make_shared<VerifyLine>();
    Command command = root.command("verify", "check that a snapshot is whole and comes back");
    command.options("--snapshot-id", line->snapshots, Value::Snapshot, help::kSnapshotId, Need::Required);
    command.option("--sample-count", line->sample_count, Value::Number,
                   "files to read and restore as a sample (default: 10)");
    command.flag("--all", line->all, "read every byte");
    command.action([line, &shell] { return verify(shell, *line); });
}

}  // namespace dr::cli
