#include "dr/restore/state.h"

#include <algorithm>
#include <cerrno>

namespace dr {
namespace {

// An errno is the target's: what the repository has lost is Damaged, without one, and costs what needed it.
bool concerns_everything(const Error& error) {
    if (error.code() == ErrorCode::NoSpace || error.code() == ErrorCode::Cancelled ||
        error.code() == ErrorCode::Unavailable)
        return true;
    const int number = error.system_errno();
    return number == EROFS || number == EIO || number == ESTALE || number == ENFILE || number == EMFILE;
}

}  // namespace

void RestoreState::fail(const std::string& path, Error error) {
    if (concerns_everything(error)) return stop(std::move(error).during("restoring '" + printable(path) + "'"));
    {
        const std::scoped_lock lock{mutex_};
        ++failure_count_;
        damaged_ |= error.code() == ErrorCode::Damaged;
        if (failures_.size() < RestorePlan::kMaxListed) failures_.push_back({path, error.one_line()});
    }
    monitor_.warning(path, error);
}

void RestoreState::refuse(RefusalKind kind, const std::string& path, std::string why) {
    const std::scoped_lock lock{mutex_};
    ++refused_count_;
    withheld_.add(kind, path, why);
    if (refused_.size() < RestorePlan::kMaxListed) refused_.push_back({path, std::move(why)});
}

void RestoreState::stop(Error error) {
    const std::scoped_lock lock{mutex_};
    if (!reason_) reason_ = std::move(error);
    stopped_ = true;
}

bool RestoreState::stopped() {
    if (!stopped_ && monitor_.cancelled()) {
        stop(Error{ErrorCode::Cancelled, "the restore was interrupted"}.means("nothing of it appeared in the target"));
    }
    return stopped_;
}

Result<void> RestoreState::outcome() {
    const std::scoped_lock lock{mutex_};
    if (reason_) return *reason_;
    return {};
}

void RestoreState::file_done(std::uint64_t bytes) {
    ++files_;
    bytes_ += bytes;
}

void RestoreState::take_back(const Built& built) {
    const auto less = [](std::atomic<std::uint64_t>& from, std::uint64_t count) {
        from -= std::min(from.load(), count);
    };
    less(files_, built.files);
    less(directories_, built.directories);
    less(bytes_, built.bytes);
}

void RestoreState::report() {
    const std::uint64_t bytes_total = plan_.bytes_to_write;
    const std::uint64_t files_total = plan_.files_to_create + plan_.files_to_replace;
    const std::uint64_t bytes = bytes_;
    const std::uint64_t files = files_;
    // Totals taken as recorded leave out symlinks and may count holes: never show more done than there is.
    monitor_.progress({.phase = "restoring",
                       .bytes_done = bytes,
                       .bytes_total = std::max(bytes, bytes_total),
                       .files_done = files,
                       .files_total = std::max(files, files_total)});
}

void RestoreState::tell(RestoreOutcome& outcome) {
    outcome.files_restored = files_;
    outcome.files_replaced = replaced_;
    outcome.metadata_restored = metadata_;
    outcome.directories_restored = directories_;
    outcome.bytes_restored = bytes_;
    outcome.bytes_read = bytes_read_;
    const std::scoped_lock lock{mutex_};
    outcome.plan.files_refused += refused_count_;
    for (PathProblem& problem : refused_) {
        if (outcome.plan.refused.size() < RestorePlan::kMaxListed) outcome.plan.refused.push_back(std::move(problem));
    }
    outcome.withheld.add(std::move(withheld_));
    outcome.failures = std::move(failures_);
    outcome.failure_count = failure_count_;
    outcome.worst_failure = damaged_ ? ErrorCode::Damaged : ErrorCode::Io;
}

}  // namespace dr
