#include "dr/snapshot/source_walk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dr/snapshot/place_check.h"
#include "dr/snapshot/source_walk_frame.h"

namespace dr {
namespace {

constexpr std::size_t kUnitItems = 4096;
constexpr std::size_t kUnitRawBytes = 1U << 20;
constexpr std::size_t kUnitHandles = 32;
constexpr std::size_t kWalkSlice = 4096;  // entries looked at before others get a turn
constexpr std::size_t kMaxLinks = 65'536;

// Covers the clocks of file systems: the coarsest one counts in steps of two seconds.
constexpr std::int64_t kSettleSeconds = 2;

PathKind path_kind(EntryKind kind) {
    if (kind == EntryKind::Directory) return PathKind::Directory;
    return kind == EntryKind::File ? PathKind::File : PathKind::Other;
}

}  // namespace

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

// What a walk would pass over in silence.
void SourceWalk::report_places() {
    PlaceCheck check = check_places(sources_.selection, sources_.workspace);
    for (PlaceProblem& found : check.problems)
        emit(ProblemItem{.path = std::move(found.path), .reason = std::move(found.reason)});
    parts_missing_ = std::move(check.parts_missing);
    parts_stored_ |= check.parts_elsewhere;
}

void SourceWalk::write_out(std::uint64_t device, int fd, const RelativePath& path) {
    if (!context_.options.sync_sources || !written_out_.insert(device).second) return;
    if (::syncfs(fd) == 0) return;
    // Its programs may have trouble of their own to write. What is there can be read all the same.
    emit(WarningItem{.path = path.is_root() ? "." : path.bytes(),
                     .error = Error::from_errno(errno, "cannot write its file system out before it is read")});
}

// A file may be a mount point too.
void SourceWalk::write_out_below(const Visit& at, const DirectoryHandle& directory) {
    if (!context_.options.sync_sources || written_out_.contains(at.stat.device)) return;
    const FileDescriptor fd{::openat(directory.number(), std::string{at.name}.c_str(),
                                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
    if (fd.is_open()) write_out(at.stat.device, fd.get(), at.path);  // else reading it reports why
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
    if (frames_.size() == 1 && frames_[0].next == 0) {
        if (frames_[0].handle != nullptr) write_out(frames_[0].device, frames_[0].handle->number(), {});
        report_places();
    }
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
    Result<RelativePath> path = directory_.join(name, ErrorCode::Io);
    if (!path.ok()) {
        // vfat and some others list names of more than 255 bytes.
        const std::string above = directory_.is_root() ? "" : directory_.bytes() + "/";
        emit(ProblemItem{.path = above + std::string{name}, .reason = path.error().what()});
        return {};
    }
    Visit at{.name = name, .path = std::move(path).value(), .region = frame.region, .stat = {}};
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
    const EntryFacts facts{.kind = path_kind(at.stat.kind),
                           .has_cachedir_tag = has_cachedir_tag,
                           .is_repository = is_repository(at.stat),
                           .opens_repository = opens_repository(at.stat)};
    return at.region == Region::Workspace ? sources_.selection.decide(at.path, facts)
                                          : sources_.selection.decide_outside(at.path, facts);
}

bool SourceWalk::is_repository(const FileStat& stat) const {
    return sources_.repository && sources_.repository->device == stat.device &&
           sources_.repository->inode == stat.inode;
}

bool SourceWalk::opens_repository(const FileStat& stat) const {
    return std::ranges::any_of(sources_.secrets, [&](const FileIdentity& secret) {
        return secret.inode == stat.inode && secret.device == stat.device;
    });
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
        if (decision.reason != SkipReason::NotSelected) {
            skipped(label(decision.reason));
            if (at.stat.kind == EntryKind::File) datasets_of(at);
        }
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

std::vector<std::size_t> SourceWalk::datasets_of(const Visit& at) {
    if (at.region != Region::Workspace || sources_.selection.datasets().empty()) return {};
    return tally_.found(at.path);
}

PartSet SourceWalk::parts_of(const Visit& at) const {
    return sources_.selection.parts_of(at.path, at.region != Region::Workspace);
}

Result<void> SourceWalk::visit_file(Visit& at) {
    std::vector<std::size_t> datasets = datasets_of(at);
    if (at.before != nullptr && may_reuse_content(*at.before, at.stat) && same_metadata(*at.before, at.stat)) {
        ++totals_.files_unmodified;
        totals_.bytes_unmodified += at.stat.size;
        tally_.stored(datasets);
        parts_stored_ |= parts_of(at);
        return unchanged(at);
    }
    emit_directories();
    FileWork work;
    work.directory = DR_TRY(directory_of(at));
    write_out_below(at, *work.directory);
    work.stat = at.stat;
    work.known_to_parent = at.before != nullptr && at.before->kind == EntryKind::File;
    work.datasets = std::move(datasets);
    work.parts = parts_of(at);
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
    if (unit_->files.empty()) unit_->files.reserve(kBatchFiles);
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
    if (at.before != nullptr && same_metadata(*at.before, at.stat)) {
        parts_stored_ |= parts_of(at);
        return unchanged(at);
    }
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
    AttributesRead found = read_attributes_of(handle->number(), at.name);
    entry->xattrs = std::move(found.attributes);
    if (!found.problem.empty()) problem(at.path, std::move(found.problem));
    parts_stored_ |= parts_of(at);
    emit_directories();
    emit(EntryItem{std::move(entry)});
    return {};
}

}  // namespace dr
