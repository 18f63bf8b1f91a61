#pragma once
// What the tests of the log share.

#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_disk.h"
#include "dr/platform/sim/sim_random.h"
#include "dr/repository/log.h"
#include "dr/repository/replay_testing.h"
#include "dr/storage/local_store.h"

namespace dr::log_testing {

using namespace replay_testing;

// A store on a simulated disk, and a clock that goes on by itself.
struct World {
    SimDisk disk{1};
    SeededRandom random{1};
    SimClock clock{kStart, 1000};
    std::unique_ptr<LocalStore> store = LocalStore::open(disk, random, {"sim", 0});

    Log create() { return Log::create(*store, Genesis{}, key(1), clock).value(); }
    Log open(LogOptions options = {}) { return Log::open(*store, std::move(options)).value(); }
    void damage(const std::string& name, bool both_copies) {
        Bytes file = disk.content(name).value();
        file[file.size() / 2 - 1] ^= 0xff;
        if (both_copies) file.back() ^= 0xff;
        disk.overwrite(name, file).value();
    }
};

// Opens and closes a session: two records.
inline void append_pair(Log& log, const SigningKey& with, const Clock& clock) {
    const std::uint64_t session = log.append(with, clock, Open{}).value().seq;
    log.append(with, clock, Close{session}).value();
}

}  // namespace dr::log_testing
