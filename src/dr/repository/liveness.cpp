#include "dr/repository/liveness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "dr/base/days.h"
#include "dr/platform/posix/file_time.h"

namespace dr {
namespace {

constexpr std::string_view kWriterPrefix = "writer-";
constexpr std::string_view kSessionPrefix = "session-";

// Whoever writes without a session (making a repository, a slot) is at a file for moments only.
constexpr std::int64_t kUnmarkedWriterNanoseconds = kNanosecondsPerDay / 24;

std::string session_path(const std::string& directory, std::uint64_t session) {
    return directory + "/" + std::string(kSessionPrefix) + std::to_string(session);
}

// "<number> <host>"
std::string content_for(std::uint64_t session, const std::string& host) { return std::to_string(session) + " " + host; }

std::string content_of(int file) {
    std::array<char, 512> text{};
    const ssize_t size = pread(file, text.data(), text.size(), 0);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string{};
}

enum class Found : std::uint8_t { Nothing, Alive, Dead };

// What the file says about the session, if it is about it at all.
Found look_at(const std::string& path, const std::string& content) {
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!file.is_open()) return Found::Nothing;
    if (content_of(file.get()) != content) return Found::Nothing;
    if (flock(file.get(), LOCK_SH | LOCK_NB) != 0) return Found::Alive;
    // It may have been won, ended or aimed anew between opening and locking.
    return content_of(file.get()) == content ? Found::Dead : Found::Nothing;
}

std::vector<std::string> names_in(const std::string& directory, std::string_view prefix) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> open{opendir(directory.c_str()), &closedir};
    if (!open) return names;
    while (const dirent* entry = readdir(open.get())) {
        if (std::string_view(entry->d_name).starts_with(prefix)) names.emplace_back(entry->d_name);
    }
    return names;
}

// A mark that somebody left or holds.
struct SeenMark {
    Timestamp written;
    bool locked = false;
    bool of_this_host = false;
    std::string content;
};

std::optional<SeenMark> see(const std::string& path, const std::string& host) {
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    struct stat status{};
    if (!file.is_open() || fstat(file.get(), &status) != 0) return std::nullopt;
    SeenMark mark;
    mark.written = timestamp_of(status.st_mtim);
    mark.locked = flock(file.get(), LOCK_SH | LOCK_NB) != 0;
    mark.content = content_of(file.get());
    mark.of_this_host = mark.content.ends_with(" " + host);
    return mark;
}

// By a clock that anybody sets who may write there: the difference of two such times may be more than a number holds.
bool is_stale(const SeenMark& mark, Timestamp now) { return days_after(mark.written, kStaleSessionDays) <= now; }

// Locks of other hosts need not be seen from here: nothing is concluded of them before they are stale (ADR 6).
bool may_live(const SeenMark& mark, Timestamp now) {
    return mark.locked || (!mark.of_this_host && !is_stale(mark, now));
}

}  // namespace

LivenessMark LivenessMark::prepare(const std::string& directory, const std::string& host) {
    LivenessMark mark;
    if (directory.empty()) return mark;
    std::string path = directory + "/" + std::string(kWriterPrefix) + "XXXXXX";
    FileDescriptor file{mkostemp(path.data(), O_CLOEXEC)};
    if (!file.is_open()) return mark;
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        unlink(path.c_str());
        return mark;
    }
    mark.file_ = std::move(file);
    mark.directory_ = directory;
    mark.path_ = std::move(path);
    mark.host_ = host;
    return mark;
}

void LivenessMark::aim(std::uint64_t session) {
    if (!file_.is_open()) return;
    session_ = session;
    const std::string content = content_for(session, host_);
    // What cannot be written marks nothing: take it away rather than leave a wrong number.
    if (ftruncate(file_.get(), 0) != 0 ||
        pwrite(file_.get(), content.data(), content.size(), 0) != static_cast<ssize_t>(content.size()))
        end();
}

void LivenessMark::settle() {
    if (!file_.is_open()) return;
    const std::string path = session_path(directory_, session_);
    if (rename(path_.c_str(), path.c_str()) == 0) path_ = path;
}

std::optional<Timestamp> LivenessMark::written() const {
    struct stat status{};
    if (!file_.is_open() || fstat(file_.get(), &status) != 0) return std::nullopt;
    return timestamp_of(status.st_mtim);
}

// The name goes before the lock: whoever sees the file locked finds it gone.
void LivenessMark::end() {
    if (file_.is_open()) unlink(path_.c_str());
    file_ = FileDescriptor{};
}

// The clock is that of a file just made: the machine's own need not agree with the file system's.
std::optional<Timestamp> no_writer_before(const std::string& directory, const std::string& host) {
    LivenessMark own = LivenessMark::prepare(directory, host);
    const std::optional<Timestamp> now = own.written();
    if (!now) return std::nullopt;
    Timestamp before{now->nanoseconds() - kUnmarkedWriterNanoseconds};
    for (const std::string_view prefix : {kWriterPrefix, kSessionPrefix}) {
        for (const std::string& name : names_in(directory, prefix)) {
            const std::optional<SeenMark> mark = see(directory + "/" + name, host);
            if (mark && may_live(*mark, *now)) before = std::min(before, mark->written);
        }
    }
    own.end();
    return before;
}

void remove_dead_marks(const std::string& directory, const std::string& host, const State& state) {
    LivenessMark own = LivenessMark::prepare(directory, host);
    const std::optional<Timestamp> now = own.written();
    if (!now) return;
    for (const std::string& name : names_in(directory, kSessionPrefix)) {
        const std::string path = directory + "/" + name;
        const std::uint64_t session = std::strtoull(name.c_str() + kSessionPrefix.size(), nullptr, 10);
        // One that the log does not show yet may be about to be.
        if (session > state.head().seq || state.open_sessions().contains(session)) continue;
        const std::optional<SeenMark> mark = see(path, host);
        if (mark && !may_live(*mark, *now)) unlink(path.c_str());
    }
    // A dead one without a number may yet be the only sign that an open session is dead, until that counts as stale.
    for (const std::string& name : names_in(directory, kWriterPrefix)) {
        const std::string path = directory + "/" + name;
        const std::optional<SeenMark> mark = see(path, host);
        if (mark && !mark->locked && is_stale(*mark, *now)) unlink(path.c_str());
    }
    own.end();
}

bool is_dead(const Session& session, const std::string& directory, const std::string& host, Timestamp now) {
    const bool stale = days_after(session.opened, kStaleSessionDays) < now;
    if (directory.empty()) return stale;
    const std::string content = content_for(session.id, host);
    const std::string settled = session_path(directory, session.id);
    if (const Found found = look_at(settled, content); found != Found::Nothing) return found == Found::Dead;

    bool one_died = false;
    for (const std::string& writer : names_in(directory, kWriterPrefix)) {
        const Found found = look_at(directory + "/" + writer, content);
        if (found == Found::Alive) return false;
        one_died |= found == Found::Dead;
    }
    // The winner may have settled while we looked at those who lost.
    if (const Found found = look_at(settled, content); found != Found::Nothing) return found == Found::Dead;
    return one_died || stale;
}

}  // namespace dr
