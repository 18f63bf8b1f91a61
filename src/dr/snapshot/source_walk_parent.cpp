// SourceWalk beside the parent snapshot: what is as it was, and how it is taken over.

#include "dr/models/content_marks.h"
#include "dr/snapshot/source_walk_frame.h"

namespace dr {

// Finds what the parent has by the name of `at`.
Result<void> SourceWalk::take_before(Frame& frame, Visit& at) {
    DR_TRY(advance_parent(frame, at.name));
    if (frame.at == nullptr || frame.at->name != at.name) return {};
    at.before = frame.at;
    frame.taken = frame.unmatched = true;
    return {};
}

// Brings the frame to the first entry of the parent that is not before `name`; to the end for an empty name.
Result<void> SourceWalk::advance_parent(Frame& frame, std::string_view name) {
    if (frame.before == nullptr) return {};
    while (frame.taken || (frame.at != nullptr && !name.empty() && frame.at->name < name)) {
        if (!frame.taken || frame.unmatched) frame.diverged = true;  // passed over: no longer there, or not as it was
        frame.taken = frame.unmatched = false;
        const Result<const EntryView*> next = frame.before->next_view();
        if (!next.ok()) return lose_parent(frame, next.error());
        frame.at = next.value();
        frame.at_owner = frame.before->owner();
        if (frame.at == nullptr) break;
    }
    return {};
}

// The rest of the directory is not to be had from the parent: it counts as new.
Result<void> SourceWalk::lose_parent(Frame& frame, const Error& error) {
    if (!means_damage(error)) return error;
    Error damage = Error{error}.as(ErrorCode::Damaged).during("reading the parent snapshot");
    if (!parent_->is_damaged) return damage;
    frame.at = nullptr;
    frame.at_owner.reset();
    frame.before.reset();
    frame.diverged = true;
    emit(WarningItem{.path = directory_.is_root() ? "/" : directory_.bytes(), .error = std::move(damage)});
    return {};
}

// Whether the blobs that an entry of a damaged parent refers to are all there. A directory's nodes prove themselves by
// being read.
bool SourceWalk::leads_to_blobs(const EntryView& before) const {
    if (before.xattrs_in_blob && !parent_->source.locate(before.xattr_blob.id).ok()) return false;
    if (before.kind != EntryKind::File) return true;
    const Entry file = before.copy();
    ContentReader content = content_of(parent_->source, file);
    while (true) {
        const Result<std::optional<ContentPiece>> piece = content.next();
        if (!piece.ok()) return false;
        if (!piece.value()) return true;
        if (piece.value()->kind == ContentPiece::Kind::Blob && !parent_->source.locate(piece.value()->blob).ok())
            return false;
    }
}

bool SourceWalk::same_metadata(const EntryView& before, const FileStat& stat) {
    if (before.kind != stat.kind || before.inode != stat.inode || before.ctime_nanoseconds != stat.ctime_nanoseconds ||
        before.ctime_seconds != stat.ctime_seconds || before.mtime_nanoseconds != stat.mtime_nanoseconds ||
        before.mtime_seconds != stat.mtime_seconds || before.mode != stat.mode || before.uid != stat.uid ||
        before.gid != stat.gid) {
        return false;
    }
    if (stat.ctime_seconds >= settled_before_ || stat.mtime_seconds >= settled_before_) return false;
    if (parent_->is_damaged && !leads_to_blobs(before)) return false;
    if (stat.kind == EntryKind::Directory) return true;
    const bool hard_link = stat.link_count > 1;
    if (before.hard_link != hard_link) return false;
    return !hard_link || (before.link_count == stat.link_count && before.device_index == device_index(stat.device));
}

bool SourceWalk::may_reuse_content(const EntryView& before, const FileStat& stat) const {
    if (before.kind != EntryKind::File || before.size != stat.size || before.changed_while_read) return false;
    // The parent may hold private keys that this backup is to leave out.
    return !context_.options.skip_private_keys || parent_->private_keys_skipped || stat.size > kMaxPrivateKeyFile;
}

// An entry that is as the parent has it.
Result<void> SourceWalk::unchanged(Visit& at) {
    Frame& frame = frames_.back();
    frame.unmatched = false;
    if (emitted_ < frames_.size() && !frame.diverged) {
        ++frame.matched;
        return {};
    }
    emit_directories();
    emit_parent_entry(*at.before);
    return {};
}

// Nothing below differs from the parent: its reference is taken over, without a look at its nodes.
Result<void> SourceWalk::leave_unchanged() {
    const Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frames_.empty()) {
        emit(WholeItem{frame.before_ref.copy()});
        return {};
    }
    directory_ = directory_.parent();
    Visit at{.name = frame.name, .path = {}, .region = frame.region, .stat = {}, .before = frames_.back().at};
    if (frame.same_metadata) return unchanged(at);
    emit_directories();
    frame.entry->directory = frame.before_ref.copy();
    emit(EntryItem{std::make_unique<Entry>(std::move(*frame.entry))});
    return {};
}

void SourceWalk::emit_parent_entry(const EntryView& entry) {
    RawItem item{.offset = static_cast<std::uint32_t>(unit_->raw.size()),
                 .length = static_cast<std::uint32_t>(entry.encoded.size()),
                 .name_length = static_cast<std::uint32_t>(entry.name.size()),
                 .files = entry.total_files(),
                 .bytes = entry.total_bytes()};
    append(unit_->raw, as_bytes(entry.name));
    append(unit_->raw, entry.encoded);
    emit(item);
}

// Enters, in the units, all directories on the way here, each with those of its entries that are as they were.
void SourceWalk::emit_directories() {
    for (; emitted_ < frames_.size(); ++emitted_) {
        Frame& frame = frames_[emitted_];
        if (emitted_ > 0) {
            if (frame.entry == nullptr) {
                frame.entry = std::make_unique<Entry>(frames_[emitted_ - 1].at->copy());
                frame.entry->directory = DirRef{};
            }
            emit(EnterItem{.entry = std::move(frame.entry), .only_if_filled = frame.only_if_filled});
        }
        if (frame.matched > 0)
            emit(CopyItem{.directory = frame.before_ref, .owner = frame.before_owner, .count = frame.matched});
        frame.diverged = true;
    }
}

}  // namespace dr
