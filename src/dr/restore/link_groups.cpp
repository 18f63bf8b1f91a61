#include "dr/restore/link_groups.h"

#include "dr/crypto/sha256.h"

namespace dr {

Sha256 content_hash(const Entry& entry) {
    const bool at_hand =
        entry.content.form == FileContent::Form::Empty || entry.content.form == FileContent::Form::Inline;
    return at_hand ? sha256(entry.content.inline_bytes) : entry.content.sha256;
}

namespace {

Sha256 told_apart_by(const Entry& entry) {
    return entry.kind == EntryKind::Symlink ? sha256(as_bytes(entry.target)) : content_hash(entry);
}

}  // namespace

std::optional<LinkGroups::First> LinkGroups::take(const Entry& entry) {
    const auto group = groups_.find({entry.device_index, entry.inode});
    if (group == groups_.end()) return std::nullopt;
    First& first = group->second;
    // A tree may claim that different files are one; each then keeps what it holds.
    if (first.kind != entry.kind || first.size != entry.size || first.content != told_apart_by(entry))
        return std::nullopt;
    if (first.names_left > 1) {
        --first.names_left;
        return first;
    }
    First last = std::move(first);
    groups_.erase(group);
    return last;
}

bool LinkGroups::add(const Entry& entry, const DirectoryPtr& directory, const std::optional<SeenFile>& kept) {
    if (entry.link_count < 2 || groups_.size() >= kMaxGroups) return entry.link_count < 2;
    groups_.try_emplace(
        {entry.device_index, entry.inode},
        First{directory, entry.name, kept, entry.kind, told_apart_by(entry), entry.size, entry.link_count - 1});
    return true;
}

}  // namespace dr
