#include "dr/verify/smoke_restore.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "dr/platform/posix/small_file.h"
#include "dr/restore/compare.h"
#include "dr/restore/directory.h"
#include "dr/restore/restore.h"
#include "dr/restore/staging.h"

namespace dr {
namespace {

constexpr std::uint64_t kMaxRestored = 64ULL << 20;

// The snapshot has nothing to do with it.
Error unusable(Error error) {
    if (error.code() != ErrorCode::NoSpace) error = Error{std::move(error).as(ErrorCode::Io)};
    return std::move(error)
        .means("a sample could not be restored to see that it comes back")
        .next(
            "qnwis_dr config show    says which scratch_dir is used, and who asked for it (TMPDIR, the configuration)");
}

// Only this user can look into it; gone when this is.
class PrivateDirectory {
public:
    static Result<PrivateDirectory> create(const std::string& in) {
        // Absolute, as what is allowed for a restore has to be.
        const Result<std::string> real = real_directory(in, "scratch directory");
        if (!real.ok()) return unusable(Error{real.error()});
        std::string name = real.value() + "/qnwis-dr-verify-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            return unusable(Error::from_errno(errno, "cannot write to the scratch directory '" + printable(in) + "'"));
        FileDescriptor fd{::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!fd.is_open()) {
            const int number = errno;
            (void)::rmdir(name.c_str());
            return unusable(Error::from_errno(number, "cannot open the private directory"));
        }
        return PrivateDirectory{std::move(name), std::move(fd)};
    }
    PrivateDirectory(PrivateDirectory&&) = default;
    ~PrivateDirectory() {
        if (!fd_.is_open()) return;  // moved from
        if (remove_content(fd_.get()).ok()) (void)::rmdir(path_.c_str());
    }
    const std::string& path() const { return path_; }
    int fd() const { return fd_.get(); }

private:
    PrivateDirectory(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
    std::string path_;
    FileDescriptor fd_;
};

// Component by component: a path may be longer than the system takes in one piece.
Result<FileDescriptor> open_below(int from, const RelativePath& path) {
    FileDescriptor at{::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    const std::vector<std::string_view> components = path.components();
    for (std::size_t i = 0; i + 1 < components.size(); ++i)
        at = DR_TRY(open_directory(at.get(), std::string{components[i]}));
    FileDescriptor file{
        ::openat(at.get(), std::string{path.name()}.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    struct stat info;
    if (!file.is_open() || ::fstat(file.get(), &info) != 0)
        return Error::from_errno(errno, "it is not there after the restore");
    if (!S_ISREG(info.st_mode)) return Error{ErrorCode::Io, "something else than a file came back"};
    return file;
}

struct Chosen {
    std::vector<RelativePath> paths;
    std::vector<const Entry*> entries;
};

Result<Chosen> choose(std::span<const SampledFile> sample) {
    std::vector<const SampledFile*> by_size;
    for (const SampledFile& file : sample) by_size.push_back(&file);
    std::ranges::stable_sort(by_size, {}, [](const SampledFile* file) { return file->entry.size; });
    Chosen chosen;
    std::uint64_t total = 0;
    for (const SampledFile* file : by_size) {
        total += file->entry.size;
        if (total > kMaxRestored && !chosen.paths.empty()) break;
        chosen.paths.push_back(DR_TRY(RelativePath::parse(file->path, ErrorCode::Damaged)));
        chosen.entries.push_back(&file->entry);
    }
    return chosen;
}

Result<void> compare(const SmokeRequest& request, int restored, const RelativePath& path, const Entry& entry) {
    auto file = std::make_shared<FileDescriptor>(DR_TRY(open_below(restored, path)));
    struct stat info;
    if (::fstat(file->get(), &info) != 0) return Error::from_errno(errno, "cannot look at the restored file");
    if (static_cast<std::uint64_t>(info.st_size) != entry.size)
        return Error{ErrorCode::Damaged, "it came back with another size"};
    FileComparison comparison{.entry = entry, .file = std::move(file)};
    DR_TRY(compare_files({&comparison, 1}, request.source, request.pool, request.monitor));
    if (!comparison.equal) return Error{ErrorCode::Damaged, "it came back with other content"};
    return {};
}

}  // namespace

Result<void> check_scratch_directory(const std::string& path) {
    Result<PrivateDirectory> made = PrivateDirectory::create(path);
    if (made.ok()) return {};
    return std::move(made).error().means("nothing was read: a sample could not be restored to see that it comes back");
}

Result<std::vector<std::string>> smoke_restore(const SmokeRequest& request, const DirRef& root,
                                               std::span<const SampledFile> sample) {
    std::vector<std::string> errors;
    if (sample.empty()) return errors;
    const PrivateDirectory directory = DR_TRY(PrivateDirectory::create(request.scratch_directory));
    Chosen chosen = DR_TRY(choose(sample));

    RestoreRequest asked;
    asked.plan_id = DR_TRY(Identifier::parse("verify"));
    asked.snapshot_id = request.snapshot_id;
    asked.target_path = directory.path();
    asked.sync = false;  // it is removed at once
    asked.filter = RestoreFilter{chosen.paths, {}, {}};
    const Result<RestoreOutcome> outcome =
        restore(asked, request.source, root, RestoreAllowlist{{directory.path()}}, request.pool, request.monitor);
    if (!outcome.ok()) {
        if (outcome.error().code() == ErrorCode::Cancelled) return outcome.error();
        if (outcome.error().code() == ErrorCode::NoSpace) return unusable(Error{outcome.error()});
        errors.push_back("the trial restore failed: " + outcome.error().one_line());
        return errors;
    }
    for (const PathProblem& failure : outcome.value().failures)
        errors.push_back("'" + printable(failure.path) + "' was not restored: " + failure.error);
    for (std::size_t i = 0; i < chosen.paths.size() && errors.empty(); ++i) {
        const Result<void> equal = compare(request, directory.fd(), chosen.paths[i], *chosen.entries[i]);
        if (!equal.ok()) errors.push_back("'" + printable(chosen.paths[i]) + "': " + equal.error().one_line());
    }
    return errors;
}

}  // namespace dr
