#pragma once
// Pins: what this client last saw of each repository, kept on this machine.
//
// Whoever can write to the storage can put an older copy of everything there, or another history. The signatures are
// all right then; only somebody who remembers notices. A pin remembers: it holds the greatest record seen at a place,
// and whatever does not continue from it is refused until an admin has signed that it is meant to be so.
//
// One small text file for each location, replaced as a whole. remember() and trust() read it and put another in its
// place: several processes take turns at them (DirectoryLock), or one could move back what another has just moved on.

#include <optional>
#include <string>
#include <vector>

#include "dr/platform/disk.h"
#include "dr/repository/log.h"

namespace dr {

struct Pin {
    std::string location;  // ObjectStore::location()
    RepositoryId repository;
    Head head;
    Timestamp time;                     // trusted time of the head
    std::vector<PublicKey> actors;      // whom this client believes (checkpoints)
    std::vector<RecordHash> rollbacks;  // records of the log that excused a jump of history: each does so once
    bool operator==(const Pin&) const = default;
};

struct PinCheck {
    bool first_sight = false;  // nothing was pinned: show `now` to the user
    Pin now;                   // what the log says; `actors` as they were pinned
    std::optional<Pin> before;
    // Whether remembering it changes anything.
    bool has_news() const { return before != now; }
};

class Pins {
public:
    // `directory` is this client's own state directory; it is borrowed.
    explicit Pins(Disk& directory) : disk_(directory) {}

    // The file of this location, in the directory.
    static std::string file_name(std::string_view location);

    // Nothing where this location was never seen. Damaged when the file is no pin.
    Result<std::optional<Pin>> find(std::string_view location) const;

    // Compares an opened log with what is pinned for its location. Fails with Forked when the repository is another
    // one, its history is older than the pin, or differs from it, naming both heads and their times, unless an
    // admin.rollback in the log that was not seen before says that this history is meant. Reads the records since the
    // pin.
    Result<PinCheck> check(const Log& log) const;

    // Fails with Forked where a repository was seen at this place that now holds none: before one is made there.
    Result<void> check_empty(std::string_view location) const;

    // Moves the pin to the log's head, which check() has accepted. Durable when it returns. Conflict where the pin is
    // not as check() found it, for somebody else changed it meanwhile: compare again.
    Result<void> remember(const PinCheck& checked);
    // Believe this actor from now on.
    Result<void> trust(std::string_view location, const PublicKey& actor);

private:
    Result<void> save(const Pin& pin);
    Disk& disk_;
};

std::string print_pin(const Pin& pin);
Result<Pin> parse_pin(std::string_view text);  // Damaged

}  // namespace dr
