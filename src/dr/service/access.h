#pragma once
// Opening the repository that the settings name, for reading its log, its content, or for writing.

#include <memory>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/repository/repository.h"
#include "dr/service/key_access.h"
#include "dr/service/world.h"

namespace dr {

enum class Access : std::uint8_t {
    Log,      // no key needed
    Content,  // the key ring is opened
    Change,   // … and something is going to be written
};

// An opened repository and the store it lives in.
struct OpenRepository {
    std::unique_ptr<ObjectStore> store;
    Repository repository;
    bool first_sight = false;  // there was nothing to compare it with, or it was accepted: show head, time and hash
    bool is_blind = false;     // what this machine knew of it could not be asked: no lasting judgement is written then
    // Whom this machine believes here: the actors of keys that it has opened the repository with. Empty: nobody yet.
    std::vector<PublicKey> pinned_actors;
};

// A pin that is damaged is an error unless the settings allow another history; one that cannot be read is only told to
// those who change nothing, a reader's own session apart: a restore is not to wait for it.
//
// Order: key first where one is needed (a wrong one ends before any work), then the store, the log, the pin (Forked),
// the ring, and for a change the end of the log (Damaged): before anything is made, here or there.
Result<OpenRepository> open_repository(const World& world, const Settings& settings, Access access, Monitor& monitor);

// The log alone, not compared with what this machine saw before: to look whether there is a repository.
Result<Repository> open_log(const Settings& settings, ObjectStore& store);

// Before a repository is made in an empty storage: Forked where this machine knows one there, unless the settings allow
// another history.
Result<void> nothing_known_at(const Settings& settings, const ObjectStore& store);

// Moves this machine's pin to the head it knows now: after every append.
Result<void> remember_head(const Settings& settings, Repository& repository, Monitor& monitor);

}  // namespace dr
