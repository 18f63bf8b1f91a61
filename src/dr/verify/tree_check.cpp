#include "dr/verify/tree_check.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "dr/codec/xxh.h"
#include "dr/models/relative_path.h"
#include "dr/models/verification_report.h"
#include "dr/verify/blob_lookup.h"

namespace dr {
namespace {

constexpr std::size_t kAwakeReaders = 64;  // directories whose nodes stay in memory
constexpr std::uint64_t kStepsPerReport = 16384;

class Checker {
public:
    explicit Checker(const TreeCheck::Request& request) : request_(request) {
        std::memcpy(&seed_, request.seed.bytes().data(), sizeof seed_);
    }

    Result<TreeCheck> run(const DirRef& root) {
        levels_.push_back({DirectoryReader{request_.source, root}, 0});
        while (!levels_.empty()) {
            DR_TRY(tick());
            DR_TRY(step());
        }
        DR_TRY(blobs_.finish());
        report_progress();
        std::ranges::sort(check_.sample, {}, &SampledFile::path);
        return std::move(check_);
    }

private:
    struct Level {
        DirectoryReader reader;
        std::size_t path_length;
    };

    // Before each entry, and each piece of a large file.
    Result<void> tick() {
        if (++steps_ % 64 == 0 && request_.monitor.cancelled())
            return Error{ErrorCode::Cancelled, "the verification was interrupted"};
        if (steps_ % kStepsPerReport == 0) report_progress();
        return {};
    }

    Result<void> step() {
        Level& level = levels_.back();
        path_.resize(level.path_length);
        const Result<const EntryView*> next = level.reader.next_view();
        if (!next.ok()) {
            levels_.pop_back();
            if (concerns_everything(next.error().code())) return next.error();
            report(path_.empty() ? "the root directory" : "the directory '" + printable(path_) + "'", next.error());
            return {};
        }
        if (next.value() == nullptr) {
            levels_.pop_back();
            return {};
        }
        const EntryView& entry = *next.value();
        if (!path_.empty()) path_ += '/';
        path_ += entry.name;
        if (entry.xattrs_in_blob) DR_TRY(blobs_.want(path_, BlobType::Attributes, entry.xattr_blob.id));
        if (entry.kind == EntryKind::Directory) {
            if (levels_.size() >= kAwakeReaders) levels_[levels_.size() - kAwakeReaders].reader.suspend();
            levels_.push_back({DirectoryReader{request_.source, entry.directory, level.reader.owner()}, path_.size()});
        } else if (entry.kind == EntryKind::File) {
            return visit_file(entry);
        }
        return {};
    }

    Result<void> visit_file(const EntryView& entry) {
        consider(entry);
        ++check_.files;
        if (entry.form == FileContent::Form::Single) return blobs_.want_content(path_, entry.sha256);
        if (entry.form != FileContent::Form::List && entry.form != FileContent::Form::ListInBlobs) return {};
        const Entry file = entry.copy();
        ContentReader content = content_of(request_.source, file);
        for (;;) {
            DR_TRY(tick());
            const Result<std::optional<ContentPiece>> piece = content.next();
            if (!piece.ok()) {
                if (concerns_everything(piece.error().code())) return piece.error();
                report("'" + printable(path_) + "'", piece.error());
                return {};
            }
            if (!piece.value()) return {};
            if (piece.value()->kind == ContentPiece::Kind::Blob)
                DR_TRY(blobs_.want(path_, BlobType::Data, piece.value()->blob));
        }
    }

    // Keeps the files of the least ranks: which those are depends on the snapshot alone, and a second run takes the
    // same.
    void consider(const EntryView& entry) {
        if (request_.sample_count == 0) return;
        const std::uint64_t rank = xxh3_64(as_bytes(path_), seed_);
        std::vector<SampledFile>& sample = check_.sample;  // a heap with the greatest rank in front
        if (sample.size() >= request_.sample_count) {
            if (rank >= sample.front().rank) return;
            std::pop_heap(sample.begin(), sample.end());
            sample.pop_back();
        }
        sample.push_back({rank, path_, entry.copy()});
        std::push_heap(sample.begin(), sample.end());
    }

    void report_progress() { request_.monitor.progress({.phase = "checking the tree", .files_done = check_.files}); }

    void report(const std::string& what, const Error& error, bool of_damaged_pack = false) {
        const std::scoped_lock lock{mutex_};
        check_.complete = false;
        if (of_damaged_pack) check_.readable = false;
        if (check_.errors.size() < VerificationReport::kMaxErrors)
            check_.errors.push_back(what + ": " + error.one_line());
    }

    const TreeCheck::Request& request_;
    TreeCheck check_;
    std::deque<Level> levels_;
    std::string path_;
    std::uint64_t seed_ = 0;
    std::uint64_t steps_ = 0;
    std::mutex mutex_;  // what report() writes
    BlobLookup blobs_{{request_.source, request_.pool, request_.damaged_packs,
                       [this](std::string_view path, const Error& error, bool read) {
                           report("'" + printable(path) + "'", error, read);
                       },
                       [this] { return request_.monitor.cancelled(); }}};
};

}  // namespace

Result<TreeCheck> check_tree(const TreeCheck::Request& request, const DirRef& root) {
    return Checker{request}.run(root);
}

}  // namespace dr
