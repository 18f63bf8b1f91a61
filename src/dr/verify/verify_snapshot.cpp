#include "dr/verify/verify_snapshot.h"

#include <atomic>
#include <mutex>
#include <unordered_set>

#include "dr/models/relative_path.h"
#include "dr/repository/snapshot_body.h"
#include "dr/restore/parallel.h"
#include "dr/verify/file_check.h"
#include "dr/verify/smoke_restore.h"
#include "dr/verify/tree_check.h"

namespace dr {
namespace {

constexpr std::uint64_t kMaxReadAgain = 16U << 20;

class Verification {
public:
    Verification(const VerifyRequest& request, BlobSource& source, TaskPool& pool, Monitor& monitor)
        : request_(request), source_(source), pool_(pool), monitor_(monitor) {
        report_.report_id = request.report_id;
        report_.snapshot_id = request.snapshot_id;
        report_.verified_at = request.now;
        report_.everything_read = !request.packs.empty();
    }

    Result<VerificationReport> run(const DirRef& root) {
        DR_TRY(check_scratch_directory(request_.scratch_directory));
        report_.decrypt_ok = true;
        DR_TRY(check_packs());
        const bool is_the_root = manifest_hash(request_.manifest_nonce, root) == request_.manifest_hash;
        if (!is_the_root)
            error("snapshot " + request_.snapshot_id.text() + ": its root is not what its manifest hash says");
        const TreeCheck tree = DR_TRY(
            check_tree({source_, pool_, monitor_, request_.commit_hash, request_.sample_count, damaged_packs_}, root));
        for (const std::string& problem : tree.errors)
            error("snapshot " + request_.snapshot_id.text() + ", " + problem);
        report_.manifest_ok = is_the_root && tree.complete;
        report_.decrypt_ok &= tree.complete && tree.readable;
        // First, for what comes back with its SHA-256 need not be read again to hash it.
        Result<SmokeOutcome> tried = smoke_restore(
            {source_, pool_, monitor_, request_.snapshot_id, request_.scratch_directory}, root, tree.sample);
        if (!tried.ok() && tried.error().code() == ErrorCode::Cancelled) return std::move(tried).error();
        DR_TRY(check_sample(tree, tried.ok() ? tried.value().proven : std::vector<bool>(tree.sample.size())));
        if (tried.ok())
            take(tried.value());
        else
            DR_TRY(without_smoke(std::move(tried).error()));
        return std::move(report_);
    }

private:
    void error(std::string sentence) {
        if (report_.errors.size() < VerificationReport::kMaxErrors) report_.errors.push_back(std::move(sentence));
    }

    Result<void> check_packs() {
        std::atomic<std::uint64_t> bytes{0};
        std::atomic<std::size_t> done{0};
        std::mutex mutex;
        in_parallel(pool_, request_.packs.size(), 1, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end && !monitor_.cancelled(); ++i) {
                const PackId& pack = request_.packs[i];
                const Result<std::uint64_t> read = request_.verify_pack(pack);
                if (read.ok()) {
                    bytes += read.value();
                } else {
                    const std::scoped_lock lock{mutex};
                    damaged_packs_.insert(pack);
                    error("pack " + pack.hex() + ": " + read.error().one_line());
                }
                monitor_.progress({.phase = "reading packs",
                                   .bytes_done = bytes,
                                   .files_done = ++done,
                                   .files_total = request_.packs.size()});
            }
        });
        if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "the verification was interrupted"};
        report_.bytes_checked = bytes;
        report_.decrypt_ok = damaged_packs_.empty();
        return {};
    }

    void take(const SmokeOutcome& tried) {
        report_.restore_smoke_ok = tried.problems.empty();
        report_.files_restored = tried.files;
        report_.bytes_restored = tried.bytes;
        for (const std::string& problem : tried.problems)
            error("snapshot " + request_.snapshot_id.text() + ", " + problem);
    }

    Result<void> check_sample(const TreeCheck& tree, const std::vector<bool>& proven) {
        report_.sample_files_ok = true;
        for (std::size_t i = 0; i < tree.sample.size(); ++i) {
            const SampledFile& file = tree.sample[i];
            // With --all every blob of it has been proven already; what is left to prove, its own SHA-256, is not worth
            // reading a large file twice.
            if (!proven[i] && report_.everything_read && file.entry.size > kMaxReadAgain) continue;
            if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "the verification was interrupted"};
            const std::uint64_t read = proven[i] ? file.entry.size : DR_TRY(check_sampled(file));
            if (!report_.everything_read) report_.bytes_checked += read;
            monitor_.progress({.phase = "reading files",
                               .bytes_done = report_.bytes_checked,
                               .files_done = ++report_.files_checked,
                               .files_total = tree.sample.size()});
        }
        if (report_.everything_read) {
            report_.files_checked = tree.files;
            report_.sample_files_ok &= tree.complete;
        }
        return {};
    }

    // The bytes that were read and are good.
    Result<std::uint64_t> check_sampled(const SampledFile& file) {
        Result<std::uint64_t> read = check_file(source_, file.entry, pool_, monitor_);
        if (read.ok() || read.error().code() == ErrorCode::Cancelled) return read;
        report_.sample_files_ok = false;
        report_.decrypt_ok &= read.error().code() != ErrorCode::Damaged && read.error().code() != ErrorCode::WrongKey;
        error("snapshot " + request_.snapshot_id.text() + ", '" + printable(file.path) +
              "': " + read.error().one_line());
        return 0U;
    }

    // The trial restore could not be made. That alone is an error of this machine; it must not hide what was found.
    Result<void> without_smoke(Error why) {
        if (why.code() == ErrorCode::Cancelled) return why;
        const bool good =
            report_.errors.empty() && report_.manifest_ok && report_.sample_files_ok && report_.decrypt_ok;
        const std::string meaning =
            "what was looked at before was good" + (why.meaning().empty() ? "" : "; " + std::string{why.meaning()});
        if (good) return std::move(why).means(meaning);
        error("the trial restore was not made: " + why.one_line());
        return {};
    }

    const VerifyRequest& request_;
    BlobSource& source_;
    TaskPool& pool_;
    Monitor& monitor_;
    VerificationReport report_;
    std::unordered_set<PackId> damaged_packs_;
};

}  // namespace

Result<VerificationReport> verify_snapshot(const VerifyRequest& request, BlobSource& source, const DirRef& root,
                                           TaskPool& pool, Monitor& monitor) {
    return Verification{request, source, pool, monitor}.run(root);
}

}  // namespace dr
