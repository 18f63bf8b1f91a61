#include "dr/snapshot/source_walk.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "dr/models/content_marks.h"
#include "dr/repository/tree_reader.h"
#include "dr/snapshot/metadata.h"

namespace dr {
namespace {

// Directories on the way down that stay open: the innermost ones, and some further up to start from when one of the
// others is needed again.
constexpr std::size_t kOpenWindow = 64;
constexpr std::size_t kOpenEvery = 512;

constexpr std::size_t kUnitItems = 4096;
constexpr std::size_t kUnitRawBytes = 1U << 20;
constexpr std::size_t kUnitHandles = 32;
constexpr std::size_t kWalkSlice = 4096;  // entries looked at before others get a turn
constexpr std::size_t kMaxLinks = 65'536;

// Covers coarse file system clocks and the delay of mmap writeback (DESIGN 7).
constexpr std::int64_t kSettleSeconds = 2;

PathKind path_kind(EntryKind kind) {
    if (kind == EntryKind::Directory) return PathKind::Directory;
    return kind == EntryKind::File ? PathKind::File : PathKind::Other;
}

std::string reason_of(const Error& error) {
    if (error.code() == ErrorCode::NotFound) return "it vanished before it could be read";
    return error.what();
}

}  // namespace

// A directory on the way from the root to where the walk is.
struct SourceWalk::Frame {
    std::shared_ptr<DirectoryHandle> handle;  // none: reopen with handle_of()
    std::string name;
    FileStat stat;
    std::uint64_t device = 0;  // of the source it belongs to
    Region region = Region::Workspace;
    bool follow = false;  // opened through a symlink if need be: a directory above an outside place
    bool only_if_filled = false;
    bool filled = false;  // something below is stored
    const VirtualPlace* place = nullptr;
    NameList names;
    std::size_t next = 0;
    std::unique_ptr<Entry> entry;  // of this directory, where it is not as the parent has it

    // The same directory of the parent snapshot, if it has one.
    std::unique_ptr<DirectoryReader> before;
    DirRefView before_ref;
    std::shared_ptr<const void> before_owner;
    const EntryView* at = nullptr;  // its current entry; none at its end
    std::shared_ptr<const void> at_owner;
    bool taken = true;          // `at` has had its turn
    bool unmatched = false;     // … and turned out to be different
    std::uint64_t matched = 0;  // entries from its start that are as they were
    bool diverged = true;       // nothing more can be added to `matched`
    bool same_metadata = false;
};

// An entry that is being looked at.
struct SourceWalk::Visit {
    std::string_view name;
    RelativePath path;
    Region region;
    FileStat stat;
    const EntryView* before = nullptr;  // what the parent snapshot has by this name
    bool only_if_filled = false;
    bool follow = false;
    const VirtualPlace* place = nullptr;
};

SourceWalk::SourceWalk(const BackupSources& sources, const ParentTree* parent, ReadContext& context)
    : sources_(sources), parent_(parent), context_(context), tally_(sources.selection) {
    if (parent != nullptr) settled_before_ = parent->scan_start.seconds() - kSettleSeconds;
}

SourceWalk::~SourceWalk() = default;

Result<std::unique_ptr<SourceWalk>> SourceWalk::open(const BackupSources& sources, const ParentTree* parent,
                                                     ReadContext& context) {
    std::unique_ptr<SourceWalk> walk{new SourceWalk{sources, parent, context}};
    for (const OutsideRoot& root : sources.selection.outside_roots()) {
        if (root.excluded != nullptr) walk->skipped(label(root.excluded->reason));
    }
    walk->places_ = place_roots(sources.selection.outside_roots());
    DR_TRY(walk->open_root());
    return walk;
}

Result<void> SourceWalk::open_root() {
    Frame root;
    root.place = &places_;
    const bool from_workspace = sources_.selection.touches_workspace();
    const bool everything = places_.selected;
    if (!places_.children.empty() || everything) slash_ = DR_TRY(DirectoryHandle::open("/"));
    if (everything && from_workspace) {
        return Error{ErrorCode::BadRequest,
                     "'/' and parts of the workspace would have the same places in the snapshot"};
    }
    if (from_workspace || everything) {
        root.handle = everything ? slash_ : DR_TRY(DirectoryHandle::open(sources_.workspace));
        root.stat = DR_TRY(root.handle->stat());
        if (is_repository(root.stat))
            skipped(label(SkipReason::Repository));  // all of it, then
        else
            root.names = DR_TRY(root.handle->list(list_buffer_));
    }
    root.region = everything ? Region::Outside : from_workspace ? Region::Workspace : Region::Virtual;
    root.device = root.stat.device;
    for (const auto& [name, place] : places_.children) {
        if (!root.names.contains(name)) root.names.add(name);
    }
    root.names.sort();
    if (parent_ != nullptr) {
        root.before = std::make_unique<DirectoryReader>(parent_->source, parent_->root);
        root.before_ref = DirRefView{parent_->root};
        root.diverged = false;
    }
    frames_.push_back(std::move(root));
    return {};
}

// What the plan names one by one in the workspace and is not there.
void SourceWalk::report_missing() {
    if (!sources_.selection.touches_workspace()) return;
    for (const RelativePath& path : sources_.selection.named_paths()) {
        std::shared_ptr<DirectoryHandle> at = frames_[0].handle;
        const std::vector<std::string_view> components = path.components();
        for (std::size_t i = 0; i < components.size(); ++i) {
            const Result<FileStat> stat = at->stat(components[i]);
            if (!stat.ok()) {
                problem(path, stat.error().code() == ErrorCode::NotFound ? "it is not there" : stat.error().what());
                break;
            }
            if (i + 1 == components.size()) break;
            Result<std::shared_ptr<DirectoryHandle>> below = at->open_below(components[i]);
            if (!below.ok()) break;  // the walk meets that too, and reports it
            at = std::move(below).value();
        }
    }
}

Result<void> SourceWalk::next(BackupUnit& unit) {
    const Result<void> added = fill(unit);
    context_.files_unmodified = totals_.files_unmodified;
    context_.bytes_unmodified = totals_.bytes_unmodified;
    return added;
}

Result<void> SourceWalk::fill(BackupUnit& unit) {
    unit_ = &unit;
    last_handle_ = nullptr;
    unit_handles_ = 0;
    if (pending_large_) {
        unit.large = true;
        unit.read_bytes = pending_large_->stat.size;
        unit.files.push_back(std::move(*pending_large_));
        pending_large_.reset();
        emit(FileItem{0});
        return {};
    }
    if (frames_.size() == 1 && frames_[0].next == 0) report_missing();
    for (std::size_t steps = 0; steps < kWalkSlice && !done() && !pending_large_; ++steps) {
        DR_TRY(step());
        if (unit.files.size() >= kBatchFiles || unit.read_bytes >= kBatchBytes || unit.items.size() >= kUnitItems ||
            unit.raw.size() >= kUnitRawBytes || unit_handles_ >= kUnitHandles) {
            break;
        }
    }
    return {};
}

Result<void> SourceWalk::step() {
    Frame& frame = frames_.back();
    if (frame.next == frame.names.size()) return leave();
    // A copy: the frame moves when another is entered.
    const std::string name{frame.names[frame.next++]};
    return visit_child(name);
}

Result<void> SourceWalk::visit_child(std::string_view name) {
    Frame& frame = frames_.back();
    Visit at{.name = name, .path = DR_TRY(directory_.join(name, ErrorCode::Io)), .region = frame.region, .stat = {}};
    if (frame.place != nullptr) {
        const auto found = frame.place->children.find(name);
        if (found != frame.place->children.end()) return visit_virtual(at, found->second);
    }
    const Result<std::shared_ptr<DirectoryHandle>> handle = directory_of(at);
    if (!handle.ok()) return problem(at.path, reason_of(handle.error())), Result<void>{};
    Result<FileStat> stat = handle.value()->stat(name);
    if (!stat.ok()) {
        // A name that nobody asked for may be as unreadable as it likes.
        if (decide(at, false).verdict == Verdict::Selected) problem(at.path, reason_of(stat.error()));
        return {};
    }
    at.stat = std::move(stat).value();
    return visit(at);
}

Decision SourceWalk::decide(const Visit& at, bool has_cachedir_tag) const {
    const EntryFacts facts{
        .kind = path_kind(at.stat.kind), .has_cachedir_tag = has_cachedir_tag, .is_repository = is_repository(at.stat)};
    return at.region == Region::Workspace ? sources_.selection.decide(at.path, facts)
                                          : sources_.selection.decide_outside(at.path, facts);
}

bool SourceWalk::is_repository(const FileStat& stat) const {
    return sources_.repository && sources_.repository->device == stat.device &&
           sources_.repository->inode == stat.inode;
}

void SourceWalk::skipped(std::string_view reason) {
    const auto found = totals_.skipped.find(reason);
    if (found != totals_.skipped.end()) {
        ++found->second;
    } else {
        totals_.skipped.emplace(reason, 1);
    }
}

void SourceWalk::problem(const RelativePath& path, std::string reason) {
    emit(ProblemItem{.path = path.bytes(), .reason = std::move(reason)});
}

Result<void> SourceWalk::visit(Visit& at) {
    const Decision decision = decide(at, false);
    if (decision.verdict == Verdict::Skipped) {
        if (decision.reason != SkipReason::NotSelected) skipped(label(decision.reason));
        return {};
    }
    at.only_if_filled = decision.verdict == Verdict::MaybeBelow;
    Frame& frame = frames_.back();
    DR_TRY(take_before(frame, at));
    if (at.stat.kind == EntryKind::Directory) return visit_directory(at);
    ++totals_.entries;
    frame.filled = true;
    return at.stat.kind == EntryKind::File ? visit_file(at) : visit_special(at);
}

// A place outside the workspace, or a directory above one.
Result<void> SourceWalk::visit_virtual(Visit& at, const VirtualPlace& place) {
    Frame& frame = frames_.back();
    if (frame.region == Region::Workspace) {
        Result<FileStat> stat = frame.handle->stat(at.name);
        if (stat.ok()) {
            at.stat = std::move(stat).value();
            if (decide(at, false).verdict != Verdict::Skipped) {
                return Error{ErrorCode::BadRequest, "'/" + printable(at.path) + "' and '" + printable(at.path) +
                                                        "' of the workspace would have the same place in the snapshot"};
            }
        }
    }
    at.region = place.selected ? Region::Outside : Region::Virtual;
    const Result<std::shared_ptr<DirectoryHandle>> base = directory_of(at);
    if (!base.ok()) return problem(at.path, reason_of(base.error())), Result<void>{};
    Result<FileStat> stat = base.value()->stat(at.name, !place.selected);
    if (!stat.ok()) {
        problem(at.path, stat.error().code() == ErrorCode::NotFound ? "it is not there" : stat.error().what());
        return {};
    }
    at.stat = std::move(stat).value();
    if (place.selected) return visit(at);
    at.place = &place;
    at.only_if_filled = true;
    at.follow = true;
    DR_TRY(take_before(frame, at));
    return visit_directory(at);
}

Result<void> SourceWalk::visit_file(Visit& at) {
    if (at.region == Region::Workspace && !sources_.selection.datasets().empty()) tally_.stored(at.path);
    if (at.before != nullptr && may_reuse_content(*at.before, at.stat) && same_metadata(*at.before, at.stat)) {
        ++totals_.files_unmodified;
        totals_.bytes_unmodified += at.stat.size;
        return unchanged(at);
    }
    emit_directories();
    FileWork work;
    work.directory = DR_TRY(directory_of(at));
    work.stat = at.stat;
    work.known_to_parent = at.before != nullptr && at.before->kind == EntryKind::File;
    work.entry.name = at.name;
    set_links(work.entry, at.stat);
    if (work.entry.hard_link) link(work);
    const bool reads = work.link == nullptr || work.first_link;
    if (reads && context_.is_large(at.stat)) {
        pending_large_ = std::move(work);
        return {};
    }
    if (reads) unit_->read_bytes += at.stat.size;
    if (work.directory.get() != last_handle_) ++unit_handles_;
    last_handle_ = work.directory.get();
    emit(FileItem{static_cast<std::uint32_t>(unit_->files.size())});
    unit_->files.push_back(std::move(work));
    return {};
}

// Names of one file share what its first name found, as long as not too many files are waiting for their other names.
void SourceWalk::link(FileWork& work) {
    const FileKey key{work.stat.device, work.stat.inode};
    const auto known = links_.find(key);
    if (known != links_.end()) {
        work.link = known->second.content;
        if (--known->second.names_left == 0) links_.erase(known);
        return;
    }
    if (links_.size() >= kMaxLinks) return;
    work.link = std::make_shared<LinkedContent>();
    work.first_link = true;
    links_.emplace(key, KnownLink{.content = work.link, .names_left = work.stat.link_count - 1});
}

void SourceWalk::set_links(Entry& entry, const FileStat& stat) {
    entry.hard_link = stat.link_count > 1;
    entry.link_count = entry.hard_link ? stat.link_count : 1;
    entry.device_index = entry.hard_link ? device_index(stat.device) : 0;
}

std::uint32_t SourceWalk::device_index(std::uint64_t device) {
    return devices_.try_emplace(device, static_cast<std::uint32_t>(devices_.size())).first->second;
}

Result<void> SourceWalk::visit_special(Visit& at) {
    if (at.before != nullptr && same_metadata(*at.before, at.stat)) return unchanged(at);
    const std::shared_ptr<DirectoryHandle> handle = DR_TRY(directory_of(at));
    auto entry = std::make_unique<Entry>();
    entry->name = at.name;
    set_metadata(*entry, at.stat);
    set_links(*entry, at.stat);
    if (at.stat.kind == EntryKind::Symlink) {
        Result<std::string> target = handle->read_link(at.name);
        if (!target.ok()) {
            --totals_.entries;
            problem(at.path, reason_of(target.error()));
            return {};
        }
        entry->target = std::move(target).value();
    }
    AttributesRead found = read_attributes_of(*handle, at.name);
    entry->xattrs = std::move(found.attributes);
    if (!found.problem.empty()) problem(at.path, std::move(found.problem));
    emit_directories();
    emit(EntryItem{std::move(entry)});
    return {};
}

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
