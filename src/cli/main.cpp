// qnwis_dr: builds the world and hands it down.

#include "cli/run.h"
#include "dr/platform/posix/clock.h"
#include "dr/platform/posix/host.h"
#include "dr/platform/posix/random.h"

extern char** environ;

int main(int argc, char** argv) {
    using namespace dr;
    const cli::Process process = cli::harden_process(environ);
    PosixClock clock;
    PosixRandom random;
    const HostIdentity host = read_host_identity();
    const SiteCalendar calendar = SiteCalendar::machine();
    const World world{clock, random, host, calendar};
    const cli::Surroundings surroundings{process.environment, process.is_root, process.umask, clock};
    return cli::run(world, surroundings, {argv + (argc > 0 ? 1 : 0), argv + argc});
}
