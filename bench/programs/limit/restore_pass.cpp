#include <algorithm>

#include "limit/passes.h"
#include "limit/store.h"

namespace bench {
namespace {

struct Folder {
    std::string path;  // relative to the target
    Attributes attributes;
};

struct LargeFile {
    std::string path;
    Attributes attributes;
    std::uint64_t size = 0;
    std::mutex mutex;
    Fd fd;
    std::uint64_t left = 0;  // bytes not written yet
};

struct Link {
    std::string path;
    std::string target;
    Attributes attributes;
};

void set_times(int directory, const char* path, const Attributes& attributes) {
    const timespec time{attributes.seconds, attributes.nanoseconds};
    const timespec times[2] = {time, time};
    // An empty path means the descriptor itself.
    const int failed =
        *path == '\0' ? ::futimens(directory, times) : ::utimensat(directory, path, times, AT_SYMLINK_NOFOLLOW);
    if (failed != 0) stop("cannot set a time");
}

// A new file gets its mode when it is made (the umask is 0) and its owner only where it differs from ours.
Fd create(int directory, const char* name, const Attributes& attributes) {
    const mode_t mode = attributes.mode & 07777U;
    Fd fd = open_or_stop(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (attributes.uid != ::geteuid() || attributes.gid != ::getegid()) {
        if (::fchown(fd.get(), attributes.uid, attributes.gid) != 0) stop("cannot set an owner");
        if ((mode & 07000U) != 0 && ::fchmod(fd.get(), mode) != 0) stop("cannot set a mode");
    }
    return fd;
}

// All that a pass noted, and the notes of each data frame where they lie.
class Catalog {
public:
    explicit Catalog(const Input& input) {
        Sealer sealer;
        std::vector<unsigned char> sealed;
        std::uint32_t frames = 0;
        for (const FramePlace& place : input.places()) frames = std::max(frames, place.number + 1);
        of_frame_.resize(frames);
        for (const FramePlace& place : input.places()) {
            if (place.kind != FrameKind::Notes) continue;
            kept_.emplace_back();
            read(input.read(place, sealer, sealed, kept_.back()));
        }
    }
    std::span<const unsigned char> notes_of(std::uint32_t frame) const { return of_frame_[frame]; }

    std::vector<Folder> folders;
    std::vector<Link> links;
    std::vector<std::unique_ptr<LargeFile>> large_files;

private:
    void read(std::span<const unsigned char> bytes) {
        std::uint32_t frame = 0;
        const unsigned char* start = nullptr;
        const auto finish = [&] {
            if (start != nullptr) of_frame_[frame] = {start, bytes.data()};
            start = nullptr;
        };
        while (!bytes.empty()) {
            const NoteKind kind = peek(bytes);
            if (kind != NoteKind::Small && kind != NoteKind::Chunk) finish();
            const Note note = take_note(bytes);
            if (kind == NoteKind::Frame) {
                frame = note.head.number;
                start = bytes.data();
            } else if (kind != NoteKind::Small && kind != NoteKind::Chunk) {
                keep(note);
            }
        }
        finish();
    }
    static NoteKind peek(std::span<const unsigned char> bytes) {
        NoteKind kind;
        std::memcpy(&kind, bytes.data(), sizeof kind);
        return kind;
    }
    // A directory comes before what it holds: the walker writes all of these itself, in order.
    void keep(const Note& note) {
        const NoteHead& head = note.head;
        if (head.kind == NoteKind::Directory) {
            const std::string path =
                head.number == 0 ? "." : folders[head.directory].path + "/" + std::string{note.name};
            folders.push_back({path, head.attributes});
            return;
        }
        std::string path = folders[head.directory].path + "/" + std::string{note.name};
        if (head.kind == NoteKind::Link) {
            links.push_back({std::move(path), std::string{note.target}, head.attributes});
        } else {
            auto file = std::make_unique<LargeFile>();
            file->path = std::move(path);
            file->attributes = head.attributes;
            file->left = head.size;
            large_files.push_back(std::move(file));
        }
    }

    std::vector<std::vector<unsigned char>> kept_;
    std::vector<std::span<const unsigned char>> of_frame_;
};

std::vector<FramePlace> data_frames(const Input& input) {
    std::vector<FramePlace> frames;
    std::ranges::copy_if(input.places(), std::back_inserter(frames),
                         [](const FramePlace& place) { return place.kind == FrameKind::Data; });
    return frames;
}

// What one thread of a restore or a verification holds.
struct Reader {
    Sealer sealer;
    std::vector<unsigned char> sealed, plain;
    std::uint64_t bytes = 0;

    // Opens the frame, proves every blob of it, and gives each to `use`.
    template <typename Use>
    void read(const Input& input, const Catalog& catalog, const FramePlace& place, Use& use) {
        std::span<const unsigned char> content = input.read(place, sealer, sealed, plain);
        bytes += content.size();
        for (auto notes = catalog.notes_of(place.number); !notes.empty();) {
            const Note note = take_note(notes);
            const auto blob = content.first(note.head.size);
            if (sealer.hash(blob) != note.head.hash) stop("a blob is not what its hash says", 0);
            use(note, blob);
            content = content.subspan(blob.size());
        }
        if (!content.empty()) stop("a frame holds bytes that nobody noted", 0);
    }
};

class Restorer {
public:
    Restorer(Catalog& catalog, const Fd& target) : catalog_(catalog), target_(target) {}

    void small_file(const Note& note, std::span<const unsigned char> content) {
        // Files of one directory follow each other: open it once for all of them.
        if (!folder_.is_open() || folder_number_ != note.head.directory) {
            folder_number_ = note.head.directory;
            folder_ = open_or_stop(target_.get(), catalog_.folders[folder_number_].path.c_str(), O_PATH | O_DIRECTORY);
        }
        const std::string name{note.name};
        const Fd fd = create(folder_.get(), name.c_str(), note.head.attributes);
        write_or_stop(fd.get(), content.data(), content.size());
        set_times(fd.get(), "", note.head.attributes);
    }

    void chunk(const Note& note, std::span<const unsigned char> content) {
        LargeFile& file = *catalog_.large_files[note.head.directory];
        {
            const std::lock_guard lock{file.mutex};
            if (!file.fd.is_open()) file.fd = create(target_.get(), file.path.c_str(), file.attributes);
        }
        pwrite_or_stop(file.fd.get(), content.data(), content.size(), note.head.offset);
        const std::lock_guard lock{file.mutex};
        file.left -= content.size();
        if (file.left != 0) return;
        set_times(file.fd.get(), "", file.attributes);
        file.fd.reset();
    }

private:
    Catalog& catalog_;
    const Fd& target_;
    Fd folder_;
    std::uint32_t folder_number_ = 0;
};

void make_folders(const Catalog& catalog, const Fd& target) {
    for (const Folder& folder : catalog.folders) {
        if (folder.path != "." && ::mkdirat(target.get(), folder.path.c_str(), 0700) != 0)
            stop("cannot make '" + folder.path + "'");
    }
}

// Deepest first: finishing what is inside changes the time of what holds it.
void finish_folders(const Catalog& catalog, const Fd& target) {
    for (auto folder = catalog.folders.rbegin(); folder != catalog.folders.rend(); ++folder) {
        const Attributes& attributes = folder->attributes;
        if (::fchownat(target.get(), folder->path.c_str(), attributes.uid, attributes.gid, 0) != 0 && ::geteuid() == 0)
            stop("cannot set an owner");
        if (::fchmodat(target.get(), folder->path.c_str(), attributes.mode & 07777U, 0) != 0) stop("cannot set a mode");
        set_times(target.get(), folder->path.c_str(), attributes);
    }
}

void make_links(const Catalog& catalog, const Fd& target) {
    for (const Link& link : catalog.links) {
        if (::symlinkat(link.target.c_str(), target.get(), link.path.c_str()) != 0)
            stop("cannot make '" + link.path + "'");
        const Attributes& attributes = link.attributes;
        if (::fchownat(target.get(), link.path.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0 &&
            ::geteuid() == 0)
            stop("cannot set an owner");
        set_times(target.get(), link.path.c_str(), attributes);
    }
}

template <typename MakeUse>
PassResult read_all(const Input& input, const Catalog& catalog, unsigned threads, MakeUse make_use) {
    const std::vector<FramePlace> frames = data_frames(input);
    std::atomic<std::size_t> next{0};
    std::atomic<std::uint64_t> bytes{0};
    const auto run = [&] {
        Reader reader;
        auto use = make_use();
        for (std::size_t i = next++; i < frames.size(); i = next++) reader.read(input, catalog, frames[i], use);
        bytes += reader.bytes;
    };
    {
        std::vector<std::jthread> helpers;
        for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(run);
        run();
    }
    return {.entries = frames.size(), .bytes_read = bytes};
}

}  // namespace

PassResult restore_pass(const std::string& from, const std::string& to, unsigned threads) {
    ::umask(0);
    const Input input{from};
    Catalog catalog{input};
    const Fd target = open_or_stop(AT_FDCWD, to.c_str(), O_RDONLY | O_DIRECTORY);
    make_folders(catalog, target);
    PassResult result = read_all(input, catalog, threads, [&] {
        return
            [restorer = Restorer{catalog, target}](const Note& note, std::span<const unsigned char> content) mutable {
                if (note.head.kind == NoteKind::Small) {
                    restorer.small_file(note, content);
                } else {
                    restorer.chunk(note, content);
                }
            };
    });
    make_links(catalog, target);
    finish_folders(catalog, target);
    result.bytes_written = result.bytes_read;
    return result;
}

PassResult verify_pass(const std::string& from, unsigned threads) {
    const Input input{from};
    const Catalog catalog{input};
    return read_all(input, catalog, threads, [] { return [](const Note&, std::span<const unsigned char>) {}; });
}

PassResult walk_pass(const std::string& source) {
    PassResult result;
    const auto count = [&](const Attributes& found) {
        ++result.entries;
        result.bytes_read += S_ISREG(found.mode) ? found.size : 0;
        result.bytes_allocated += found.blocks * 512;
    };
    walk(source, {[&](const DirectoryRef&, std::uint32_t, const char*, const Attributes& found) { count(found); },
                  [&](const DirectoryRef&, const char*, const Attributes& found) { count(found); }});
    return result;
}

}  // namespace bench
