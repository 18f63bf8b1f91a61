#include "dr/verify/smoke_restore.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <numeric>
#include <unordered_set>

#include "dr/platform/posix/small_file.h"
#include "dr/repository/tree_writer.h"
#include "dr/restore/compare.h"
#include "dr/restore/directory.h"
#include "dr/restore/restore.h"
#include "dr/restore/staging.h"
#include "dr/verify/part_of_file.h"

namespace dr {
namespace {

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
    if (!S_ISREG(info.st_mode)) return Error{ErrorCode::Damaged, "something else than a file came back"};
    return file;
}

// What is restored, and of which tree.
struct Trial {
    struct File {
        std::size_t sampled;  // which of the sample
        RelativePath path;    // below the root
        Entry entry;
        bool whole;
    };
    DirRef root;
    std::vector<File> files;
};

// Of a file that does not fit: to fill a disk with it, or to read a large repository twice, proves little more than a
// part does.
Result<Trial> trial_of_part(BlobSource& source, const SampledFile& file, std::size_t sampled) {
    Entry part = DR_TRY(part_of(source, file.entry, {.max_bytes = kMaxSmoke, .rank = file.rank}));
    RelativePath path = DR_TRY(RelativePath::parse(part.name, ErrorCode::Damaged));
    Trial trial{.root = directory_of_one(part), .files = {}};
    trial.files.push_back({sampled, std::move(path), std::move(part), false});
    return trial;
}

Result<Trial> choose(BlobSource& source, const DirRef& root, std::span<const SampledFile> sample) {
    std::vector<std::size_t> by_size(sample.size());
    std::iota(by_size.begin(), by_size.end(), 0U);
    std::ranges::stable_sort(by_size, {}, [&](std::size_t i) { return sample[i].entry.size; });
    if (sample[by_size[0]].entry.size > kMaxSmoke) return trial_of_part(source, sample[by_size[0]], by_size[0]);
    Trial trial{.root = root, .files = {}};
    std::uint64_t total = 0;
    for (const std::size_t i : by_size) {
        total += sample[i].entry.size;
        if (total > kMaxSmoke) break;
        trial.files.push_back(
            {i, DR_TRY(RelativePath::parse(sample[i].path, ErrorCode::Damaged)), sample[i].entry, true});
    }
    return trial;
}

// Proven on what lies there now, not on what was on its way.
Result<void> check_restored(const SmokeRequest& request, int restored, const Trial::File& tried) {
    auto file = std::make_shared<FileDescriptor>(DR_TRY(open_below(restored, tried.path)));
    struct stat info;
    if (::fstat(file->get(), &info) != 0) return Error::from_errno(errno, "cannot look at the restored file");
    if (static_cast<std::uint64_t>(info.st_size) != tried.entry.size)
        return Error{ErrorCode::Damaged, "it came back with another size"};
    if (tried.whole) {
        const std::optional<Sha256> found = hash_of(file->get(), tried.entry.size);
        if (!found) return unusable(Error::from_errno(errno, "what came back cannot be read"));
        if (*found == tried.entry.content.sha256) return {};
        return Error{ErrorCode::Damaged, "what came back is not what its SHA-256 says"};
    }
    FileComparison comparison{.entry = tried.entry, .file = std::move(file)};
    DR_TRY(compare_files({&comparison, 1}, request.source, request.pool, request.monitor));
    if (comparison.unreadable) return unusable(Error{ErrorCode::Io, "what came back cannot be read"});
    if (!comparison.equal) return Error{ErrorCode::Damaged, "a part of it came back with other content"};
    return {};
}

class SmokeRestore {
public:
    SmokeRestore(const SmokeRequest& request, std::span<const SampledFile> sample)
        : request_(request), sample_(sample) {
        outcome_.proven.resize(sample.size());
    }

    Result<SmokeOutcome> run(const DirRef& root) {
        if (sample_.empty()) return std::move(outcome_);
        const PrivateDirectory directory = DR_TRY(PrivateDirectory::create(request_.scratch_directory));
        const Result<Trial> trial = choose(request_.source, root, sample_);
        if (!trial.ok()) {
            if (!means_damage(trial.error())) return trial.error();
            problem("the trial restore failed: " + trial.error().one_line());
        } else if (DR_TRY(restored(directory, trial.value()))) {
            for (const Trial::File& tried : trial.value().files) DR_TRY(look_at(directory, tried));
        }
        return std::move(outcome_);
    }

private:
    void problem(std::string sentence) { outcome_.problems.push_back(std::move(sentence)); }

    // Whether there is something to look at.
    Result<bool> restored(const PrivateDirectory& directory, const Trial& trial) {
        RestoreRequest asked;
        asked.plan_id = DR_TRY(Identifier::parse("verify"));
        asked.snapshot_id = request_.snapshot_id;
        asked.target_path = directory.path();
        asked.sync = false;  // it is removed at once
        std::vector<RelativePath> paths;
        for (const Trial::File& tried : trial.files) paths.push_back(tried.path);
        asked.filter = RestoreFilter{std::move(paths), {}, {}};
        const Result<RestoreOutcome> outcome = restore(
            asked, request_.source, trial.root, RestoreAllowlist{{directory.path()}}, request_.pool, request_.monitor);
        if (!outcome.ok()) {
            if (outcome.error().code() == ErrorCode::Cancelled) return outcome.error();
            if (outcome.error().code() == ErrorCode::NoSpace) return unusable(Error{outcome.error()});
            problem("the trial restore failed: " + outcome.error().one_line());
            return false;
        }
        for (const PathProblem& failure : outcome.value().failures) {
            problem("'" + printable(failure.path) + "' was not restored: " + failure.error);
            failed_.insert(failure.path);
        }
        outcome_.files = outcome.value().files_restored;
        outcome_.bytes = outcome.value().bytes_restored;
        return true;
    }

    Result<void> look_at(const PrivateDirectory& directory, const Trial::File& tried) {
        if (request_.monitor.cancelled()) return Error{ErrorCode::Cancelled, "the verification was interrupted"};
        if (failed_.contains(std::string{tried.path.bytes()})) return {};
        const Result<void> good = check_restored(request_, directory.fd(), tried);
        // The scratch directory's failure, or the storage's for now, says nothing about the snapshot.
        const bool unknown =
            !good.ok() && good.error().code() != ErrorCode::Damaged && good.error().code() != ErrorCode::NotFound;
        if (unknown) return good.error();
        if (!good.ok()) problem("'" + printable(sample_[tried.sampled].path) + "': " + good.error().one_line());
        outcome_.proven[tried.sampled] = good.ok() && tried.whole;
        return {};
    }

    const SmokeRequest& request_;
    const std::span<const SampledFile> sample_;
    std::unordered_set<std::string> failed_;  // paths below the root of the trial
    SmokeOutcome outcome_;
};

}  // namespace

Result<void> check_scratch_directory(const std::string& path) {
    Result<PrivateDirectory> made = PrivateDirectory::create(path);
    if (made.ok()) return {};
    return std::move(made).error().means("nothing was read: a sample could not be restored to see that it comes back");
}

Result<SmokeOutcome> smoke_restore(const SmokeRequest& request, const DirRef& root,
                                   std::span<const SampledFile> sample) {
    return SmokeRestore{request, sample}.run(root);
}

}  // namespace dr
