#include "cli/survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "dr/models/content_marks.h"
#include "dr/platform/posix/file_descriptor.h"
#include "dr/snapshot/directory_handle.h"
#include "dr/snapshot/place_check.h"

namespace dr::cli {
namespace {

// Each level holds a directory open.
constexpr std::size_t kMaxDepth = 4000;

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Result<Bytes> first_bytes(int directory, const char* name, std::size_t limit) {
    const FileDescriptor file{::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
    if (!file.is_open()) return Error::from_errno(errno, "cannot open the file");
    Bytes bytes(limit);
    std::size_t size = 0;
    while (size < limit) {
        const ssize_t got = ::read(file.get(), bytes.data() + size, limit - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error::from_errno(errno, "cannot read the file");
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    bytes.resize(size);
    return bytes;
}

bool has_cachedir_tag(int directory) {
    const Result<Bytes> tag = first_bytes(directory, "CACHEDIR.TAG", 64);
    return tag.ok() && is_cachedir_tag(tag.value());
}

PathKind kind_of(const struct stat& status) {
    if (S_ISREG(status.st_mode)) return PathKind::File;
    return S_ISDIR(status.st_mode) ? PathKind::Directory : PathKind::Other;
}

class Walker {
public:
    Walker(const Selection& selection, const SurveyOptions& options, Monitor& monitor)
        : selection_(selection), options_(options), monitor_(monitor), tally_(selection) {
        if (!options.repository.empty() && ::stat(options.repository.c_str(), &repository_) == 0)
            has_repository_ = true;
    }

    // The root of a walk, whose entries appear below `path`. `outside`: by their full path.
    Result<void> root(int fd, const RelativePath& path, bool outside) {
        outside_ = outside;
        struct stat status{};
        if (fd >= 0 && ::fstat(fd, &status) == 0 && is_repository(status)) {
            ::close(fd);
            skip(SkipReason::Repository);
            return {};
        }
        return directory(fd, path, 0);
    }

    // An outside root may be a file.
    Result<void> outside_root(const OutsideRoot& root) {
        if (root.excluded != nullptr) {
            skip(root.excluded->reason);
            return {};
        }
        outside_ = true;
        const FileDescriptor top{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
        if (root.path == "/") return this->root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), RelativePath{}, true);
        const std::string below = root.path.substr(1);
        const RelativePath path = DR_TRY(RelativePath::parse(below));
        return entry(top.get(), below.c_str(), path, 0);
    }

    void places(const std::string& workspace) {
        const PlaceCheck check = check_places(selection_, workspace);
        for (const PlaceProblem& found : check.problems) problem(found.path, found.reason);
        parts_missing_ = check.parts_missing;
        parts_found_ |= check.parts_elsewhere;
    }

    void empty_parts() {
        for (std::size_t i = 0; i < selection_.parts().size(); ++i) {
            const SelectedPart& part = selection_.parts()[i];
            if (((parts_found_ >> i) & 1U) != 0 || std::ranges::count(parts_missing_, part.name) > 0) continue;
            problem(part.first_path, empty_part_reason(part.name));
        }
    }

    Survey finish() {
        result_.datasets_missing = tally_.missing();
        return std::move(result_);
    }

private:
    void skip(SkipReason reason) {
        if (reason != SkipReason::NotSelected) ++result_.skipped[std::string(label(reason))];
    }
    bool is_repository(const struct stat& status) const {
        return has_repository_ && status.st_dev == repository_.st_dev && status.st_ino == repository_.st_ino;
    }
    bool opens_repository(const struct stat& status) const {
        const FileStat stat = FileStat::from(status);
        return std::ranges::find(options_.secrets, FileIdentity{stat.device, stat.inode}) != options_.secrets.end();
    }
    void problem(const std::string& path, const std::string& reason) {
        ++result_.unreadable;
        monitor_.warning(printable(path), Error{ErrorCode::Io, reason});
    }
    void unreadable(const RelativePath& path, const Error& error) {
        ++result_.unreadable;
        monitor_.warning(path.bytes(), error);
    }

    // Takes over `fd`.
    Result<void> directory(int fd, const RelativePath& path, std::size_t depth) {
        const Directory listing{fd < 0 ? nullptr : ::fdopendir(fd)};
        if (!listing || depth > kMaxDepth) {
            if (!listing && fd >= 0) ::close(fd);
            unreadable(path, Error::from_errno(listing ? ENAMETOOLONG : errno, "cannot read the directory"));
            return {};
        }
        for (;;) {
            if (options_.stop && options_.stop()) return Error{ErrorCode::Cancelled, "the survey was interrupted"};
            const dirent* next = ::readdir(listing.get());
            if (next == nullptr) return {};
            const std::string_view name = next->d_name;
            if (name == "." || name == "..") continue;
            const RelativePath below = DR_TRY(path.join(name));
            DR_TRY(entry(::dirfd(listing.get()), next->d_name, below, depth + 1));
        }
    }

    Result<void> entry(int parent, const char* name, const RelativePath& path, std::size_t depth) {
        struct stat status{};
        if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            unreadable(path, Error::from_errno(errno, "cannot look at the entry"));
            return {};
        }
        EntryFacts facts;
        facts.kind = kind_of(status);
        facts.opens_repository = opens_repository(status);
        FileDescriptor below;
        if (facts.kind == PathKind::Directory) {
            below = FileDescriptor{::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
            if (below.is_open()) facts.has_cachedir_tag = has_cachedir_tag(below.get());
            facts.is_repository = is_repository(status);
        }
        const Decision decision = outside_ ? selection_.decide_outside(path, facts) : selection_.decide(path, facts);
        if (decision.verdict == Verdict::Skipped) {
            skip(decision.reason);
            return {};
        }
        if (facts.kind == PathKind::Directory) return directory(below.is_open() ? ::dup(below.get()) : -1, path, depth);
        if (decision.verdict != Verdict::Selected) return {};
        if (facts.kind == PathKind::File) {
            file(parent, name, path, status);
        } else {
            ++result_.others;
            parts_found_ |= selection_.parts_of(path, outside_);
        }
        return {};
    }

    void file(int parent, const char* name, const RelativePath& path, const struct stat& status) {
        const auto size = static_cast<std::uint64_t>(status.st_size);
        if (options_.read_contents && size > 0 && size <= kMaxPrivateKeyFile) {
            const Result<Bytes> content = first_bytes(parent, name, kMaxPrivateKeyFile);
            if (!content.ok()) return unreadable(path, content.error());
            if (looks_like_private_key(content.value())) return skip(SkipReason::PrivateKey);
        }
        ++result_.files;
        result_.bytes += size;
        parts_found_ |= selection_.parts_of(path, outside_);
        if (!outside_) tally_.stored(tally_.found(path));
    }

    const Selection& selection_;
    const SurveyOptions& options_;
    Monitor& monitor_;
    DatasetTally tally_;
    std::vector<std::string> parts_missing_;
    PartSet parts_found_ = 0;
    Survey result_;
    struct stat repository_{};
    bool has_repository_ = false;
    bool outside_ = false;
};

}  // namespace

Result<Survey> survey(const Selection& selection, const std::string& workspace, const SurveyOptions& options,
                      Monitor& monitor) {
    Walker walker{selection, options, monitor};
    walker.places(workspace);
    if (selection.touches_workspace()) {
        const int fd = ::open(workspace.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return Error::from_errno(errno, "cannot open the workspace '" + printable(workspace) + "'")
                .next("qnwis_dr plan --help");
        DR_TRY(walker.root(fd, RelativePath{}, false));
    }
    for (const OutsideRoot& root : selection.outside_roots()) DR_TRY(walker.outside_root(root));
    walker.empty_parts();
    return walker.finish();
}

}  // namespace dr::cli
