#include "cli/signals.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

namespace dr::cli {
namespace {

constexpr std::array kStopping{SIGINT, SIGTERM, SIGHUP};
constexpr int kInterrupted = 130;

// Written by the handler, read by any thread.
std::atomic<int> stop_count{0};
std::atomic<int> quiet_terminal{-1};
termios saved_terminal;  // valid while quiet_terminal is not -1

static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only use lock-free atomics");

extern "C" void on_stop(int) {
    const int saved = errno;
    if (stop_count.fetch_add(1) > 0) {
        const int terminal = quiet_terminal.load();
        if (terminal >= 0) tcsetattr(terminal, TCSANOW, &saved_terminal);
        _exit(kInterrupted);
    }
    errno = saved;
}

}  // namespace

void catch_signals() {
    struct sigaction stop{};
    stop.sa_handler = on_stop;
    sigemptyset(&stop.sa_mask);
    stop.sa_flags = 0;  // no SA_RESTART: a read that waits for input ends
    for (const int number : kStopping) {
        // nohup and background jobs ignore some of them on purpose.
        struct sigaction before{};
        if (sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        sigaction(number, &stop, nullptr);
    }
    (void)std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return stop_count.load(std::memory_order_relaxed) > 0; }

void restore_default_signals() {
    for (const int number : kStopping) {
        struct sigaction now{};
        if (sigaction(number, nullptr, &now) == 0 && now.sa_handler == on_stop) (void)std::signal(number, SIG_DFL);
    }
    (void)std::signal(SIGPIPE, SIG_DFL);
}

QuietTerminal::QuietTerminal(int fd) {
    if (tcgetattr(fd, &saved_terminal) != 0) return;
    quiet_terminal = fd;
    termios quiet = saved_terminal;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;  // the typed newline is seen, or the next line would follow the question
    changed_ = tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
}

QuietTerminal::~QuietTerminal() {
    const int fd = quiet_terminal.exchange(-1);
    if (changed_) tcsetattr(fd, TCSAFLUSH, &saved_terminal);
}

}  // namespace dr::cli
