#include "cli/child.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "cli/signals.h"
#include "dr/models/relative_path.h"

namespace dr::cli {
namespace {

// What a shell reports when it cannot start a program.
constexpr int kCannotStart = 127;

// Forks and becomes argv, with standard output on `output`. All memory is prepared before the fork: only
// async-signal-safe calls follow it.
Result<pid_t> start_program(const std::vector<std::string>& argv, int output, unsigned umask) {
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid < 0) return Error::from_errno(errno, "cannot start '" + printable(argv.front()) + "'");
    if (pid > 0) return pid;
    ::dup2(output, STDOUT_FILENO);
    ::umask(static_cast<mode_t>(umask));
    restore_default_signals();
    ::execvp(words[0], words.data());
    ::_exit(kCannotStart);
}

Result<int> wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return Error::from_errno(errno, "cannot wait for a program");
    }
    return status;
}

Result<void> judge(const std::string& name, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (interrupted()) return Error{ErrorCode::Cancelled, "'" + printable(name) + "' was interrupted"};
    std::string how = "was ended by signal " + std::to_string(WTERMSIG(status));
    if (WIFEXITED(status)) how = "ended with exit status " + std::to_string(WEXITSTATUS(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotStart) how += " (is it installed?)";
    return Error{ErrorCode::Io, "'" + printable(name) + "' " + how};
}

}  // namespace

Result<void> run_hook(const std::string& command, unsigned umask) {
    const pid_t pid = DR_TRY(start_program({"/bin/sh", "-c", command}, STDERR_FILENO, umask));
    return judge(command, DR_TRY(wait_for(pid)));
}

Result<OutputOfCommand> OutputOfCommand::start(const std::vector<std::string>& argv, unsigned umask) {
    std::string name;
    for (const std::string& word : argv) name += (name.empty() ? "" : " ") + word;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "cannot make a pipe");
    FileDescriptor read_end{ends[0]};
    const FileDescriptor write_end{ends[1]};
    const pid_t pid = DR_TRY(start_program(argv, write_end.get(), umask));
    return OutputOfCommand{std::move(name), pid, std::move(read_end)};
}

OutputOfCommand::OutputOfCommand(OutputOfCommand&& other) noexcept
    : name_(std::move(other.name_)), pid_(std::exchange(other.pid_, -1)), output_(std::move(other.output_)) {}

OutputOfCommand::~OutputOfCommand() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGTERM);
    output_ = FileDescriptor{};  // a program that ignores SIGTERM ends when it writes
    (void)wait_for(pid_);
}

Result<void> OutputOfCommand::wait() {
    const pid_t pid = std::exchange(pid_, -1);
    Result<void> judged = judge(name_, DR_TRY(wait_for(pid)));
    if (judged.ok()) return judged;
    return std::move(judged).error().means("no snapshot was made: half of an output would look like all of it");
}

}  // namespace dr::cli
