#include "dr/snapshot/place_check.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "dr/snapshot/directory_handle.h"

namespace dr {
namespace {

constexpr const char* kNotThere = "it is not there";
constexpr int kMostLinks = 40;  // as the kernel has it

// How far a place can be followed without going through a symbolic link.
struct Found {
    enum class Kind : std::uint8_t { There, Missing, Link, BehindLink, BehindFile, Unreadable };
    Kind kind = Kind::There;
    std::string at;  // of BehindLink and BehindFile: where the way ends
    std::string why;
};

Found find_in(std::shared_ptr<DirectoryHandle> directory, const RelativePath& path) {
    std::string at;
    const std::vector<std::string_view> components = path.components();
    for (std::size_t i = 0; i < components.size(); ++i) {
        at += (at.empty() ? "" : "/") + std::string{components[i]};
        const bool last = i + 1 == components.size();
        const Result<FileStat> stat = directory->stat(components[i]);
        if (!stat.ok() && stat.error().code() == ErrorCode::NotFound) return {Found::Kind::Missing, {}, {}};
        if (!stat.ok()) return {Found::Kind::Unreadable, {}, stat.error().what()};
        if (stat.value().kind == EntryKind::Symlink)
            return last ? Found{Found::Kind::Link, {}, {}} : Found{Found::Kind::BehindLink, at, {}};
        if (last) break;
        if (stat.value().kind != EntryKind::Directory) return {Found::Kind::BehindFile, at, {}};
        Result<std::shared_ptr<DirectoryHandle>> below = directory->open_below(components[i]);
        if (!below.ok()) break;  // the walk meets that too, and reports it
        directory = std::move(below).value();
    }
    return {};
}

class PlaceChecker {
public:
    PlaceChecker(const Selection& selection, const std::string& workspace)
        : selection_(selection), workspace_(workspace) {}

    PlaceCheck run() {
        std::set<std::string> there;
        for (const SelectedPlace& place : selection_.places()) {
            if (place.outside ? look_outside(place) : look_inside(place)) there.insert(place.part);
        }
        for (const SelectedPart& part : selection_.parts()) {
            if (there.contains(part.name)) continue;
            check_.parts_missing.push_back(part.name);
            if (std::ranges::count(check_.problems, part.first_path, &PlaceProblem::path) > 0) continue;  // it says why
            report(part.first_path, "the plan asks for " + part.name + ", and nothing of it is there");
        }
        return std::move(check_);
    }

private:
    // Whether there is something, stored or not.
    bool look_inside(const SelectedPlace& place) {
        if (!workspace_handle_) {
            Result<std::shared_ptr<DirectoryHandle>> opened = DirectoryHandle::open(workspace_);
            if (!opened.ok()) return true;  // the walk does not begin
            workspace_handle_ = std::move(opened).value();
        }
        const Found found = find_in(workspace_handle_, place.path);
        const std::string& path = place.path.bytes();
        const std::string full = workspace_ + "/" + path;
        switch (found.kind) {
            case Found::Kind::There: return true;
            case Found::Kind::Link: return look_at_link(path, full);
            case Found::Kind::Unreadable: return report(path, found.why), true;
            case Found::Kind::BehindLink: return look_behind_link(place, found.at);
            case Found::Kind::BehindFile:
                if (place.named) report(path, kNotThere + (": '" + printable(found.at)) + "' is no directory");
                return false;
            case Found::Kind::Missing: break;
        }
        if (place.named) report(path, kNotThere);
        return false;
    }

    bool look_outside(const SelectedPlace& place) {
        const std::string full = "/" + place.path.bytes();
        std::error_code none;
        const std::filesystem::file_status status = std::filesystem::symlink_status(full, none);
        if (std::filesystem::is_symlink(status)) return look_at_link(place.path.bytes(), full);
        return std::filesystem::exists(status);
    }

    // A link is stored as such. Nothing is missing if what it leads to is stored as well. One that leads nowhere would
    // be a backup of nothing: the disk that it leads to may not be mounted.
    bool look_at_link(const std::string& path, const std::string& full) {
        const Result<std::string> target = target_of(full);
        if (!target.ok()) {
            report(path, "it is a symbolic link: " + target.error().what());
            return target.error().code() != ErrorCode::NotFound;
        }
        if (selection_.selects(target.value())) return true;
        report(path,
               "it is a symbolic link, and what it leads to is not stored: name that, " + as_paths(target.value()));
        return true;
    }

    // `link`: where the way to the place ends, in the workspace.
    bool look_behind_link(const SelectedPlace& place, const std::string& link) {
        const std::string& path = place.path.bytes();
        const std::string behind = "it lies behind the symbolic link '" + printable(link) + "'";
        if (const Result<std::string> leads = target_of(workspace_ + "/" + link); !leads.ok()) {
            report(path, behind + ": " + leads.error().what());
            return leads.error().code() != ErrorCode::NotFound;
        }
        const Result<std::string> target = target_of(workspace_ + "/" + path);
        if (target.ok()) {
            check_.parts_elsewhere |= selection_.parts_of(place.path, place.outside);
            if (selection_.selects(target.value())) return true;
            report(path, behind + ", and links are not followed: name what it leads to, " + as_paths(target.value()));
            return true;
        }
        if (place.named) report(path, kNotThere);
        return false;
    }

    // Where a path leads, through all links. NotFound where that is nowhere; Io where nobody can see it.
    static Result<std::string> target_of(const std::string& path) {
        std::error_code failed;
        const std::filesystem::path target = std::filesystem::canonical(path, failed);
        if (!failed) return target.string();
        const std::string end = "it leads to '" + printable(end_of_links(path)) + "', which ";
        if (failed == std::errc::too_many_symbolic_link_levels)
            return Error{ErrorCode::NotFound, end + "leads back to itself"};
        if (failed == std::errc::no_such_file_or_directory || failed == std::errc::not_a_directory)
            return Error{ErrorCode::NotFound, end + "is not there"};
        return Error{ErrorCode::Io, end + "cannot be looked at: " + failed.message()};
    }

    // The last place of a chain of links, for people.
    static std::string end_of_links(std::filesystem::path at) {
        std::error_code none;
        for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(std::filesystem::symlink_status(at, none)); ++i)
            at = at.parent_path() / std::filesystem::read_symlink(at, none);
        return at.string();
    }
    static std::string as_paths(const std::string& target) { return "paths: [\"" + printable(target) + "\"]"; }

    void report(const std::string& path, std::string reason) { check_.problems.push_back({path, std::move(reason)}); }

    const Selection& selection_;
    const std::string& workspace_;
    std::shared_ptr<DirectoryHandle> workspace_handle_;
    PlaceCheck check_;
};

}  // namespace

std::string empty_part_reason(const std::string& part) {
    return "the plan asks for " + part + ", and no file of it is stored";
}

PlaceCheck check_places(const Selection& selection, const std::string& workspace) {
    return PlaceChecker{selection, workspace}.run();
}

}  // namespace dr
