// run_measured OUT COMMAND...: runs a command and writes wall time, CPU seconds, peak memory and exit status to OUT.
//
// It exists because a process inherits its parent's peak: a child of a Python program reports at least the memory of
// that program. The memory is that of the largest single process (VmHWM, mapped pages counted) below this one, the CPU
// seconds are those of all processes that were waited for.

#include <sys/resource.h>
#include <sys/wait.h>

#include "support.h"

namespace {

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; }

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("usage: run_measured OUT COMMAND...\n", stderr);
        return 2;
    }
    const double start = bench::seconds_now();
    const pid_t child = ::fork();
    if (child < 0) bench::stop("cannot start a process");
    if (child == 0) {
        ::execvp(argv[2], argv + 2);
        std::fprintf(stderr, "bench: cannot run '%s': %s\n", argv[2], std::strerror(errno));
        ::_exit(127);
    }
    int status = 0;
    rusage usage{};
    while (::wait4(child, &status, 0, &usage) < 0) {
        if (errno != EINTR) bench::stop("cannot wait for a process");
    }
    const double wall = bench::seconds_now() - start;
    const int exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

    char text[256];
    const int length =
        std::snprintf(text, sizeof text,
                      "{\"wall_s\": %.6f, \"user_s\": %.6f, \"system_s\": %.6f, \"peak_kib\": %ld, \"exit\": %d}\n",
                      wall, seconds(usage.ru_utime), seconds(usage.ru_stime), usage.ru_maxrss, exit_status);
    const bench::Fd out = bench::open_or_stop(AT_FDCWD, argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    bench::write_or_stop(out.get(), text, static_cast<std::size_t>(length));
    return exit_status;
}
