#include "cli/passphrase_prompt.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "cli/signals.h"
#include "dr/platform/posix/file_descriptor.h"

namespace dr::cli {
namespace {

Error cancelled() { return Error{ErrorCode::Cancelled, "no passphrase was given"}.means("nothing was done"); }

void say(int fd, const std::string& text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const ssize_t written = ::write(fd, text.data() + at, text.size() - at);
        if (written <= 0) return;  // then the user sees no question, and read() tells
        at += static_cast<std::size_t>(written);
    }
}

// A line without its newline, byte by byte into memory that is wiped.
Result<SecretBytes> read_line(int fd) {
    SecretBytes buffer{kMaxTypedPassphrase};
    std::size_t size = 0;
    for (;;) {
        std::uint8_t byte = 0;
        const ssize_t got = ::read(fd, &byte, 1);
        if (got < 0 && errno == EINTR && !interrupted()) continue;
        if (got <= 0) return cancelled();
        if (byte == '\n') break;
        if (size == buffer.size()) return Error{ErrorCode::BadRequest, "the passphrase is longer than 1024 bytes"};
        buffer.mutable_bytes()[size++] = byte;
        byte = 0;
    }
    return SecretBytes::copy_of(buffer.bytes().first(size));
}

Result<SecretBytes> ask_once(int fd, const std::string& question) {
    // Quiet first: who types as soon as the question stands there must not see it, nor lose it.
    const QuietTerminal quiet{fd};
    say(fd, question + ": ");
    return read_line(fd);
}

}  // namespace

Result<SecretBytes> ask_passphrase(int fd, const std::string& question, bool confirm) {
    SecretBytes first = DR_TRY(ask_once(fd, question));
    if (first.empty()) return Error{ErrorCode::WrongKey, "the passphrase is empty"}.means("nothing was done");
    if (!confirm) return first;
    const SecretBytes second = DR_TRY(ask_once(fd, question + " again"));
    if (first == second) return first;
    return Error{ErrorCode::BadRequest, "the two passphrases are not equal"}.means("nothing was done");
}

std::function<Result<SecretBytes>(const std::string&, bool)> passphrase_prompt() {
    if (::isatty(STDIN_FILENO) != 1 && ::isatty(STDERR_FILENO) != 1) return {};
    {
        const FileDescriptor terminal{::open("/dev/tty", O_RDWR | O_CLOEXEC)};
        if (!terminal.is_open()) return {};
    }
    return [](const std::string& question, bool confirm) -> Result<SecretBytes> {
        const FileDescriptor terminal{::open("/dev/tty", O_RDWR | O_CLOEXEC)};
        if (!terminal.is_open()) return Error::from_errno(errno, "cannot ask on the terminal");
        return ask_passphrase(terminal.get(), question, confirm);
    };
}

}  // namespace dr::cli
