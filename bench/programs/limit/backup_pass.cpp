#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <unordered_set>

#include "dr/codec/chunker.h"
#include "limit/jobs.h"
#include "limit/passes.h"
#include "limit/store.h"

namespace bench {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint64_t kSmall = 256U << 10U;  // the shortest chunk: no smaller file is ever cut
constexpr std::uint64_t kFrame = kMiB;         // plain bytes of a solid frame
constexpr std::size_t kFilesPerBatch = 4096;   // so that tiny files reach all cores evenly
constexpr std::uint64_t kSegment = 64 * kMiB;
constexpr std::uint64_t kLongestChunk = 4 * kMiB;
constexpr std::uint64_t kWindow = 4 * kLongestChunk;  // read at once
constexpr std::size_t kNotes = kMiB;

// Where the cuts fall must not matter to a limit, so any table of random numbers will do.
class Cutter {
public:
    explicit Cutter(bool cuts) : chunker_(cuts ? dr::Chunker{dr::ChunkSizes{}, table()} : dr::Chunker::fixed(kMiB)) {}
    std::size_t next(std::span<const unsigned char> bytes, bool ends) const { return chunker_.next_cut(bytes, ends); }

private:
    static dr::GearTable table() {
        Random random{42};
        dr::GearTable gear;
        for (std::uint64_t& number : gear) number = random.next();
        return gear;
    }
    dr::Chunker chunker_;
};

std::uint64_t short_name(const Hash& hash) {
    std::uint64_t name;
    std::memcpy(&name, hash.data(), sizeof name);
    return name;
}

using KnownChunks = std::unordered_set<std::uint64_t>;

KnownChunks load_known(const std::string& directory) {
    KnownChunks known;
    if (directory.empty()) return known;
    const Input input{directory};
    Sealer sealer;
    std::vector<unsigned char> sealed, plain;
    for (const FramePlace& place : input.places()) {
        if (place.kind != FrameKind::Notes) continue;
        for (auto bytes = input.read(place, sealer, sealed, plain); !bytes.empty();) {
            const Note note = take_note(bytes);
            if (note.head.kind == NoteKind::Chunk) known.insert(short_name(note.head.hash));
        }
    }
    return known;
}

// What else a tool asks of each file that brings back attributes and flags, and stores no file half old and half new.
void ask_the_rest(int fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) stop("cannot look at a file");
    char names[4096];
    (void)::flistxattr(fd, names, sizeof names);
    int flags = 0;
    (void)::ioctl(fd, FS_IOC_GETFLAGS, &flags);
}

class Worker {
public:
    Worker(Output& output, const Cutter& cutter, const KnownChunks& known, bool faithful)
        : cutter_(cutter),
          known_(known),
          faithful_(faithful),
          writer_(output, sealer_),
          window_(std::make_unique_for_overwrite<unsigned char[]>(kWindow)) {}

    void run(JobQueue& queue) {
        while (std::optional<Job> job = queue.take()) {
            std::visit([this](const auto& work) { store(work); }, *job);
            if (notes_.size() >= kNotes) writer_.flush(notes_);
        }
        writer_.flush(notes_);
        writer_.finish();
    }
    std::uint64_t bytes_read() const { return bytes_read_; }

private:
    void store(const Batch& batch) {
        solid_.resize(std::max<std::size_t>(solid_.size(), batch.size));
        const std::uint32_t frame = writer_.reserve_number();
        notes_.add({.kind = NoteKind::Frame, .number = frame});
        std::size_t filled = 0;
        for (const SmallFile& file : batch.files) {
            const std::span<unsigned char> content{solid_.data() + filled, file.attributes.size};
            if (!content.empty()) {
                const Fd fd = open_or_stop(file.directory->fd.get(), file.name.c_str(), O_RDONLY | O_NOFOLLOW);
                pread_or_stop(fd.get(), content.data(), content.size(), 0);
                if (faithful_) ask_the_rest(fd.get());
            }
            notes_.add({.kind = NoteKind::Small,
                        .directory = file.directory->number,
                        .size = content.size(),
                        .attributes = file.attributes,
                        .hash = sealer_.hash(content)},
                       file.name);
            filled += content.size();
        }
        bytes_read_ += filled;
        writer_.write(FrameKind::Data, frame, {solid_.data(), filled});
    }

    void store(const Segment& segment) {
        const Fd fd = open_or_stop(segment.directory->fd.get(), segment.name.c_str(), O_RDONLY | O_NOFOLLOW);
        std::uint64_t read = 0;  // of the segment
        std::size_t begin = 0;   // of what is not cut yet, in the window
        std::size_t end = 0;
        while (begin < end || read < segment.size) {
            if (end - begin < kLongestChunk && read < segment.size) {
                std::memmove(window_.get(), window_.get() + begin, end - begin);
                end -= begin;
                begin = 0;
                const std::size_t more = std::min<std::uint64_t>(kWindow - end, segment.size - read);
                pread_or_stop(fd.get(), window_.get() + end, more, segment.offset + read);
                read += more;
                end += more;
            }
            const std::span<const unsigned char> left{window_.get() + begin, end - begin};
            const std::size_t length = cutter_.next(left, read == segment.size);
            store_chunk(segment.large_file, segment.offset + read - left.size(), left.first(length));
            begin += length;
        }
        bytes_read_ += segment.size;
    }

    void store_chunk(std::uint32_t file, std::uint64_t offset, std::span<const unsigned char> chunk) {
        const Hash hash = sealer_.hash(chunk);
        const bool is_known = known_.contains(short_name(hash));
        const std::uint32_t frame = is_known ? 0 : writer_.reserve_number();
        notes_.add({.kind = NoteKind::Frame, .number = frame});
        notes_.add({.kind = NoteKind::Chunk, .directory = file, .offset = offset, .size = chunk.size(), .hash = hash});
        if (!is_known) writer_.write(FrameKind::Data, frame, chunk);
    }

    const Cutter& cutter_;
    const KnownChunks& known_;
    const bool faithful_;
    Sealer sealer_;
    PackWriter writer_;
    Notes notes_;
    std::vector<unsigned char> solid_;
    std::unique_ptr<unsigned char[]> window_;  // kWindow bytes, not cleared first
    std::uint64_t bytes_read_ = 0;
};

// Walks, notes what is not a small file, and makes jobs of the rest.
class Planner {
public:
    Planner(const BackupPass& request, Output& output, JobQueue& queue)
        : request_(request), writer_(output, sealer_), queue_(queue) {}

    void run() {
        walk(request_.source,
             {[this](const DirectoryRef& at, std::uint32_t parent, const char* name, const Attributes& found) {
                  ++entries_;
                  note({.kind = NoteKind::Directory, .number = at->number, .directory = parent, .attributes = found},
                       name);
              },
              [this](const DirectoryRef& at, const char* name, const Attributes& found) { entry(at, name, found); }});
        send_batch();
        writer_.flush(notes_);
        writer_.finish();
        queue_.close();
    }
    std::uint64_t entries() const { return entries_; }

private:
    void entry(const DirectoryRef& at, const char* name, const Attributes& found) {
        ++entries_;
        if (S_ISLNK(found.mode)) {
            char target[4096];
            const ssize_t length = ::readlinkat(at->fd.get(), name, target, sizeof target);
            if (length < 0) stop("cannot read a link");
            note({.kind = NoteKind::Link, .directory = at->number, .attributes = found}, name,
                 {target, static_cast<std::size_t>(length)});
        } else if (S_ISREG(found.mode) && (request_.known.empty() || found.seconds >= request_.newer_than_seconds)) {
            file(at, name, found);
        }
    }

    void file(const DirectoryRef& at, const char* name, const Attributes& found) {
        if (found.size < kSmall) {
            if (batch_.size + found.size > kFrame || batch_.files.size() == kFilesPerBatch) send_batch();
            batch_.files.push_back({at, name, found});
            batch_.size += found.size;
            return;
        }
        const std::uint32_t number = large_files_++;
        note({.kind = NoteKind::Large,
              .number = number,
              .directory = at->number,
              .size = found.size,
              .attributes = found},
             name);
        for (std::uint64_t offset = 0; offset < found.size; offset += kSegment) {
            queue_.put(Segment{at, name, number, offset, std::min(kSegment, found.size - offset)});
        }
    }

    void send_batch() {
        if (!batch_.files.empty()) queue_.put(std::exchange(batch_, {}));
    }

    void note(const NoteHead& head, std::string_view name, std::string_view target = {}) {
        notes_.add(head, name, target);
        if (notes_.size() >= kNotes) writer_.flush(notes_);
    }

    const BackupPass& request_;
    Sealer sealer_;
    PackWriter writer_;
    JobQueue& queue_;
    Notes notes_;
    Batch batch_;
    std::uint32_t large_files_ = 0;
    std::uint64_t entries_ = 0;
};

}  // namespace

PassResult backup_pass(const BackupPass& request) {
    const KnownChunks known = load_known(request.known);
    const Cutter cutter{request.cuts};
    Output output{request.output};
    JobQueue queue;
    Planner planner{request, output, queue};
    PassResult result;
    {
        std::vector<std::jthread> threads;
        std::mutex mutex;
        for (unsigned i = 0; i < request.threads; ++i) {
            threads.emplace_back([&] {
                Worker worker{output, cutter, known, request.faithful};
                worker.run(queue);
                const std::lock_guard lock{mutex};
                result.bytes_read += worker.bytes_read();
            });
        }
        planner.run();
    }
    output.finish();
    result.entries = planner.entries();
    result.bytes_written = output.bytes_written;
    return result;
}

}  // namespace bench
