// SourceWalk going down and up: entering and leaving directories, and keeping few of them open.

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "dr/models/content_marks.h"
#include "dr/snapshot/source_walk_frame.h"

namespace dr {
namespace {

// Directories on the way down that stay open: the innermost ones, and some further up to start from when one of the
// others is needed again.
constexpr std::size_t kOpenWindow = 64;
constexpr std::size_t kOpenEvery = 512;

}  // namespace

Result<void> SourceWalk::visit_directory(Visit& at) {
    const Frame& above = frames_.back();
    if (context_.options.one_file_system && at.region != Region::Virtual && above.region == at.region &&
        at.stat.device != above.device) {
        skipped("other_file_system");
        return store_empty_directory(at);
    }
    const std::shared_ptr<DirectoryHandle> base = DR_TRY(directory_of(at));
    Result<std::shared_ptr<DirectoryHandle>> handle = base->open_below(at.name, at.follow);
    Result<NameList> names = NameList{};
    if (handle.ok() && at.region != Region::Virtual) names = handle.value()->list(list_buffer_);
    if (!handle.ok() || !names.ok()) {
        const Error& error = handle.ok() ? names.error() : handle.error();
        problem(at.path, reason_of(error));
        if (error.code() == ErrorCode::NotFound || at.only_if_filled) return {};
        return store_empty_directory(at);
    }
    at.stat = DR_TRY(handle.value()->stat());
    if (at.region != Region::Virtual) write_out(at.stat.device, handle.value()->number(), at.path);
    if (at.region != Region::Virtual && is_tagged_cache(*handle.value(), names.value())) {
        const Decision decision = decide(at, true);
        if (decision.verdict == Verdict::Skipped) return skipped(label(decision.reason)), Result<void>{};
    }
    return enter(at, std::move(handle).value(), std::move(names).value());
}

bool SourceWalk::is_tagged_cache(const DirectoryHandle& handle, const NameList& names) const {
    constexpr const char* kTag = "CACHEDIR.TAG";
    if (!names.contains(kTag)) return false;
    const FileDescriptor fd{::openat(handle.number(), kTag, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
    if (!fd.is_open()) return false;
    std::array<std::uint8_t, 64> start;
    const ssize_t got = ::read(fd.get(), start.data(), start.size());
    return got > 0 && is_cachedir_tag(ByteSpan{start}.first(static_cast<std::size_t>(got)));
}

// A directory whose content is not stored.
Result<void> SourceWalk::store_empty_directory(Visit& at) {
    ++totals_.entries;
    ++totals_.directories;
    frames_.back().filled = true;
    if (at.before != nullptr && at.before->kind == EntryKind::Directory &&
        at.before->directory.form == DirRef::Form::Empty && same_metadata(*at.before, at.stat)) {
        return unchanged(at);
    }
    emit_directories();
    auto entry = std::make_unique<Entry>();
    entry->name = at.name;
    set_metadata(*entry, at.stat);
    emit(EntryItem{std::move(entry)});
    return {};
}

Result<void> SourceWalk::enter(Visit& at, std::shared_ptr<DirectoryHandle> handle, NameList names) {
    if (frames_.size() > kMaxTreeDepth) return problem(at.path, "it lies too deep to be stored"), Result<void>{};
    Frame frame;
    frame.name = at.name;
    frame.stat = at.stat;
    frame.region = at.region;
    frame.follow = at.follow;
    frame.only_if_filled = at.only_if_filled;
    frame.place = at.place;
    // A new source has a file system of its own.
    frame.device = frames_.back().region == at.region ? frames_.back().device : at.stat.device;
    frame.names = std::move(names);
    if (at.place != nullptr) {
        for (const auto& [name, place] : at.place->children) frame.names.add(name);
        frame.names.sort();
    }
    if (at.before != nullptr && at.before->kind == EntryKind::Directory) {
        frame.before =
            std::make_unique<DirectoryReader>(parent_->source, at.before->directory, frames_.back().at_owner);
        frame.before_ref = at.before->directory;
        frame.before_owner = frames_.back().at_owner;
        frame.diverged = false;
        frame.same_metadata = same_metadata(*at.before, at.stat);
    }
    if (!frame.same_metadata) {
        frame.entry = std::make_unique<Entry>();
        frame.entry->name = at.name;
        set_metadata(*frame.entry, at.stat);
        AttributesRead found = read_attributes(handle->number());
        frame.entry->xattrs = std::move(found.attributes);
        frame.entry->inode_flags = read_inode_flags(handle->number());
        if (!found.problem.empty()) problem(at.path, std::move(found.problem));
    }
    frame.handle = std::move(handle);
    directory_ = std::move(at.path);
    frames_.push_back(std::move(frame));
    // Slow to come back to, but never more than a few hundred open.
    const std::size_t depth = frames_.size() - 1;
    if (depth > kOpenWindow && (depth - kOpenWindow) % kOpenEvery != 0) frames_[depth - kOpenWindow].handle.reset();
    return {};
}

Result<void> SourceWalk::leave() {
    Frame& frame = frames_.back();
    const bool is_root = frames_.size() == 1;
    if (frame.before != nullptr) {
        DR_TRY(advance_parent(frame, {}));
        if (frame.at != nullptr) frame.diverged = true;  // the rest is gone
    }
    const bool is_emitted = emitted_ == frames_.size();
    if (!is_root && (frame.filled || !frame.only_if_filled)) {
        ++totals_.entries;
        ++totals_.directories;
        frames_[frames_.size() - 2].filled = true;
    }
    if (!is_emitted && !frame.diverged) return leave_unchanged();
    if (is_emitted || frame.filled || !frame.only_if_filled) {
        emit_directories();
        --emitted_;
        emit(LeaveItem{});
    }
    frames_.pop_back();
    if (is_root) return {};
    directory_ = directory_.parent();
    return {};
}

// The directory that holds the entry. Outside places hang below '/', whatever the root of the snapshot is.
Result<std::shared_ptr<DirectoryHandle>> SourceWalk::directory_of(const Visit& at) {
    if (frames_.size() == 1 && at.region != Region::Workspace) return slash_;
    return handle_of(frames_.size() - 1);
}

// The directory of a frame, opened again from the nearest one that is open, proving that it is still the same.
Result<std::shared_ptr<DirectoryHandle>> SourceWalk::handle_of(std::size_t index) {
    if (frames_[index].handle != nullptr) return frames_[index].handle;
    std::size_t from = index;
    while (from > 0 && frames_[from].handle == nullptr) --from;
    const bool below_slash = from == 0 && index > 0 && frames_[1].region != Region::Workspace;
    std::shared_ptr<DirectoryHandle> at = below_slash ? slash_ : frames_[from].handle;
    DR_CHECK(at != nullptr);
    for (std::size_t i = from + 1; i <= index; ++i) {
        Frame& frame = frames_[i];
        at = DR_TRY(at->open_below(frame.name, frame.follow));
        const FileStat stat = DR_TRY(at->stat());
        if (!stat.same_file(frame.stat))
            return Error{ErrorCode::NotFound, "its directory was moved away while it was read"};
        if (index - i < kOpenWindow) frame.handle = at;
    }
    return at;
}

}  // namespace dr
