#pragma once
// Console: the only place that writes to standard output and standard error.
//
// Standard output holds what was asked for: a table, a document, JSON. Standard error holds progress, notes, warnings
// and errors. On a terminal one status line at the bottom shows progress; whatever else is written clears it first.
// Thread-safe.

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "dr/base/error.h"
#include "dr/base/result.h"
#include "dr/service/settings.h"

namespace dr::cli {

// What the two outputs are.
struct ConsoleLook {
    int out = 1;
    int err = 2;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    bool color = false;  // never with NO_COLOR, a dumb terminal or without one
};
ConsoleLook look_at_terminal(const Variables& environment);

class Console {
public:
    explicit Console(const ConsoleLook& look) : look_(look) {}
    ~Console() { (void)flush(); }
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    void set_quiet(bool quiet) { quiet_ = quiet; }
    bool quiet() const { return quiet_; }
    const ConsoleLook& look() const { return look_; }

    // To standard output, as it is. Buffered. Fails once the reader is gone or the disk is full.
    Result<void> write(std::string_view bytes);
    // A line of what was asked for. A failure is found by flush().
    void print(std::string_view line);
    // A line that --quiet leaves out.
    void say(std::string_view line);
    // Hands everything over. Fails with what the first failed write failed with.
    Result<void> flush();
    // True once the reader of standard output went away (`| head`): not worth a message.
    bool reader_gone() const { return reader_gone_; }
    // Whether anything was written to standard output.
    bool wrote() const { return wrote_; }

    // A line on standard error; --quiet does not leave it out.
    void complain(std::string_view line);
    // STYLE 7: what happened, what it means, while doing what, what to type next.
    void show(const Error& error);

    // The status line of a terminal: replaces the last one; empty clears it. Does nothing without a terminal.
    void status(std::string_view text);
    // Columns of the terminal; 80 where it does not say.
    unsigned width() const;

private:
    void clear_status();
    Result<void> flush_locked();
    void write_error(std::string_view bytes);

    const ConsoleLook look_;
    bool quiet_ = false;
    std::mutex mutex_;
    std::string buffer_;
    bool status_shown_ = false;
    bool reader_gone_ = false;
    bool wrote_ = false;
    Result<void> failure_;
};

// Safe on a terminal: control characters, escape sequences and bytes that are not text become escapes. For sentences,
// whose names went through printable() already.
std::string safe_line(std::string_view text);

}  // namespace dr::cli
