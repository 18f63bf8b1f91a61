#pragma once
// The trusted time of a record (FORMAT 10): what dates of retention are judged by, the same for everyone who replays.

#include "dr/repository/replay.h"

namespace dr {

// What the trusted time would be if `record` were applied to `state`: its own time, but never earlier than before, and
// unless an admin signed it at most a day later. Void records do not move it.
Timestamp trusted_time_of(const State& state, const LogRecord& record);

}  // namespace dr
