#include "dr/models/verification_report.h"

#include <limits>

namespace dr {
namespace {

constexpr std::uint64_t kMaxNumber = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

}  // namespace

Result<VerificationReport> parse_verification_report(std::string_view json) {
    const JsonValue value = DR_TRY(parse_json(json));
    const ObjectReader object = DR_TRY(ObjectReader::open(
        value, "verification report",
        {"report_id", "snapshot_id", "verified_at", "manifest_ok", "sample_files_ok", "decrypt_ok", "restore_smoke_ok",
         "errors", "files_checked", "bytes_checked", "everything_read", "files_restored", "bytes_restored"}));
    VerificationReport report;
    report.report_id = DR_TRY(object.identifier("report_id"));
    report.snapshot_id = DR_TRY(object.identifier("snapshot_id"));
    report.verified_at = DR_TRY(object.timestamp("verified_at"));
    report.manifest_ok = DR_TRY(object.boolean("manifest_ok"));
    report.sample_files_ok = DR_TRY(object.boolean("sample_files_ok"));
    report.decrypt_ok = DR_TRY(object.boolean("decrypt_ok"));
    report.restore_smoke_ok = DR_TRY(object.boolean("restore_smoke_ok"));
    // A report that lost its errors would pass.
    DR_TRY(object.array("errors", VerificationReport::kMaxErrors));
    report.errors = DR_TRY(object.texts("errors", VerificationReport::kMaxErrors, {.max_bytes = 65'536}));
    report.files_checked = DR_TRY(object.natural_or("files_checked", 0, 0, kMaxNumber));
    report.bytes_checked = DR_TRY(object.natural_or("bytes_checked", 0, 0, kMaxNumber));
    report.everything_read = DR_TRY(object.boolean_or("everything_read", false));
    report.files_restored = DR_TRY(object.natural_or("files_restored", 0, 0, kMaxNumber));
    report.bytes_restored = DR_TRY(object.natural_or("bytes_restored", 0, 0, kMaxNumber));
    return report;
}

void write(JsonWriter& json, const VerificationReport& report) {
    json.begin_object();
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
    json.end_object();
}

std::string print(const VerificationReport& report) {
    return json_text(JsonLayout::Indented, [&report](JsonWriter& json) { write(json, report); });
}

}  // namespace dr
