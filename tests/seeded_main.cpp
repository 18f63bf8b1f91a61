// qnwis_dr_seeded, for tests only: the program in a world that repeats itself. The clock stands at QNWIS_DR_TEST_TIME
// (ISO 8601), random numbers come from QNWIS_DR_TEST_SEED, and every machine is the same one. The product's own
// executable has no such door.

#include <iostream>

#include "cli/run.h"
#include "dr/models/json.h"
#include "dr/platform/posix/clock.h"
#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_random.h"

extern char** environ;

namespace {

// What every seeded machine is.
dr::HostIdentity test_host() { return {dr::Bytes(16, 0x11), dr::Bytes(16, 0x22), "test-host"}; }

std::string variable(const dr::cli::Process& process, std::string_view name) {
    const auto found = process.environment.find(name);
    return found == process.environment.end() ? std::string{} : found->second;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace dr;
    const cli::Process process = cli::harden_process(environ);
    const Result<Timestamp> time = Timestamp::parse(variable(process, "QNWIS_DR_TEST_TIME"));
    const Result<std::uint64_t> seed = parse_natural(variable(process, "QNWIS_DR_TEST_SEED"), 0, UINT64_MAX);
    if (!time.ok() || !seed.ok()) {
        std::cerr
            << "qnwis_dr_seeded needs QNWIS_DR_TEST_TIME (2026-11-23T00:00:00Z) and QNWIS_DR_TEST_SEED (a number)\n";
        return 2;
    }
    SimClock clock{time.value()};
    SeededRandom random{seed.value()};
    const HostIdentity host = test_host();
    const SiteCalendar calendar = SiteCalendar::utc();
    const World world{clock, random, host, calendar};
    const PosixClock display_clock;
    const cli::Surroundings surroundings{process.environment, process.is_root, process.umask, display_clock};
    return cli::run(world, surroundings, {argv + (argc > 0 ? 1 : 0), argv + argc});
}
