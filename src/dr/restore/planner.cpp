#include "dr/restore/planner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <utility>

#include "dr/repository/tree_reader.h"
#include "dr/restore/compare.h"
#include "dr/restore/planned_links.h"
#include "dr/restore/present_metadata.h"
#include "dr/restore/staging.h"

namespace dr {
namespace {

constexpr std::size_t kComparedAtOnce = 256;  // files held open while they are compared
constexpr std::size_t kAwakeReaders = 64;     // directories whose nodes stay in memory

// A directory where another file system, or a part of one, is mounted below the target; nothing can be renamed into it
// from the staging directory.
struct Mount {
    std::string path;
    bool told = false;
};
using MountPtr = std::shared_ptr<Mount>;

// What two directories have in common if entries can be renamed from one into the other.
struct Place {
    std::uint64_t device = 0;
    std::uint64_t mount = 0;  // 0 where the kernel does not tell

    static Place of(int directory) {
        struct statx info{};
        if (::statx(directory, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &info) != 0) return {};
        return {makedev(info.stx_dev_major, info.stx_dev_minor),
                (info.stx_mask & STATX_MNT_ID) == 0 ? 0 : info.stx_mnt_id};
    }
    bool operator==(const Place&) const = default;
};

// Only a file of several pieces takes the equal ones from what it replaces.
std::uint64_t bytes_to_read(const FileComparison& file) {
    const FileContent::Form form = file.entry.content.form;
    const bool in_pieces = form == FileContent::Form::List || form == FileContent::Form::ListInBlobs;
    return in_pieces ? file.differing_bytes : file.entry.size;
}

// A directory that the walk is in.
struct Level {
    DirectoryReader reader;
    DirectoryPtr existing;  // null: new
    bool everything;        // all below is selected
    MountPtr mount;         // null: the file system of the target
    std::size_t path_length;
};

bool add_checked(std::uint64_t& to, std::uint64_t more) {
    to = to > ~0ULL - more ? ~0ULL : to + more;
    return true;
}

class Planner {
public:
    explicit Planner(const PlanContext& context) : context_(context), request_(context.request) {
        RestorePlan& plan = planned_.plan;
        plan.plan_id = request_.plan_id;
        plan.snapshot_id = request_.snapshot_id;
        plan.target_path = request_.target_path;
        plan.dry_run = request_.dry_run;
        plan.overwrite = request_.overwrite;
    }

    Result<PlannedRestore> run(const DirRef& root, const DirectoryPtr& target) {
        DR_TRY(check_paths(root));
        if (target) place_ = Place::of(DR_TRY(context_.handles.get(target))->get());
        enter(DirectoryReader{context_.source, root}, target, request_.filter.selects_everything(), nullptr);
        while (!levels_.empty()) {
            if (++steps_ % 64 == 0 && context_.monitor.cancelled())
                return Error{ErrorCode::Cancelled, "the restore was interrupted"};
            Level& level = levels_.back();
            path_.resize(level.path_length);
            const EntryView* entry = DR_TRY(level.reader.next_view());
            if (entry == nullptr)
                leave();
            else
                DR_TRY(visit(level, *entry));
        }
        DR_TRY(compare_waiting());
        if (saw_any_ && !selected_any_) return nothing_selected();
        return std::move(planned_);
    }

private:
    Result<void> check_paths(const DirRef& root) {
        for (const RelativePath& path : request_.filter.paths()) {
            const std::vector<std::string_view> components = path.components();
            if (DR_TRY(find_entry(context_.source, root, components))) continue;
            return Error{ErrorCode::NotFound, "the snapshot has no '" + printable(path) + "'"}.next(
                "qnwis_dr ls --snapshot-id " + request_.snapshot_id.text() + "    lists what it has");
        }
        return {};
    }

    // An empty target would look like an empty snapshot.
    Error nothing_selected() const {
        return Error{ErrorCode::NotFound, "no entry matches what --path, --include and --exclude select"}
            .means("nothing was written")
            .next("qnwis_dr ls --recursive --snapshot-id " + request_.snapshot_id.text() +
                  "    lists what the snapshot has");
    }

    void enter(DirectoryReader reader, const DirectoryPtr& existing, bool everything, MountPtr mount) {
        if (levels_.size() >= kAwakeReaders) levels_[levels_.size() - kAwakeReaders].reader.suspend();
        levels_.push_back({std::move(reader), existing, everything, std::move(mount), path_.size()});
    }
    void leave() { levels_.pop_back(); }
    DirectoryReader below(const Level& level, const EntryView& entry) const {
        return {context_.source, entry.directory, level.reader.owner()};
    }

    Result<void> visit(Level& level, const EntryView& entry) {
        if (!path_.empty()) path_ += '/';
        path_ += entry.name;
        saw_any_ = true;
        const RestoreFilter::Answer answer = level.everything
                                                 ? RestoreFilter::Answer::All
                                                 : request_.filter.ask(path_, entry.kind == EntryKind::Directory);
        if (answer == RestoreFilter::Answer::Skip) {
            act(level, Action::Omit);
            return {};
        }
        selected_any_ |= RestoreFilter::selected(answer);
        if (const std::optional<Refusal> refused = refusal(entry, request_)) {
            act(level, Action::Refuse);
            // What is in new directories is not always looked at: the restore itself says it when it gets there.
            if (level.existing || request_.dry_run) refuse(refused->kind, refused->why);
            return {};
        }
        // Only at the top of the target: that is where a restore removes what a killed one left.
        if (levels_.size() == 1 && entry.name.starts_with(kStagingPrefix)) {
            act(level, Action::Refuse);
            refuse(RefusalKind::Name, "the name is that of a restore's own directory");
            return {};
        }
        if (!level.existing) return plan_new(level, entry, answer);
        return plan_beside(level, entry, answer);
    }

    void act(const Level& level, Action action) {
        if (level.existing) planned_.actions.push_back(action);
    }

    void refuse(RefusalKind kind, std::string why) {
        ++planned_.plan.files_refused;
        planned_.withheld.add(kind, path_, why);
        if (planned_.plan.refused.size() < RestorePlan::kMaxListed)
            planned_.plan.refused.push_back({path_, std::move(why)});
    }

    Result<void> plan_new(Level& level, const EntryView& entry, RestoreFilter::Answer answer) {
        const bool everything = answer == RestoreFilter::Answer::All;
        if (level.mount) return across(level, path_);
        act(level, Action::Create);
        // Without a level above that exists this is not the topmost.
        if (level.existing && planned_.created.size() < RestorePlan::kMaxListed) planned_.created.push_back(path_);
        RestorePlan& plan = planned_.plan;
        if (entry.kind != EntryKind::Directory) {
            ++plan.files_to_create;
            const bool further = entry.hard_link && links_.join(entry.copy(), std::nullopt).further();
            return further ? Result<void>{} : count_bytes(entry);
        }
        if (everything && !context_.exact) {
            add_checked(plan.files_to_create, entry.directory.files);
            add_checked(plan.bytes_to_read, entry.directory.bytes);
            add_checked(plan.bytes_to_write, entry.directory.bytes);
            return {};
        }
        enter(below(level, entry), nullptr, everything, nullptr);
        return {};
    }

    Result<void> count_bytes(const EntryView& entry) {
        if (entry.kind != EntryKind::File) return {};
        std::uint64_t data = entry.size;
        if (context_.exact && (entry.form == FileContent::Form::List || entry.form == FileContent::Form::ListInBlobs)) {
            data = 0;
            const Entry file = entry.copy();
            ContentReader content = content_of(context_.source, file);
            while (const std::optional<ContentPiece> piece = DR_TRY(content.next())) {
                if (piece->kind != ContentPiece::Kind::Hole) add_checked(data, piece->length);
            }
        }
        add_checked(planned_.plan.bytes_to_read, data);
        add_checked(planned_.plan.bytes_to_write, data);
        return {};
    }

    Result<void> plan_beside(Level& level, const EntryView& entry, RestoreFilter::Answer answer) {
        const auto directory = DR_TRY(context_.handles.get(level.existing));
        const std::string name{entry.name};
        struct stat info;
        if (::fstatat(directory->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) return plan_new(level, entry, answer);
            return Error::from_errno(errno, "cannot look at '" + printable(path_) + "' in the target");
        }
        if (entry.kind == EntryKind::Directory) return plan_directory(level, entry, info, answer);
        if (S_ISDIR(info.st_mode)) return in_the_way(level, "a directory is in the way of a file");
        if (entry.kind == EntryKind::File && S_ISREG(info.st_mode) &&
            static_cast<std::uint64_t>(info.st_size) == entry.size) {
            return plan_comparison(level, entry, directory->get());
        }
        return plan_special(level, entry, directory->get(), info);
    }

    // There under this name is something else than a file of the same size.
    Result<void> plan_special(Level& level, const EntryView& view, int directory, const struct stat& info) {
        const Entry entry = view.copy();
        const PlannedLinks::Name group = links_.join(entry, info);
        if (!same_special(directory, entry, info)) {
            group.renew();
            return differs(level) && !group.further() ? count_bytes(view) : Result<void>{};
        }
        const bool same =
            group.holds(info) && DR_TRY(unopened_has_metadata_of(entry, directory, info, context_.source));
        if (!same && request_.overwrite) {
            // Nothing of it can be opened: a new one takes its place.
            group.renew();
            (void)differs(level);
            return {};
        }
        remember(planned_.actions.size(), entry, info);
        act(level, Action::Skip);
        ++planned_.plan.files_to_skip;
        if (!same) other_metadata(path_);
        return {};
    }

    void other_metadata(const std::string& path) {
        ++planned_.metadata.count;
        if (planned_.metadata.listed.size() < RestorePlan::kMaxListed) planned_.metadata.listed.push_back(path);
    }

    Result<void> plan_directory(Level& level, const EntryView& entry, const struct stat& info,
                                RestoreFilter::Answer answer) {
        const bool everything = answer == RestoreFilter::Answer::All;
        if (S_ISLNK(info.st_mode))
            return in_the_way(level, "a symbolic link is in the way of a directory; it is not followed");
        if (S_ISDIR(info.st_mode)) {
            act(level, Action::Merge);
            const auto there = std::make_shared<RestoreDirectory>(level.existing, std::string{entry.name});
            const auto handle = context_.handles.get(there);  // if it cannot be opened, whoever needs it says so
            if (handle.ok() && RestoreFilter::selected(answer) &&
                !DR_TRY(has_metadata_of(entry.copy(), handle.value()->get(), info, context_.source, CompareTime::No))) {
                other_metadata(path_);
            }
            enter(below(level, entry), there, everything, mount_of(level, handle));
            return {};
        }
        if (differs(level)) enter(below(level, entry), nullptr, everything, nullptr);
        return {};
    }

    MountPtr mount_of(const Level& above, const Result<std::shared_ptr<const FileDescriptor>>& handle) const {
        if (!handle.ok() || Place::of(handle.value()->get()) == place_) return above.mount;
        return above.mount ? above.mount : std::make_shared<Mount>(Mount{path_});
    }

    // What even `overwrite` does not touch; without it, it is in the way like anything that differs.
    Result<void> in_the_way(const Level& level, const char* why) {
        act(level, Action::Refuse);
        refuse(RefusalKind::InTheWay, why);
        if (!request_.overwrite) conflict(path_);
        return {};
    }

    void conflict(const std::string& path) {
        ++planned_.conflicts;
        if (planned_.conflict_paths.size() < RestorePlan::kMaxListed) planned_.conflict_paths.push_back(path);
    }

    // What is there differs. True if it is replaced.
    bool differs(const Level& level) {
        if (level.mount && request_.overwrite) {
            act(level, Action::Refuse);
            tell_mount(level.mount, path_);
            return false;
        }
        act(level, request_.overwrite ? Action::Replace : Action::Refuse);
        decide_different(path_);
        return request_.overwrite;
    }

    Result<void> across(const Level& level, const std::string& path) {
        act(level, Action::Refuse);
        tell_mount(level.mount, path);
        return {};
    }

    void tell_mount(const MountPtr& mount, const std::string& path) {
        ++planned_.plan.files_refused;
        if (planned_.plan.refused.size() < RestorePlan::kMaxListed)
            planned_.plan.refused.push_back({path, "its place is on a file system of its own below the target"});
        if (mount->told) return;
        mount->told = true;
        planned_.mounts.push_back(mount->path);
    }

    void decide_different(const std::string& path) {
        if (!request_.overwrite) {
            ++planned_.plan.files_refused;
            if (planned_.plan.refused.size() < RestorePlan::kMaxListed)
                planned_.plan.refused.push_back({path, "it differs"});
            conflict(path);
            return;
        }
        ++planned_.plan.files_to_replace;
        if (planned_.replaced.size() < RestorePlan::kMaxListed) planned_.replaced.push_back(path);
    }

    Result<void> plan_comparison(Level& level, const EntryView& entry, int directory) {
        const std::string name{entry.name};
        auto file = std::make_shared<FileDescriptor>(
            ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        struct stat info;
        // What cannot be read cannot be shown to be equal.
        if (!file->is_open() || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) {
            const bool further = entry.hard_link && links_.join(entry.copy(), std::nullopt).further();
            return differs(level) && !further ? count_bytes(entry) : Result<void>{};
        }
        waiting_.push_back({.entry = entry.copy(), .file = std::move(file)});
        waiting_places_.push_back(
            {planned_.actions.size(), path_, info, links_.join(waiting_.back().entry, info), level.mount});
        act(level, Action::Skip);
        return waiting_.size() >= kComparedAtOnce ? compare_waiting() : Result<void>{};
    }

    Result<void> compare_waiting() {
        DR_TRY(compare_files(waiting_, context_.source, context_.pool, context_.monitor));
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            RestorePlan& plan = planned_.plan;
            const FileComparison& file = waiting_[i];
            const WaitingPlace& place = waiting_places_[i];
            compared_bytes_ += file.entry.size;
            if (file.equal && !DR_TRY(wants_replacing(file, place))) {
                ++plan.files_to_skip;
                remember(place.action, file.entry, place.info);
                continue;
            }
            if (place.mount && request_.overwrite) {
                planned_.actions[place.action] = Action::Refuse;
                tell_mount(place.mount, place.path);
                continue;
            }
            place.group.renew();
            planned_.actions[place.action] = request_.overwrite ? Action::Replace : Action::Refuse;
            decide_different(place.path);
            if (!request_.overwrite || place.group.further()) continue;
            add_checked(plan.bytes_to_read, bytes_to_read(file));
            add_checked(plan.bytes_to_write, file.entry.size);
        }
        waiting_.clear();
        waiting_places_.clear();
        const std::uint64_t looked_at = planned_.plan.files_to_skip + planned_.plan.files_to_replace;
        context_.monitor.progress({.phase = "comparing", .bytes_done = compared_bytes_, .files_done = looked_at});
        return {};
    }

    // Of what stays: where the restore touches it or makes further names of it, it has to be this very file.
    void remember(std::size_t action, const Entry& entry, const struct stat& info) {
        const bool refreshed = action < planned_.actions.size() && planned_.actions[action] == Action::Refresh;
        if (refreshed || entry.hard_link) planned_.kept.emplace(action, SeenFile::of(info));
    }

    struct WaitingPlace {
        std::size_t action;
        std::string path;
        struct stat info;
        PlannedLinks::Name group;
        MountPtr mount;
    };

    // Of a file that is equal in content: whether a new one has to take its place all the same. Decides what becomes of
    // its metadata otherwise.
    Result<bool> wants_replacing(const FileComparison& file, const WaitingPlace& place) {
        const bool linked = place.group.holds(place.info);
        const bool same = linked && DR_TRY(has_metadata_of(file.entry, file.file->get(), place.info, context_.source,
                                                           CompareTime::Yes));
        if (same) return false;
        if (request_.overwrite) {
            if (!linked || !DR_TRY(may_be_given_metadata_of(file.entry, file.file->get(), place.info, context_.source)))
                return true;
            planned_.actions[place.action] = Action::Refresh;
        }
        other_metadata(place.path);
        return false;
    }

    const PlanContext& context_;
    const RestoreRequest& request_;
    PlannedRestore planned_;
    std::deque<Level> levels_;  // references stay good while the walk goes down
    Place place_;               // of the target
    std::string path_;
    std::vector<FileComparison> waiting_;
    std::vector<WaitingPlace> waiting_places_;
    PlannedLinks links_;
    std::uint64_t compared_bytes_ = 0;
    std::uint64_t steps_ = 0;
    bool saw_any_ = false;
    bool selected_any_ = false;
};

}  // namespace

std::optional<Refusal> refusal(const EntryView& entry, const RestoreRequest& request) {
    if (!RelativePath::is_component(entry.name))
        return Refusal{RefusalKind::Name, "the name would lead out of the target"};
    switch (entry.kind) {
        case EntryKind::CharDevice:
        case EntryKind::BlockDevice:
            if (request.devices) return std::nullopt;
            return Refusal{RefusalKind::Device, "devices are restored only with --devices"};
        default: return std::nullopt;
    }
}

Result<PlannedRestore> plan_restore(const PlanContext& context, const DirRef& root, const DirectoryPtr& target) {
    return Planner{context}.run(root, target);
}

}  // namespace dr
