// limit_pass: the least time that the work of a backup tool can take on this machine, measured. Prints JSON.
//
//   limit_pass backup DIR OUT [--threads N] [--cut yes|no] [--known OLD --newer-than SECONDS] [--faithful yes|no]
//   limit_pass restore OUT TARGET [--threads N]      OUT: written by backup; TARGET: an empty directory
//   limit_pass verify OUT [--threads N]
//   limit_pass walk DIR                              getdents64 and statx alone, one thread

#include <sys/resource.h>

#include "limit/passes.h"
#include "support.h"

namespace {

[[noreturn]] void usage() {
    std::fputs(
        "usage: limit_pass backup DIR OUT | restore OUT TARGET | verify OUT | walk DIR   [--threads N] [--cut yes|no]\n"
        "                  [--known OLD --newer-than SECONDS] [--faithful yes|no]\n",
        stderr);
    std::exit(2);
}

// Jobs keep their directories open.
void raise_open_files() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> arguments{argv + 1, argv + argc};
    const auto number = [&](const char* name, const std::string& otherwise) {
        return std::strtoull(bench::take_option(arguments, name, otherwise).c_str(), nullptr, 10);
    };
    const auto threads = static_cast<unsigned>(number("--threads", std::to_string(bench::core_count())));
    const auto newer_than = static_cast<std::int64_t>(number("--newer-than", "0"));
    const bool cuts = bench::take_option(arguments, "--cut", "yes") == "yes";
    const bool faithful = bench::take_option(arguments, "--faithful", "no") == "yes";
    const std::string known = bench::take_option(arguments, "--known", "");
    const std::string mode = arguments.empty() ? "" : arguments[0];
    const bool takes_two = mode == "backup" || mode == "restore";
    if (threads == 0 || arguments.size() != (takes_two ? 3U : 2U)) usage();

    raise_open_files();
    const double start = bench::seconds_now();
    bench::PassResult result;
    if (mode == "backup") {
        result = bench::backup_pass({.source = arguments[1],
                                     .output = arguments[2],
                                     .threads = threads,
                                     .cuts = cuts,
                                     .faithful = faithful,
                                     .known = known,
                                     .newer_than_seconds = newer_than});
    } else if (mode == "restore") {
        result = bench::restore_pass(arguments[1], arguments[2], threads);
    } else if (mode == "verify") {
        result = bench::verify_pass(arguments[1], threads);
    } else if (mode == "walk") {
        result = bench::walk_pass(arguments[1]);
    } else {
        usage();
    }
    std::printf(
        "{\"mode\": \"%s\", \"wall_s\": %.6f, \"cpu_s\": %.6f, \"threads\": %u, \"entries\": %llu, \"bytes_read\": "
        "%llu, "
        "\"bytes_written\": %llu, \"bytes_allocated\": %llu, \"content_defined_cuts\": %s}\n",
        mode.c_str(), bench::seconds_now() - start, bench::cpu_seconds(), threads,
        static_cast<unsigned long long>(result.entries), static_cast<unsigned long long>(result.bytes_read),
        static_cast<unsigned long long>(result.bytes_written), static_cast<unsigned long long>(result.bytes_allocated),
        cuts ? "true" : "false");
}
