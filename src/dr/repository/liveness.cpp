#include "dr/repository/liveness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace dr {
namespace {

constexpr std::string_view kWriterPrefix = "writer-";

std::string session_path(const std::string& directory, std::uint64_t session) {
    return directory + "/session-" + std::to_string(session);
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

std::vector<std::string> writers_in(const std::string& directory) {
    std::vector<std::string> paths;
    const std::unique_ptr<DIR, int (*)(DIR*)> open{opendir(directory.c_str()), &closedir};
    if (!open) return paths;
    while (const dirent* entry = readdir(open.get())) {
        if (std::string_view(entry->d_name).starts_with(kWriterPrefix))
            paths.push_back(directory + "/" + entry->d_name);
    }
    return paths;
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

// The name goes before the lock: whoever sees the file locked finds it gone.
void LivenessMark::end() {
    if (file_.is_open()) unlink(path_.c_str());
    file_ = FileDescriptor{};
}

bool is_dead(const Session& session, const std::string& directory, const std::string& host, Timestamp now) {
    const bool stale = now.nanoseconds() - session.opened.nanoseconds() > kStaleSessionNanoseconds;
    if (directory.empty()) return stale;
    const std::string content = content_for(session.id, host);
    const std::string settled = session_path(directory, session.id);
    if (const Found found = look_at(settled, content); found != Found::Nothing) return found == Found::Dead;

    bool one_died = false;
    for (const std::string& writer : writers_in(directory)) {
        const Found found = look_at(writer, content);
        if (found == Found::Alive) return false;
        one_died |= found == Found::Dead;
    }
    // The winner may have settled while we looked at those who lost.
    if (const Found found = look_at(settled, content); found != Found::Nothing) return found == Found::Dead;
    return one_died || stale;
}

}  // namespace dr
