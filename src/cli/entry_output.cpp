#include "cli/entry_output.h"

#include <algorithm>
#include <limits>
#include <ranges>

#include "dr/models/relative_path.h"

namespace dr::cli {
namespace {

std::string octal(std::uint32_t mode) {
    std::string digits;
    for (int shift = 9; shift >= 0; shift -= 3) digits += static_cast<char>('0' + ((mode >> shift) & 7));
    return digits;
}

char kind_letter(EntryKind kind) {
    switch (kind) {
        case EntryKind::File: return '-';
        case EntryKind::Directory: return 'd';
        case EntryKind::Symlink: return 'l';
        case EntryKind::Fifo: return 'p';
        case EntryKind::CharDevice: return 'c';
        case EntryKind::BlockDevice: return 'b';
        case EntryKind::Socket: return 's';
    }
    return '?';
}

// As ls(1): setuid, setgid and the sticky bit take the place of x.
std::string mode_words(EntryKind kind, std::uint32_t mode) {
    std::string words(1, kind_letter(kind));
    for (int shift = 6; shift >= 0; shift -= 3) {
        const std::uint32_t bits = mode >> shift;
        words += (bits & 4) != 0 ? 'r' : '-';
        words += (bits & 2) != 0 ? 'w' : '-';
        words += (bits & 1) != 0 ? 'x' : '-';
    }
    const auto mark = [&](std::uint32_t bit, std::size_t place, char letter) {
        if ((mode & bit) != 0) words[place] = words[place] == 'x' ? letter : static_cast<char>(letter - 'a' + 'A');
    };
    mark(04000, 3, 's');
    mark(02000, 6, 's');
    mark(01000, 9, 't');
    return words;
}

std::string right(std::string text, std::size_t width) {
    if (text.size() < width) text.insert(0, width - text.size(), ' ');
    return text;
}

std::string size_words(const Entry& entry) {
    const bool device = entry.kind == EntryKind::CharDevice || entry.kind == EntryKind::BlockDevice;
    if (device) return std::to_string(entry.device_major) + ", " + std::to_string(entry.device_minor);
    return std::to_string(entry.kind == EntryKind::File ? entry.size : 0);
}

}  // namespace

std::string_view label(EntryKind kind) {
    switch (kind) {
        case EntryKind::File: return "file";
        case EntryKind::Directory: return "directory";
        case EntryKind::Symlink: return "symlink";
        case EntryKind::Fifo: return "fifo";
        case EntryKind::CharDevice: return "char_device";
        case EntryKind::BlockDevice: return "block_device";
        case EntryKind::Socket: return "socket";
    }
    return "file";
}

Timestamp mtime_of(const Entry& entry) {
    // A file may claim any time; what does not fit is shown as the nearest that does.
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
    const std::int64_t seconds = std::clamp(entry.mtime_seconds, -kMax, kMax);
    return Timestamp{seconds * 1'000'000'000 + entry.mtime_nanoseconds};
}

void write_entry_state(JsonWriter& json, const Entry& entry) {
    json.field("kind", label(entry.kind));
    json.field("size_bytes", entry.kind == EntryKind::File ? entry.size : std::uint64_t{0});
    json.field("mode", octal(entry.mode));
    json.field("uid", entry.uid);
    json.field("gid", entry.gid);
    json.field("mtime", mtime_of(entry));
    json.field("sha256", entry.kind == EntryKind::File ? std::optional{entry.content.sha256} : std::nullopt);
}

std::string entry_line(std::string_view path, const Entry& entry) {
    std::string line = mode_words(entry.kind, entry.mode) + " " + right(std::to_string(entry.uid), 6) + " " +
                       right(std::to_string(entry.gid), 6) + " " + right(size_words(entry), 14) + "  " +
                       mtime_of(entry).human() + "  " + printable(path);
    if (entry.kind == EntryKind::Symlink) line += " -> " + printable(entry.target);
    return line;
}

const SnapshotMeta* find_meta(const std::vector<SnapshotMeta>& snapshots, std::string_view name) {
    if (name == "latest" || name.starts_with("latest:")) {
        const std::string_view tag = name == "latest" ? std::string_view{} : name.substr(7);
        for (const SnapshotMeta& meta : std::views::reverse(snapshots)) {
            if (tag.empty() || meta.tag.text() == tag) return &meta;
        }
        return nullptr;
    }
    const SnapshotMeta* found = nullptr;
    for (const SnapshotMeta& meta : snapshots) {
        if (name.empty() || !meta.snapshot_id.text().starts_with(name)) continue;
        if (found != nullptr) return nullptr;
        found = &meta;
    }
    return found;
}

}  // namespace dr::cli
