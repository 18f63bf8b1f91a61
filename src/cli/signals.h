#pragma once
// Signals: Ctrl-C, SIGTERM and SIGHUP ask to stop; asked twice, the program stops at once. SIGPIPE is an error of
// write(), not a death.
//
// A signal handler can only reach what is global: this is the one place with global state.

#include <termios.h>

namespace dr::cli {

// Installs the handlers. The first signal makes interrupted() true and ends blocking reads with EINTR; the second one
// restores the terminal and ends the process with status 130.
void catch_signals();
bool interrupted();

// While it exists the terminal `fd` does not echo; any way out of the program, signals included, brings the echo back.
class QuietTerminal {
public:
    explicit QuietTerminal(int fd);
    ~QuietTerminal();
    QuietTerminal(const QuietTerminal&) = delete;
    QuietTerminal& operator=(const QuietTerminal&) = delete;

private:
    bool changed_ = false;
};

// In a child, before it becomes another program: signals as it would have had them from a shell.
void restore_default_signals();

}  // namespace dr::cli
