#include "cli/child.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "cli/signals.h"

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
    if (pid < 0) return Error::from_errno(errno, "cannot start " + name_of_command(argv));
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
    if (interrupted()) return Error{ErrorCode::Cancelled, name + " was interrupted"};
    std::string how = "was ended by signal " + std::to_string(WTERMSIG(status));
    if (WIFEXITED(status)) how = "ended with exit status " + std::to_string(WEXITSTATUS(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotStart) how += " (is it installed?)";
    return Error{ErrorCode::Io, name + " " + how};
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"_./+-"}.contains(c);
}

// "PGPASSWORD=hunter2"
bool is_assignment(std::string_view word) {
    const std::size_t equals = word.find('=');
    return equals != std::string_view::npos && equals > 0 &&
           std::ranges::all_of(word.substr(0, equals), [](char c) { return is_plain(c) && c != '/'; });
}

// The words of a command for a shell up to the first thing that this cannot take apart for certain: quotes, expansions
// and operators may have blanks in them that end no word.
std::vector<std::string> plain_words(std::string_view text) {
    std::vector<std::string> words;
    while (true) {
        const std::size_t begin = text.find_first_not_of(" \t");
        if (begin == std::string_view::npos) return words;
        text.remove_prefix(begin);
        const std::size_t end = std::min(text.find_first_of(" \t\n;|&<>"), text.size());
        const std::string_view word = text.substr(0, end);
        if (!std::ranges::all_of(word, [](char c) { return is_plain(c) || std::string_view{"=:,@%"}.contains(c); }))
            return words;
        words.emplace_back(word);
        if (end == text.size() || (text[end] != ' ' && text[end] != '\t')) return words;
        text.remove_prefix(end);
    }
}

}  // namespace

std::string name_of_command(const std::vector<std::string>& argv) {
    const bool by_shell = argv.size() == 3 && argv[0] == "/bin/sh" && argv[1] == "-c";
    const std::vector<std::string> words = by_shell ? plain_words(argv[2]) : argv;
    const auto program = std::ranges::find_if_not(words, is_assignment);
    if (program == words.end() || program->empty() || !std::ranges::all_of(*program, is_plain)) return "the command";
    return "the command '" + *program + "'";
}

Result<void> run_hook(const Hook& hook, unsigned umask) {
    const pid_t pid = DR_TRY(start_program({"/bin/sh", "-c", hook.command}, STDERR_FILENO, umask));
    return judge(hook.name, DR_TRY(wait_for(pid)));
}

Result<OutputOfCommand> OutputOfCommand::start(const std::vector<std::string>& argv, unsigned umask) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "cannot make a pipe");
    FileDescriptor read_end{ends[0]};
    const FileDescriptor write_end{ends[1]};
    const pid_t pid = DR_TRY(start_program(argv, write_end.get(), umask));
    return OutputOfCommand{name_of_command(argv), pid, std::move(read_end)};
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
