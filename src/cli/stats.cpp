// `qnwis_dr stats`: how much is stored, and what deduplication and compression save.

#include <cmath>

#include "cli/commands.h"
#include "cli/format.h"

namespace dr::cli {
namespace {

double ratio(std::uint64_t whole, std::uint64_t part) {
    return part == 0 ? 1.0 : static_cast<double>(whole) / static_cast<double>(part);
}

std::string times(double value) {
    const auto tenths = static_cast<std::uint64_t>(std::llround(value * 10));
    return human_count(tenths / 10) + "." + std::to_string(tenths % 10) + "x";
}

void print_json(Shell& shell, const ListResult& list, const StatsResult& stats, const std::string& storage_path,
                double milliseconds) {
    std::uint64_t files = 0;
    for (const SnapshotMeta& meta : list.snapshots) files += meta.file_count;
    const auto created = [&](bool newest) {
        if (list.snapshots.empty()) return std::optional<Timestamp>{};
        return std::optional{newest ? list.snapshots.back().created_at : list.snapshots.front().created_at};
    };
    shell.print_json([&](JsonWriter& json) {
        json.field("repository_id", list.repository);
        json.field("storage_path", storage_path);
        json.field("encryption", name_of(list.encrypted ? Encryption::Aes256Gcm : Encryption::None));
        json.field("snapshots", stats.snapshots);
        json.field("total_bytes", stats.restore_bytes);
        json.field("file_count", files);
        json.field("unique_bytes", stats.unique_bytes);
        json.field("stored_bytes", stats.stored_bytes);
        json.field("deduplication_ratio", ratio(stats.restore_bytes, stats.unique_bytes));
        json.field("compression_ratio", ratio(stats.unique_bytes, stats.stored_bytes));
        json.field("blobs", stats.unique_blobs);
        json.field("packs", stats.packs);
        json.field("log_records", stats.log_records);
        json.field("oldest", created(false));
        json.field("newest", created(true));
        write_timings(json, {{"total", milliseconds}});
    });
}

void print_human(Console& console, const ListResult& list, const StatsResult& stats, const std::string& storage_path) {
    console.print("repository " + list.repository.short_hex() + " in '" + printable(storage_path) + "'" +
                  (list.encrypted ? "" : ", NOT ENCRYPTED"));
    console.print("  snapshots      " + human_count(stats.snapshots));
    console.print("  as restored    " + human_bytes(stats.restore_bytes));
    console.print("  unique         " + human_bytes(stats.unique_bytes) + " in " +
                  counted(stats.unique_blobs, "blob", "blobs") + "; deduplication " +
                  times(ratio(stats.restore_bytes, stats.unique_bytes)));
    console.print("  stored         " + human_bytes(stats.stored_bytes) + " in " +
                  counted(stats.packs, "pack", "packs") + "; compression " +
                  times(ratio(stats.unique_bytes, stats.stored_bytes)));
    console.print("  log            " + counted(stats.log_records, "record", "records"));
}

Result<int> stats(Shell& shell) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    Service service{shell.world(), resolved.settings};
    const std::int64_t began = shell.surroundings().display_clock.monotonic_nanoseconds();
    const ListResult list = DR_TRY(service.list({}, shell.monitor()));
    const StatsResult result = DR_TRY(service.stats(true, shell.monitor()));
    shell.done_working();
    const double milliseconds =
        static_cast<double>(shell.surroundings().display_clock.monotonic_nanoseconds() - began) / 1e6;
    const std::string& storage_path = resolved.settings.storage_path;
    if (shell.options.json)
        print_json(shell, list, result, storage_path, milliseconds);
    else
        print_human(shell.console(), list, result, storage_path);
    return 0;
}

}  // namespace

void add_stats(Command& root, Shell& shell) {
    root.command("stats", "how much is stored, and what deduplication and compression save").action([&shell] {
        return stats(shell);
    });
}

}  // namespace dr::cli
