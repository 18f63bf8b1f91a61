#pragma once
// Names of one file while a restore is planned: which entries are further names of something that the plan met before.

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "dr/repository/tree.h"

namespace dr {

// One thread.
class PlannedLinks {
public:
    // Names of one file, symbolic link or other thing: what the first of them is in the target, there now or to be
    // made.
    struct Names {
        EntryKind kind = EntryKind::File;
        Sha256 content;
        std::uint64_t size = 0;
        dev_t device = 0;
        ino_t inode = 0;
        bool fresh = false;  // it will be another inode than it is now
    };
    // One of them.
    struct Name {
        std::shared_ptr<Names> names;  // null: one name only, or too many groups
        bool first = false;

        // A further name costs nothing: what it names was met before.
        bool further() const { return names && !first; }
        // False where this should be a further name of the first one, and is not.
        bool holds(const struct stat& info) const {
            return !further() || (!names->fresh && names->device == info.st_dev && names->inode == info.st_ino);
        }
        // What the first name is will be made anew.
        void renew() const {
            if (first) names->fresh = true;
        }
    };

    // Counts `entry` among the names of its file. Null `info`: it is not there.
    Name join(const Entry& entry, const std::optional<struct stat>& info);

private:
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::shared_ptr<Names>> groups_;  // device and inode
};

}  // namespace dr
