#include "dr/restore/planned_links.h"

#include "dr/crypto/sha256.h"
#include "dr/restore/link_groups.h"

namespace dr {

PlannedLinks::Name PlannedLinks::join(const Entry& entry, const std::optional<struct stat>& info) {
    if (!entry.hard_link || entry.link_count < 2) return {};
    const std::pair<std::uint64_t, std::uint64_t> key{entry.device_index, entry.inode};
    const auto known = groups_.find(key);
    const Sha256 content = entry.kind == EntryKind::Symlink ? sha256(as_bytes(entry.target)) : content_hash(entry);
    if (known != groups_.end()) {
        const Names& names = *known->second;
        // A tree may claim that different files are one; each then keeps what it holds.
        if (names.kind != entry.kind || names.size != entry.size || names.content != content) return {};
        return {known->second, false};
    }
    if (groups_.size() >= LinkGroups::kMaxGroups) return {};
    auto names = std::make_shared<Names>(Names{entry.kind, content, entry.size, 0, 0, !info});
    if (info) {
        names->device = info->st_dev;
        names->inode = info->st_ino;
    }
    groups_.emplace(key, names);
    return {std::move(names), true};
}

}  // namespace dr
