#include "dr/snapshot/file_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "dr/crypto/sha256.h"
#include "dr/models/content_marks.h"
#include "dr/snapshot/metadata.h"

namespace dr {
namespace {

constexpr int kAttempts = 4;                        // the first and three more
constexpr std::uint64_t kReadOnceMore = 64U << 20;  // larger files are only read twice: a growing log would never end
constexpr std::size_t kMinimumBuffer = 64U << 10;
constexpr std::uint64_t kHoleStep = 64U << 20;

Result<FileStat> stat_of(int fd) {
    struct stat status;
    if (::fstat(fd, &status) != 0) return Error::from_errno(errno, "cannot look at it");
    return FileStat::from(status);
}

Error vanished_or(Error error) {
    if (error.code() == ErrorCode::NotFound) return Error{ErrorCode::NotFound, "it vanished before it could be read"};
    return error;
}

Error not_regular() { return Error{ErrorCode::Io, "it is no longer a regular file"}; }

Result<FileDescriptor> open_descriptor(const ReadContext& context, const FileWork& work) {
    if (context.options.before_open) context.options.before_open(work.entry.name);
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    const char* name = work.entry.name.c_str();
    int fd = ::openat(work.directory->number(), name, flags | O_NOATIME);
    // Only the owner may leave the access time alone.
    if (fd < 0 && errno == EPERM) fd = ::openat(work.directory->number(), name, flags);
    if (fd < 0 && errno == ELOOP) return Error{ErrorCode::Io, "it became a symbolic link while it was read"};
    if (fd < 0) return vanished_or(Error::from_errno(errno, "cannot open it"));
    return FileDescriptor{fd};
}

bool is_sparse(const FileStat& stat) { return stat.size > kMinimumSparse && stat.allocated < stat.size; }

// Fills `to` from `offset`; fewer bytes where the file ends.
Result<std::size_t> read_at(int fd, MutableByteSpan to, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < to.size()) {
        const ssize_t got = ::pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error::from_errno(errno, "cannot read it");
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

// A file of a batch: where its bytes are.
struct BatchFile {
    ByteSpan bytes;
    std::shared_ptr<const void> owner;
};

// What a read found, for its entry.
BatchFile finish_read(FileWork& work, const OpenFile& file, MutableByteSpan bytes, std::shared_ptr<const void> owner) {
    describe(work, file);
    work.entry.size = bytes.size();
    return {.bytes = bytes, .owner = std::move(owner)};
}

// The first attempt: a small file that is as the walk saw it needs one look at it, after the read; what has the same
// times then was not written in between. Nothing where anything is different. What cannot be opened or read is not
// tried again: a disk takes long over a bad sector.
Result<std::optional<BatchFile>> read_as_walked(ReadContext& context, FileWork& work, MutableByteSpan room,
                                                const std::shared_ptr<const void>& owner) {
    OpenFile file{.fd = DR_TRY(open_descriptor(context, work)), .stat = {}};
    if (context.options.after_open) context.options.after_open(work.entry.name);
    const Result<std::size_t> got = read_at(file.fd.get(), room, 0);
    file.stat = DR_TRY(stat_of(file.fd.get()));
    if (file.stat.kind != EntryKind::File) return not_regular();
    if (!got.ok()) return got.error();
    const bool same = got.value() == room.size() && file.stat.same_file(work.stat) && file.stat.same_content(work.stat);
    if (!same) return std::optional<BatchFile>{};  // the next attempt counts its bytes
    context.bytes_read.fetch_add(room.size(), std::memory_order_relaxed);
    return std::optional{finish_read(work, file, room, owner)};
}

// Reads a small file whole, again while it changes. `room` is for its size as the walk saw it.
Result<BatchFile> read_whole(ReadContext& context, FileWork& work, MutableByteSpan room,
                             const std::shared_ptr<const void>& owner) {
    if (std::optional<BatchFile> read = DR_TRY(read_as_walked(context, work, room, owner))) return std::move(*read);
    for (int attempt = 2;; ++attempt) {
        const OpenFile file = DR_TRY(open_file(context, work));
        // One that has outgrown its batch is stored up to here and marked; the next backup sees it as changed.
        const std::size_t size = static_cast<std::size_t>(
            std::min<std::uint64_t>(file.stat.size, std::max<std::uint64_t>(room.size(), kMaxBlob)));
        std::shared_ptr<const void> keeper = owner;
        MutableByteSpan to = room.first(std::min(size, room.size()));
        if (size > room.size()) {
            const auto grown = std::make_shared<Buffer>(size);
            to = {grown->data(), size};
            keeper = grown;
        }
        const std::size_t got = DR_TRY(read_at(file.fd.get(), to, 0));
        context.bytes_read.fetch_add(got, std::memory_order_relaxed);
        const FileStat after = DR_TRY(stat_of(file.fd.get()));
        const bool changed = got != file.stat.size || !after.same_content(file.stat);
        if (changed && attempt < kAttempts) continue;
        work.entry.changed_while_read = changed;
        return finish_read(work, file, to.first(got), std::move(keeper));
    }
}

// Decides the form of a small file; true if it needs a blob.
bool needs_blob(const ReadContext& context, FileWork& work, const BatchFile& file) {
    FileContent& content = work.entry.content;
    content = FileContent{};
    if (context.options.skip_private_keys && file.bytes.size() <= kMaxPrivateKeyFile &&
        looks_like_private_key(file.bytes)) {
        work.outcome.kind = ReadOutcome::Kind::PrivateKey;
        return false;
    }
    if (file.bytes.empty()) return false;
    if (file.bytes.size() <= context.options.inline_limit) {
        content.form = FileContent::Form::Inline;
        content.inline_bytes.assign(file.bytes.begin(), file.bytes.end());
        return false;
    }
    content.form = FileContent::Form::Single;
    return true;
}

bool needs_reading(const FileWork& work) { return work.link == nullptr || work.first_link; }

}  // namespace

ReadContext::ReadContext(const ContentKeys& content_keys, const BackupOptions& backup_options)
    : keys(content_keys),
      options(backup_options),
      chunk_buffers(std::max(2 * content_keys.chunker.max_size(), kMinimumBuffer), 6),
      batch_buffers(kBatchBytes + std::max<std::size_t>(content_keys.chunker.min_size(), kMinimumBuffer), 6) {}

bool ReadContext::is_large(const FileStat& stat) const {
    return stat.size > keys.chunker.min_size() || is_sparse(stat);
}

Result<OpenFile> open_file(ReadContext& context, const FileWork& work) {
    OpenFile file{.fd = DR_TRY(open_descriptor(context, work)), .stat = {}};
    file.stat = DR_TRY(stat_of(file.fd.get()));
    if (file.stat.kind != EntryKind::File) return not_regular();
    if (context.options.after_open) context.options.after_open(work.entry.name);
    return file;
}

void describe(FileWork& work, const OpenFile& file) {
    set_metadata(work.entry, file.stat);
    AttributesRead found = read_attributes(file.fd.get());
    work.entry.xattrs = std::move(found.attributes);
    work.entry.inode_flags = read_inode_flags(file.fd.get());
    work.outcome.problem = std::move(found.problem);
    work.is_another = !file.stat.same_file(work.stat);
}

std::vector<StoredBlob> read_batch(ReadContext& context, std::vector<FileWork>& files) {
    std::shared_ptr<Buffer> buffer;
    std::size_t used = 0;
    std::vector<FileWork*> stored;
    std::vector<BatchFile> contents;
    std::vector<ByteSpan> spans;
    for (FileWork& work : files) {
        if (!needs_reading(work)) continue;
        if (buffer == nullptr) buffer = context.batch_buffers.take();
        const std::size_t size = static_cast<std::size_t>(work.stat.size);
        DR_CHECK(used + size <= buffer->capacity());
        Result<BatchFile> file = read_whole(context, work, {buffer->data() + used, size}, buffer);
        if (!file.ok()) {
            work.outcome = {.kind = ReadOutcome::Kind::Unreadable, .reason = file.error().what(), .problem = {}};
            continue;
        }
        if (!needs_blob(context, work, file.value())) continue;
        used += size;
        stored.push_back(&work);
        spans.push_back(file.value().bytes);
        contents.push_back(std::move(file).value());
    }
    std::vector<Sha256> hashes(spans.size());
    hash_many(spans, hashes);
    std::vector<BlobId> names(hashes.size());
    context.keys.namer.name_all(hashes, names, [](std::size_t) { return BlobType::Data; });
    std::vector<StoredBlob> blobs(stored.size());
    for (std::size_t i = 0; i < stored.size(); ++i) {
        stored[i]->entry.content.sha256 = hashes[i];
        blobs[i] = {.id = names[i], .data = {.bytes = spans[i], .owner = std::move(contents[i].owner)}};
    }
    return blobs;
}

LargeFileReader::LargeFileReader(ReadContext& context, FileWork& work)
    : context_(context), work_(work), cutter_(context.keys.chunker, context.keys.namer, context.chunk_buffers) {}

bool LargeFileReader::fail(const Error& error) {
    work_.outcome = {.kind = ReadOutcome::Kind::Unreadable, .reason = error.what(), .problem = {}};
    return false;
}

bool LargeFileReader::start() {
    Result<OpenFile> opened = open_file(context_, work_);
    if (!opened.ok()) return fail(opened.error());
    file_ = std::move(opened).value();
    ++attempt_;
    describe(work_, file_);
    cutter_.reset();
    sparse_ = is_sparse(file_.stat);
    cut_short_ = false;
    whole_.clear();
    size_ = file_.stat.size;
    offset_ = 0;
    run_end_ = sparse_ ? 0 : size_;
    ::posix_fadvise(file_.fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return true;
}

bool LargeFileReader::step(std::vector<StoredBlob>& output) {
    if (!file_.fd.is_open() && !start()) return false;
    for (std::uint64_t budget = kStepBytes; budget > 0;) {
        if (cutter_.pending() == 0 && offset_ == size_) return complete(output);
        if (!step_data(output, budget)) return false;
    }
    return true;
}

// One chunk, one read or one piece of a hole.
bool LargeFileReader::step_data(std::vector<StoredBlob>& output, std::uint64_t& budget) {
    const bool run_ended = offset_ == run_end_;
    if (std::optional<StoredBlob> blob = cutter_.next(run_ended, run_ended && run_end_ == size_)) {
        budget -= std::min<std::uint64_t>(budget, blob->data.bytes.size());
        output.push_back(std::move(*blob));
        return true;
    }
    if (!run_ended) return read_some();
    const std::uint64_t before = offset_;
    if (!find_run()) return false;
    budget -= std::min<std::uint64_t>(budget, (offset_ - before) / (kHoleStep / kStepBytes));
    return true;
}

// Passes over a piece of a hole at offset_, or finds the end of the data there.
bool LargeFileReader::find_run() {
    const off_t data = ::lseek(file_.fd.get(), static_cast<off_t>(offset_), SEEK_DATA);
    std::uint64_t start = size_;  // ENXIO: a hole to the end
    if (data >= 0) start = std::min(static_cast<std::uint64_t>(data), size_);
    if (data < 0 && errno != ENXIO) start = offset_;  // a file system without holes
    if (start > offset_) {
        const std::uint64_t length = std::min(start - offset_, kHoleStep);
        cutter_.hole(length);
        if (may_be_private_key()) whole_.resize(whole_.size() + length);
        offset_ += length;
        run_end_ = offset_;
        return true;
    }
    const off_t hole = ::lseek(file_.fd.get(), static_cast<off_t>(offset_), SEEK_HOLE);
    run_end_ = hole > static_cast<off_t>(offset_) ? std::min(static_cast<std::uint64_t>(hole), size_) : size_;
    return true;
}

bool LargeFileReader::read_some() {
    MutableByteSpan to = cutter_.room(run_end_ - offset_);
    to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>({to.size(), run_end_ - offset_, kStepBytes})));
    const Result<std::size_t> got = read_at(file_.fd.get(), to, offset_);
    if (!got.ok()) return fail(got.error());
    cutter_.filled(got.value());
    if (may_be_private_key()) append(whole_, to.first(got.value()));
    offset_ += got.value();
    context_.bytes_read.fetch_add(got.value(), std::memory_order_relaxed);
    if (got.value() < to.size()) {
        cut_short_ = true;
        size_ = run_end_ = offset_;
    }
    return true;
}

bool LargeFileReader::may_be_private_key() const {
    return context_.options.skip_private_keys && size_ <= kMaxPrivateKeyFile;
}

bool LargeFileReader::complete(std::vector<StoredBlob>& output) {
    // So small a file is read in one step: nothing of it has left this thread.
    static_assert(kMaxPrivateKeyFile < kStepBytes);
    if (may_be_private_key() && looks_like_private_key(whole_)) {
        output.clear();
        work_.outcome.kind = ReadOutcome::Kind::PrivateKey;
        return false;
    }
    const Result<FileStat> after = stat_of(file_.fd.get());
    if (!after.ok()) return fail(after.error());
    const bool changed = cut_short_ || !after.value().same_content(file_.stat);
    file_.fd = FileDescriptor{};
    const int attempts = work_.stat.size > kReadOnceMore ? 2 : kAttempts;
    if (changed && attempt_ < attempts) return true;  // the next step starts anew
    work_.entry.content = cutter_.finish(work_.entry.size);
    work_.entry.changed_while_read = changed;
    return false;
}

}  // namespace dr
