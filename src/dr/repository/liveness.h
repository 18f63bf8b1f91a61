#pragma once
// Liveness: whether the process behind an open session still runs.
//
// No safety rests on this: abandoning a living session only makes its commit void. It decides how soon a killed one
// stops holding back the collector, and lets the next backup take over what it had stored. On local storage a process
// holds a locked file in tmp/ for as long as it lives; the kernel lets go of the lock when it dies, however it dies.
//
// The file is there before the `open` record: tmp/writer-<random>, holding the number that is tried; it becomes
// tmp/session-<number> once the record is won. Several writers may try one number, so a dead writer-… alone proves
// nothing about a session as long as another one that tried the same number lives.

#include <cstdint>
#include <optional>
#include <string>

#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/platform/posix/file_descriptor.h"
#include "dr/repository/replay.h"

namespace dr {

// A session that nothing is known of (another host's, say) counts as dead when it was opened this long ago.
inline constexpr std::uint64_t kStaleSessionDays = 7;
inline constexpr std::int64_t kStaleSessionNanoseconds = kStaleSessionDays * kNanosecondsPerDay;

// The lock of one living session. The destructor lets go of the lock, so that the session counts as dead and can be
// taken over; end() is for a session that ended in the log, or never began.
class LivenessMark {
public:
    LivenessMark() = default;
    LivenessMark(LivenessMark&& other) noexcept = default;
    LivenessMark& operator=(LivenessMark&& other) noexcept = default;

    // `directory` is the storage's tmp/; empty for storage without one: the mark then marks nothing. A mark that cannot
    // be made is no error: the session then only counts as alive for longer.
    static LivenessMark prepare(const std::string& directory, const std::string& host);
    // Before each try to append `open` as this number.
    void aim(std::uint64_t session);
    // The number is ours.
    void settle();
    // Takes the mark away.
    void end();
    // When it was last written, by the file system's clock; nothing where it marks nothing.
    std::optional<Timestamp> written() const;

private:
    FileDescriptor file_;
    std::string directory_;
    std::string path_;
    std::string host_;
    std::uint64_t session_ = 0;
};

// The time, by the file system's clock, before which no writer that may still live wrote anything in `directory`, with
// a margin for those without a mark, who put small objects only. Nothing where that cannot be told.
std::optional<Timestamp> no_writer_before(const std::string& directory, const std::string& host);

// Takes away the marks of killed processes whose sessions have ended in the log, and of those that never won one.
void remove_dead_marks(const std::string& directory, const std::string& host, const State& state);

// `now` is the trusted time of the log's head.
bool is_dead(const Session& session, const std::string& directory, const std::string& host, Timestamp now);

}  // namespace dr
