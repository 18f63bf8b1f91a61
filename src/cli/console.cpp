#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "dr/models/relative_path.h"

namespace dr::cli {
namespace {

constexpr std::size_t kBuffer = 64U << 10;

Result<void> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return Error::from_errno(errno, "cannot write to standard output");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

bool is_set(const Variables& environment, std::string_view name) {
    const auto found = environment.find(name);
    return found != environment.end() && !found->second.empty();
}

// Lines after the first one stand below it.
std::string indented(std::string_view text, std::string_view indent) {
    std::string lines;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (at > 0) lines += "\n" + std::string(indent);
        lines += safe_line(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

}  // namespace

ConsoleLook look_at_terminal(const Variables& environment) {
    ConsoleLook look;
    look.out_is_terminal = ::isatty(look.out) == 1;
    look.err_is_terminal = ::isatty(look.err) == 1;
    const auto term = environment.find("TERM");
    const bool dumb = term == environment.end() || term->second == "dumb";
    look.color = look.err_is_terminal && !dumb && !is_set(environment, "NO_COLOR");
    return look;
}

std::string safe_line(std::string_view text) {
    // printable() doubles backslashes so that a name can be read back; a sentence needs no way back.
    const std::string shown = printable(text);
    std::string line;
    line.reserve(shown.size());
    for (std::size_t at = 0; at < shown.size(); ++at) {
        line += shown[at];
        if (shown[at] == '\\' && at + 1 < shown.size() && shown[at + 1] == '\\') ++at;
    }
    return line;
}

Result<void> Console::write(std::string_view bytes) {
    const std::lock_guard lock{mutex_};
    wrote_ = wrote_ || !bytes.empty();
    if (buffer_.size() + bytes.size() > kBuffer) DR_TRY(flush_locked());
    if (bytes.size() < kBuffer) {
        buffer_ += bytes;
        return failure_;
    }
    if (failure_.ok()) failure_ = write_all(look_.out, bytes);
    return failure_;
}

void Console::print(std::string_view line) {
    (void)write(std::string(line) + "\n");  // flush() tells
}

void Console::say(std::string_view line) {
    if (!quiet_) print(line);
}

Result<void> Console::flush() {
    const std::lock_guard lock{mutex_};
    return flush_locked();
}

Result<void> Console::flush_locked() {
    if (!buffer_.empty() && failure_.ok()) {
        clear_status();
        failure_ = write_all(look_.out, buffer_);
        reader_gone_ = !failure_.ok() && failure_.error().system_errno() == EPIPE;
    }
    buffer_.clear();
    return failure_;
}

void Console::write_error(std::string_view bytes) {
    // Nobody is left to tell when standard error fails.
    (void)write_all(look_.err, bytes);
}

void Console::complain(std::string_view line) {
    const std::lock_guard lock{mutex_};
    (void)flush_locked();  // in the order they were written, where both go to one place
    clear_status();
    write_error(safe_line(line) + "\n");
}

void Console::show(const Error& error) {
    std::string text =
        (look_.color ? "\x1b[1;31mqnwis_dr:\x1b[0m " : "qnwis_dr: ") + indented(error.what(), "          ") + "\n";
    constexpr std::string_view kIndent = "         ";
    if (!error.meaning().empty()) text += "  means  " + indented(error.meaning(), kIndent) + "\n";
    for (const std::string& doing : error.whiles()) text += "  while  " + indented(doing, kIndent) + "\n";
    if (!error.next_step().empty()) text += "  next   " + indented(error.next_step(), kIndent) + "\n";
    const std::lock_guard lock{mutex_};
    (void)flush_locked();
    clear_status();
    write_error(text);
}

void Console::status(std::string_view text) {
    if (!look_.err_is_terminal) return;
    const std::lock_guard lock{mutex_};
    if (text.empty()) return clear_status();
    // Cursor to the first column, then the line, then whatever the last one left behind.
    write_error("\r" + safe_line(text) + "\x1b[K");
    status_shown_ = true;
}

void Console::clear_status() {
    if (!status_shown_) return;
    status_shown_ = false;
    write_error("\r\x1b[K");
}

unsigned Console::width() const {
    winsize size{};
    if (::ioctl(look_.err, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

}  // namespace dr::cli
