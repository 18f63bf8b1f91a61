#include "dr/restore/tree_restorer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "dr/restore/staging.h"

namespace dr {
namespace {

constexpr std::size_t kAwakeReaders = 64;  // directories whose nodes stay in memory

// What is needed of a directory's entry once its content has been entered.
Entry metadata_of(const EntryView& view) {
    Entry entry = view.copy();
    entry.directory = {};
    return entry;
}

std::shared_ptr<FileDescriptor> open_old(int directory, const std::string& name) {
    auto old = std::make_shared<FileDescriptor>(
        ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat info;
    return old->is_open() && ::fstat(old->get(), &info) == 0 && S_ISREG(info.st_mode) ? old : nullptr;
}

}  // namespace

void TreeRestorer::run(const DirRef& root, const DirectoryPtr& target) {
    auto merged = std::make_unique<MergedDirectory>();
    merged->directory = target;
    enter({.reader = DirectoryReader{parts_.source, root},
           .merged = std::move(merged),
           .made = nullptr,
           .entry = {},
           .everything = parts_.request.filter.selects_everything()});
    while (!levels_.empty() && !parts_.state.stopped()) step();
    parts_.runner.run(std::move(window_));
    parts_.runner.drain();
}

void TreeRestorer::enter(Level level) {
    if (levels_.size() >= kAwakeReaders) levels_[levels_.size() - kAwakeReaders].reader.suspend();
    level.path_length = path_.size();
    levels_.push_back(std::move(level));
}

void TreeRestorer::step() {
    Level& level = levels_.back();
    path_.resize(level.path_length);
    const Result<const EntryView*> entry = level.reader.next_view();
    if (!entry.ok()) {
        // What was read of it so far stays; the rest of this directory is lost, and said so.
        parts_.state.fail(path_in(level, {}), Error{entry.error()}.during("reading the directory"));
        return leave();
    }
    if (entry.value() == nullptr) return leave();
    const std::size_t depth = levels_.size();
    window_->encoded += entry.value()->encoded.size();
    Result<void> visited = visit(level, *entry.value());
    if (!visited.ok()) parts_.state.fail(path_in(levels_[depth - 1], entry.value()->name), std::move(visited).error());
    if (window_->full()) start_next_window();
}

void TreeRestorer::start_next_window() {
    parts_.runner.run(std::move(window_));
    window_ = std::make_unique<Window>();
}

std::string TreeRestorer::path_in(const Level& level, std::string_view name) const {
    if (level.merged) return level.merged->directory->path(name);
    if (level.made) return level.made->path(name);
    // Not made yet: named by what is above it.
    std::string path{level.entry.name};
    if (!name.empty()) path += "/" + std::string{name};
    for (std::size_t at = levels_.size(); at-- > 0;) {
        if (&levels_[at] == &level) return at == 0 ? path : path_in(levels_[at - 1], path);
    }
    return path;
}

Action TreeRestorer::next_action(const Level& level) {
    if (!level.merged) return Action::Create;
    // The plan was made from the same tree; one that is shorter is another tree.
    DR_CHECK(next_action_ < parts_.actions.size());
    return parts_.actions[next_action_++];
}

Result<void> TreeRestorer::visit(Level& level, const EntryView& entry) {
    const Action action = next_action(level);
    if (action == Action::Omit || action == Action::Refuse) return {};
    RestoreFilter::Answer answer = RestoreFilter::Answer::All;
    if (!level.everything) {
        if (!path_.empty()) path_ += '/';
        path_ += entry.name;
        answer = parts_.request.filter.ask(path_, entry.kind == EntryKind::Directory);
        if (answer == RestoreFilter::Answer::Skip) return {};
    }
    if (const std::optional<Refusal> refused = refusal(entry, parts_.request); refused && !level.merged) {
        parts_.state.refuse(refused->kind, path_in(level, entry.name), refused->why);
        return {};
    }
    if (action == Action::Skip || action == Action::Refresh) return keep(level, entry, action);
    if (entry.kind == EntryKind::Directory) return visit_directory(level, entry, action, answer);
    const DirectoryPtr place = DR_TRY(place_in(levels_.size() - 1, action == Action::Replace));
    if (entry.kind == EntryKind::File) return visit_file(place, entry.copy(), action);
    Entry special = entry.copy();
    if (!link_to_first(place, special)) window_->light.push_back({place, std::move(special)});
    return {};
}

Result<void> TreeRestorer::visit_directory(Level& level, const EntryView& view, Action action,
                                           RestoreFilter::Answer answer) {
    Level below{.reader = DirectoryReader{parts_.source, view.directory, level.reader.owner()},
                .merged = nullptr,
                .made = nullptr,
                .replaces = action == Action::Replace,
                .entry = metadata_of(view),
                .everything = answer == RestoreFilter::Answer::All};
    const bool selected = RestoreFilter::selected(answer);
    if (action == Action::Merge) {
        below.merged = std::make_unique<MergedDirectory>();
        below.merged->parent = level.merged->directory;
        below.merged->directory = std::make_shared<RestoreDirectory>(level.merged->directory, below.entry.name);
        below.merged->entry = below.entry;
        below.merged->selected = selected;
    }
    const bool make_now = selected && action != Action::Merge;
    enter(std::move(below));
    if (!make_now) return {};
    // Selected itself: it is wanted even if there is nothing in it.
    Result<DirectoryPtr> place = place_in(levels_.size() - 1, false);
    if (place.ok()) return {};
    levels_.pop_back();
    return std::move(place).error();
}

// Where a new entry of the directory at this level is made; makes directories above it that nothing needed until now.
Result<DirectoryPtr> TreeRestorer::place_in(std::size_t index, bool replacing) {
    Level& level = levels_[index];
    if (level.merged)
        return replacing ? parts_.shadows.for_replacing(*level.merged) : parts_.shadows.for_creating(*level.merged);
    if (level.made) return level.made;
    std::size_t first = index;
    while (first > 0 && !levels_[first - 1].merged && !levels_[first - 1].made) --first;
    for (std::size_t at = first; at <= index; ++at) {
        Level& making = levels_[at];
        Level& above = levels_[at - 1];
        const DirectoryPtr parent = above.made        ? above.made
                                    : making.replaces ? DR_TRY(parts_.shadows.for_replacing(*above.merged))
                                                      : DR_TRY(parts_.shadows.for_creating(*above.merged));
        const auto handle = DR_TRY(parts_.handles.get(parent));
        if (::mkdirat(handle->get(), making.entry.name.c_str(), 0700) != 0)
            return Error::from_errno(errno, "cannot make the directory");
        making.made = std::make_shared<RestoreDirectory>(parent, making.entry.name);
    }
    return level.made;
}

void TreeRestorer::leave() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    if (level.made) {
        const DirectoryPtr parent = level.made->parent();
        window_->left.push_back({parent, level.made, std::move(level.entry)});
        if (window_->full()) start_next_window();
    }
    if (!level.merged) return;
    const bool refreshed = parts_.request.overwrite && level.merged->selected;
    if (level.merged->creating || level.merged->replacing || refreshed) parts_.shadows.add(std::move(*level.merged));
}

// What is there and equal stays; where the plan says so its metadata become the snapshot's.
Result<void> TreeRestorer::keep(Level& level, const EntryView& view, Action action) {
    if (action == Action::Skip && !view.hard_link) return {};
    const DirectoryPtr directory = level.merged->directory;
    Entry entry = view.copy();
    const auto planned = parts_.kept.find(next_action_ - 1);
    DR_CHECK(planned != parts_.kept.end());
    if (entry.hard_link) {
        std::optional<LinkGroups::First> first = links_.take(entry);
        if (!first) links_.add(entry, directory, planned->second);
        // A first name that the plan did not look at, in a new directory: this one becomes another name of it.
        if (first && !first->kept && parts_.request.overwrite) {
            const DirectoryPtr place = DR_TRY(place_in(levels_.size() - 1, true));
            window_->links.push_back({first->directory, first->name, place, std::move(entry), std::nullopt});
            return {};
        }
    }
    return action == Action::Skip ? Result<void>{} : refresh(directory, entry, planned->second);
}

// Only what the plan looked at: somebody may have put a file of his under this name, or changed this one.
Result<void> TreeRestorer::refresh(const DirectoryPtr& directory, const Entry& entry, const SeenFile& planned) {
    const auto handle = DR_TRY(parts_.handles.get(directory));
    const std::shared_ptr<FileDescriptor> file = open_old(handle->get(), entry.name);
    struct stat info;
    if (!file || ::fstat(file->get(), &info) != 0 || SeenFile::of(info) != planned)
        return Error{ErrorCode::Io,
                     "it changed while it was restored; owner, mode and attributes are left as they are"};
    if (DR_TRY(parts_.metadata.refresh(file->get(), directory, entry))) parts_.state.metadata_done();
    return {};
}

// True for a second name of what has one already: only the name is made then. Remembers a first one.
bool TreeRestorer::link_to_first(const DirectoryPtr& place, Entry& entry) {
    if (!entry.hard_link) return false;
    if (std::optional<LinkGroups::First> first = links_.take(entry)) {
        window_->links.push_back({first->directory, first->name, place, std::move(entry), first->kept});
        return true;
    }
    links_.add(entry, place, std::nullopt);
    return false;
}

Result<void> TreeRestorer::visit_file(const DirectoryPtr& place, Entry entry, Action action) {
    if (link_to_first(place, entry)) return {};
    switch (entry.content.form) {
        case FileContent::Form::Empty:
        case FileContent::Form::Inline: window_->light.push_back({place, std::move(entry)}); return {};
        case FileContent::Form::Single: {
            const BlobId id = parts_.source.namer().name(BlobType::Data, entry.content.sha256);
            const auto length = static_cast<std::uint32_t>(entry.size);
            window_->pieces.push_back({.place = {},
                                       .id = id,
                                       .length = length,
                                       .file = static_cast<std::uint32_t>(window_->single_files.size())});
            window_->bytes += length;
            window_->single_files.push_back({place, std::move(entry)});
            return {};
        }
        default: return add_large(place, std::move(entry), action);
    }
}

Result<void> TreeRestorer::add_large(const DirectoryPtr& place, Entry entry, Action action) {
    std::shared_ptr<FileDescriptor> old;
    if (action == Action::Replace) {
        const auto handle = DR_TRY(parts_.handles.get(place->real()));
        old = open_old(handle->get(), entry.name);
    }
    const std::shared_ptr<LargeFile> file = DR_TRY(parts_.writer.begin(place, std::move(entry), std::move(old)));
    Result<void> added = add_pieces(file);
    if (!added.ok()) parts_.writer.fail(*file, std::move(added).error());
    parts_.writer.finish_piece(*file);
    return {};
}

Result<void> TreeRestorer::add_pieces(const std::shared_ptr<LargeFile>& file) {
    window_->large_files.push_back(file);
    ContentReader content = content_of(parts_.source, file->entry);
    while (const std::optional<ContentPiece> piece = DR_TRY(content.next())) {
        if (piece->kind == ContentPiece::Kind::Hole) {
            parts_.writer.make_hole(*file, piece->offset, piece->length);
            continue;
        }
        if (window_->full()) {
            start_next_window();
            if (parts_.state.stopped() || file->failed) return {};
            window_->large_files.push_back(file);
        }
        file->open.fetch_add(1);
        window_->pieces.push_back({.place = {},
                                   .id = piece->blob,
                                   .offset = piece->offset,
                                   .length = static_cast<std::uint32_t>(piece->length),
                                   .file = static_cast<std::uint32_t>(window_->large_files.size() - 1),
                                   .large = true});
        window_->bytes += piece->length;
    }
    return {};
}

}  // namespace dr
