#include "dr/restore/planner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "dr/repository/tree_reader.h"
#include "dr/restore/compare.h"
#include "dr/restore/staging.h"

namespace dr {
namespace {

constexpr std::size_t kComparedAtOnce = 256;  // files held open while they are compared
constexpr std::size_t kAwakeReaders = 64;     // directories whose nodes stay in memory

// A directory that the walk is in.
struct Level {
    DirectoryReader reader;
    DirectoryPtr existing;  // null: new
    bool everything;        // all below is selected
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
        enter(DirectoryReader{context_.source, root}, target, request_.filter.selects_everything());
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

    void enter(DirectoryReader reader, const DirectoryPtr& existing, bool everything) {
        if (levels_.size() >= kAwakeReaders) levels_[levels_.size() - kAwakeReaders].reader.suspend();
        levels_.push_back({std::move(reader), existing, everything, path_.size()});
    }
    void leave() { levels_.pop_back(); }
    DirectoryReader below(const Level& level, const EntryView& entry) const {
        return {context_.source, entry.directory, level.reader.owner()};
    }

    Result<void> visit(Level& level, const EntryView& entry) {
        if (!path_.empty()) path_ += '/';
        path_ += entry.name;
        bool everything = level.everything;
        if (!everything) {
            const RestoreFilter::Answer answer = request_.filter.ask(path_, entry.kind == EntryKind::Directory);
            if (answer == RestoreFilter::Answer::Skip) {
                act(level, Action::Omit);
                return {};
            }
            everything = answer == RestoreFilter::Answer::All;
        }
        if (const std::optional<Refusal> refused = refusal(entry, request_)) {
            act(level, Action::Refuse);
            // What is in new directories is not always looked at: the restore itself says it when it gets there.
            if (level.existing || request_.dry_run) refuse(refused->kind, refused->why);
            return {};
        }
        if (!level.existing) return plan_new(level, entry, everything);
        return plan_beside(level, entry, everything);
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

    Result<void> plan_new(Level& level, const EntryView& entry, bool everything) {
        act(level, Action::Create);
        // Without a level above that exists this is not the topmost.
        if (level.existing && planned_.created.size() < RestorePlan::kMaxListed) planned_.created.push_back(path_);
        RestorePlan& plan = planned_.plan;
        if (entry.kind != EntryKind::Directory) {
            ++plan.files_to_create;
            return count_bytes(entry);
        }
        if (everything && !context_.exact) {
            add_checked(plan.files_to_create, entry.directory.files);
            add_checked(plan.bytes_to_read, entry.directory.bytes);
            add_checked(plan.bytes_to_write, entry.directory.bytes);
            return {};
        }
        enter(below(level, entry), nullptr, everything);
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

    Result<void> plan_beside(Level& level, const EntryView& entry, bool everything) {
        // Only at the top of the target: that is where a restore removes what a killed one left.
        if (levels_.size() == 1 && entry.name.starts_with(kStagingPrefix)) {
            act(level, Action::Refuse);
            refuse(RefusalKind::Name, "the name is that of a restore's own directory");
            return {};
        }
        const auto directory = DR_TRY(context_.handles.get(level.existing));
        const std::string name{entry.name};
        struct stat info;
        if (::fstatat(directory->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) return plan_new(level, entry, everything);
            return Error::from_errno(errno, "cannot look at '" + printable(path_) + "' in the target");
        }
        if (entry.kind == EntryKind::Directory) return plan_directory(level, entry, info, everything);
        if (S_ISDIR(info.st_mode)) return in_the_way(level, "a directory is in the way of a file");
        if (entry.kind == EntryKind::File && S_ISREG(info.st_mode) &&
            static_cast<std::uint64_t>(info.st_size) == entry.size) {
            return plan_comparison(level, entry, directory->get());
        }
        if (equal_special(directory->get(), entry, info)) {
            act(level, Action::Skip);
            ++planned_.plan.files_to_skip;
            return {};
        }
        differs(level.existing);
        if (!request_.overwrite) return {};
        return count_bytes(entry);
    }

    Result<void> plan_directory(Level& level, const EntryView& entry, const struct stat& info, bool everything) {
        if (S_ISLNK(info.st_mode))
            return in_the_way(level, "a symbolic link is in the way of a directory; it is not followed");
        if (S_ISDIR(info.st_mode)) {
            act(level, Action::Merge);
            enter(below(level, entry), std::make_shared<RestoreDirectory>(level.existing, std::string{entry.name}),
                  everything);
            return {};
        }
        differs(level.existing);
        if (request_.overwrite) enter(below(level, entry), nullptr, everything);
        return {};
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

    void differs(const DirectoryPtr& existing) {
        if (existing) planned_.actions.push_back(request_.overwrite ? Action::Replace : Action::Refuse);
        decide_different(path_);
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

    // Symlinks, FIFOs, sockets and devices; a file of another size is not equal.
    bool equal_special(int directory, const EntryView& entry, const struct stat& info) const {
        switch (entry.kind) {
            case EntryKind::Symlink: {
                if (!S_ISLNK(info.st_mode)) return false;
                std::string target(entry.target.size() + 1, 0);
                const ssize_t got =
                    ::readlinkat(directory, std::string{entry.name}.c_str(), target.data(), target.size());
                return got == static_cast<ssize_t>(entry.target.size()) && target.starts_with(entry.target);
            }
            case EntryKind::Fifo: return S_ISFIFO(info.st_mode);
            case EntryKind::Socket: return S_ISSOCK(info.st_mode);
            case EntryKind::CharDevice:
                return S_ISCHR(info.st_mode) && info.st_rdev == makedev(entry.device_major, entry.device_minor);
            case EntryKind::BlockDevice:
                return S_ISBLK(info.st_mode) && info.st_rdev == makedev(entry.device_major, entry.device_minor);
            default: return false;
        }
    }

    Result<void> plan_comparison(Level& level, const EntryView& entry, int directory) {
        const std::string name{entry.name};
        auto file = std::make_shared<FileDescriptor>(
            ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        struct stat info;
        // What cannot be read cannot be shown to be equal.
        if (!file->is_open() || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) {
            differs(level.existing);
            return request_.overwrite ? count_bytes(entry) : Result<void>{};
        }
        waiting_.push_back({.entry = entry.copy(), .file = std::move(file)});
        waiting_places_.push_back({planned_.actions.size(), path_});
        act(level, Action::Skip);
        return waiting_.size() >= kComparedAtOnce ? compare_waiting() : Result<void>{};
    }

    Result<void> compare_waiting() {
        DR_TRY(compare_files(waiting_, context_.source, context_.pool, context_.monitor));
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            RestorePlan& plan = planned_.plan;
            const FileComparison& file = waiting_[i];
            compared_bytes_ += file.entry.size;
            if (file.equal) {
                ++plan.files_to_skip;
                continue;
            }
            planned_.actions[waiting_places_[i].action] = request_.overwrite ? Action::Replace : Action::Refuse;
            decide_different(waiting_places_[i].path);
            if (!request_.overwrite) continue;
            add_checked(plan.bytes_to_read, file.differing_bytes);
            add_checked(plan.bytes_to_write, file.entry.size);
        }
        waiting_.clear();
        waiting_places_.clear();
        const std::uint64_t looked_at = planned_.plan.files_to_skip + planned_.plan.files_to_replace;
        context_.monitor.progress({.phase = "comparing", .bytes_done = compared_bytes_, .files_done = looked_at});
        return {};
    }

    struct WaitingPlace {
        std::size_t action;
        std::string path;
    };

    const PlanContext& context_;
    const RestoreRequest& request_;
    PlannedRestore planned_;
    std::deque<Level> levels_;  // references stay good while the walk goes down
    std::string path_;
    std::vector<FileComparison> waiting_;
    std::vector<WaitingPlace> waiting_places_;
    std::uint64_t compared_bytes_ = 0;
    std::uint64_t steps_ = 0;
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
