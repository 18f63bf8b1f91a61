#pragma once
// Hard links: which entries of a snapshot are names of one file, symbolic link or other thing, and where the first of
// them was restored.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "dr/repository/tree.h"
#include "dr/restore/directory.h"
#include "dr/restore/seen_file.h"

namespace dr {

// The plain SHA-256 of a file's content, also where the entry does not store it.
Sha256 content_hash(const Entry& entry);

// One thread.
class LinkGroups {
public:
    // Beyond this many open groups a further file is restored by itself: a hostile tree must not take all memory.
    static constexpr std::size_t kMaxGroups = 1'000'000;

    struct First {
        DirectoryPtr directory;
        std::string name;
        std::optional<SeenFile> kept;  // it was there before and lies where others may write
        EntryKind kind = EntryKind::File;
        Sha256 content;  // of a symbolic link: of its target
        std::uint64_t size = 0;
        std::uint64_t names_left = 0;
    };

    // The first name of `entry`'s file, if it came before and holds the same; counts this name.
    std::optional<First> take(const Entry& entry);
    // `entry` is the first name. False if there are too many groups.
    bool add(const Entry& entry, const DirectoryPtr& directory, const std::optional<SeenFile>& kept);

private:
    struct Key {
        std::uint64_t device;
        std::uint64_t inode;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const {
            return std::hash<std::uint64_t>{}(key.inode * 0x9e3779b97f4a7c15ULL + key.device);
        }
    };

    std::unordered_map<Key, First, Hash> groups_;
};

}  // namespace dr
