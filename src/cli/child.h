#pragma once
// Programs that a backup runs: hooks, and the command whose output is backed up.

#include <sys/types.h>

#include <string>
#include <vector>

#include "dr/base/result.h"
#include "dr/platform/posix/file_descriptor.h"

namespace dr::cli {

struct Hook {
    std::string name;     // what errors call it
    std::string command;  // may hold a secret: no error shows it
};

// Runs `/bin/sh -c command` to its end, its standard output going to our standard error. `umask` is what it starts
// with. Fails with Io, naming the hook and its exit status; with Cancelled when Ctrl-C ended it.
Result<void> run_hook(const Hook& hook, unsigned umask);

// What errors call a command: its first word that sets no variable, or "the command" where that is not plain to see.
// Arguments and variables may hold secrets. `argv` is not empty.
std::string name_of_command(const std::vector<std::string>& argv);

// A program whose standard output we read.
class OutputOfCommand {
public:
    // `argv` is not empty. Io where it cannot be started.
    static Result<OutputOfCommand> start(const std::vector<std::string>& argv, unsigned umask);
    OutputOfCommand(OutputOfCommand&& other) noexcept;
    OutputOfCommand& operator=(OutputOfCommand&&) = delete;
    // A program that still runs is asked to end and waited for.
    ~OutputOfCommand();

    int fd() const { return output_.get(); }
    // Waits for the end, once all of the output was read. Fails with Io unless the exit status is 0: then the output is
    // not to be trusted.
    Result<void> wait();

private:
    OutputOfCommand(std::string name, pid_t pid, FileDescriptor output)
        : name_(std::move(name)), pid_(pid), output_(std::move(output)) {}

    std::string name_;
    pid_t pid_ = -1;  // -1: ended
    FileDescriptor output_;
};

}  // namespace dr::cli
