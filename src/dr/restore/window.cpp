#include "dr/restore/window.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dr/crypto/sha256.h"
#include "dr/restore/compare.h"
#include "dr/restore/parallel.h"

namespace dr {
namespace {

constexpr std::size_t kLightAtOnce = 128;
constexpr std::size_t kPiecesAtOnce = 256;  // a frame of many tiny files is written by several cores
constexpr std::size_t kLocatedAtOnce = 512;

bool read_exactly(int fd, std::uint64_t offset, MutableByteSpan into) {
    while (!into.empty()) {
        const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        offset += static_cast<std::uint64_t>(got);
        into = into.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

bool same_frame(const BlobPlace& a, const BlobPlace& b) { return a.pack == b.pack && a.frame_offset == b.frame_offset; }

}  // namespace

void WindowRunner::run(std::unique_ptr<Window> window) {
    Window& started = *window;
    in_flight_.push_back(std::move(window));
    if (!parts_.state.stopped()) {
        reuse_old_content(started);
        locate(started);
    }
    submit_frames(started);
    submit_light(started);
    while (in_flight_.size() > 1) finish_oldest();
}

void WindowRunner::drain() {
    while (!in_flight_.empty()) finish_oldest();
}

void WindowRunner::submit(Window& window, Priority priority, std::move_only_function<void()> task) {
    window.open.fetch_add(1);
    parts_.pool.submit(priority, [&window, task = std::move(task)]() mutable {
        task();
        window.open.fetch_sub(1);
    });
}

// Pieces that the file to be replaced has already need not come from the repository.
void WindowRunner::reuse_old_content(Window& window) {
    const bool any = std::ranges::any_of(window.large_files, [](const auto& file) { return file->old != nullptr; });
    if (!any) return;
    in_parallel(parts_.pool, window.pieces.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) reuse_piece(window, window.pieces[i]);
    });
}

void WindowRunner::reuse_piece(Window& window, Window::Piece& piece) {
    if (!piece.large) return;
    LargeFile& file = *window.large_files[piece.file];
    if (!file.old || file.failed || parts_.state.stopped()) return;
    Buffer buffer{piece.length};
    // What is hashed here is what is written: the old file may change meanwhile.
    const int from = file.cloned ? file.file.get() : file.old->get();
    if (!read_exactly(from, piece.offset, {buffer.data(), piece.length})) return;
    const ByteSpan content{buffer.data(), piece.length};
    if (!parts_.source.check(BlobType::Data, piece.id, content).ok()) return;
    if (file.cloned)
        file.bytes += content.size();
    else
        parts_.writer.write_piece(file, piece.offset, content);
    piece.done = true;
    parts_.writer.finish_piece(file);
}

void WindowRunner::locate(Window& window) {
    // In the order of the index: each part of it is then read once.
    std::ranges::sort(window.pieces, {}, &Window::Piece::id);
    in_parallel(parts_.pool, window.pieces.size(), kLocatedAtOnce, [&](std::size_t begin, std::size_t end) {
        std::vector<BlobId> ids;
        std::vector<Window::Piece*> pieces;
        for (std::size_t i = begin; i < end; ++i) {
            if (window.pieces[i].done) continue;
            ids.push_back(window.pieces[i].id);
            pieces.push_back(&window.pieces[i]);
        }
        parts_.source.locate_all(ids, [&](std::size_t i, const Result<BlobPlace>& place) {
            if (place.ok())
                pieces[i]->place = place.value();
            else
                fail_piece(window, *pieces[i], place.error());
        });
    });
}

void WindowRunner::submit_frames(Window& window) {
    std::vector<Window::Piece>& pieces = window.pieces;
    if (parts_.state.stopped()) {
        for (Window::Piece& piece : pieces) {
            if (!piece.done && piece.large) parts_.writer.finish_piece(*window.large_files[piece.file]);
        }
        return;
    }
    std::erase_if(pieces, [](const Window::Piece& piece) { return piece.done; });
    std::ranges::sort(pieces, {}, &Window::Piece::place);
    for (std::size_t begin = 0; begin < pieces.size();) {
        std::size_t end = begin + 1;
        while (end < pieces.size() && same_frame(pieces[begin].place, pieces[end].place)) ++end;
        const bool last = end == pieces.size();
        submit(window, Priority::Ordinary, [this, &window, begin, end, last] { run_frame(window, begin, end, last); });
        begin = end;
    }
}

void WindowRunner::submit_light(Window& window) {
    for (std::size_t begin = 0; begin < window.light.size(); begin += kLightAtOnce) {
        submit(window, Priority::Ordinary, [this, &window, begin] {
            const std::size_t end = std::min(window.light.size(), begin + kLightAtOnce);
            for (std::size_t i = begin; i < end && !parts_.state.stopped(); ++i) {
                const Window::SmallFile& file = window.light[i];
                if (file.entry.kind == EntryKind::File) {
                    parts_.writer.write_small(file.directory, file.entry, file.entry.content.inline_bytes);
                } else {
                    parts_.writer.make_special(file.directory, file.entry);
                }
            }
        });
    }
}

void WindowRunner::run_frame(Window& window, std::size_t begin, std::size_t end, bool remember) {
    const Result<FramePtr> opened = parts_.state.stopped() ? Result<FramePtr>{Error{ErrorCode::Cancelled, "stopped"}}
                                                           : open_frame(window.pieces[begin].place, remember);
    if (!opened.ok()) {
        for (std::size_t i = begin; i < end; ++i) read_elsewhere(window, window.pieces[i], opened.error());
        return;
    }
    const FramePtr& frame = opened.value();
    check_pieces(window, begin, end, *frame);
    if (end - begin <= kPiecesAtOnce) return write_pieces(window, begin, end, *frame);
    for (std::size_t at = begin; at < end; at += kPiecesAtOnce) {
        const std::size_t to = std::min(end, at + kPiecesAtOnce);
        submit(window, Priority::Urgent, [this, &window, at, to, frame] { write_pieces(window, at, to, *frame); });
    }
}

Result<WindowRunner::FramePtr> WindowRunner::open_frame(const BlobPlace& place, bool remember) {
    {
        const std::scoped_lock lock{mutex_};
        const auto known = std::ranges::find_if(
            recent_, [&](const RecentFrame& recent) { return recent.frame && same_frame(recent.place, place); });
        if (known != recent_.end()) return known->frame;
    }
    FramePtr frame = DR_TRY(parts_.source.open_frame(place));
    parts_.state.read(place.frame_length);
    if (remember) {
        const std::scoped_lock lock{mutex_};
        recent_[next_recent_] = {place, frame};
        next_recent_ = (next_recent_ + 1) % recent_.size();
    }
    return frame;
}

// Proves every blob of the frame that a piece uses to be what its id says, each once and in both lanes of the hash.
void WindowRunner::check_pieces(Window& window, std::size_t begin, std::size_t end, const OpenFrame& frame) {
    std::vector<ByteSpan> blobs;
    const Window::Piece* previous = nullptr;  // the last one that brought a blob; equal places follow each other
    for (std::size_t i = begin; i < end; ++i) {
        Window::Piece& piece = window.pieces[i];
        if (piece.place.ordinal >= frame.blobs.size() || frame.blobs[piece.place.ordinal].size() != piece.length) {
            read_elsewhere(window, piece,
                           Error{ErrorCode::Damaged, "a frame does not hold the blob that the index says"});
            continue;
        }
        if (previous == nullptr || previous->place != piece.place) blobs.push_back(frame.blobs[piece.place.ordinal]);
        previous = &piece;
    }
    std::vector<Sha256> hashes(blobs.size());
    hash_many(blobs, hashes);
    std::vector<BlobId> names(blobs.size());
    parts_.source.namer().name_all(hashes, names, [](std::size_t) { return BlobType::Data; });

    std::size_t at = 0;
    BlobId named;
    previous = nullptr;
    for (std::size_t i = begin; i < end; ++i) {
        Window::Piece& piece = window.pieces[i];
        if (piece.done) continue;
        if (previous == nullptr || previous->place != piece.place) named = names[at++];
        previous = &piece;
        if (named != piece.id) {
            read_elsewhere(window, piece,
                           Error{ErrorCode::Damaged, "blob " + piece.id.short_hex() + " is not what its name says"});
        }
    }
}

void WindowRunner::write_pieces(Window& window, std::size_t begin, std::size_t end, const OpenFrame& frame) {
    for (std::size_t i = begin; i < end; ++i) {
        Window::Piece& piece = window.pieces[i];
        if (piece.done) continue;
        write_whole_piece(window, piece, frame.blobs[piece.place.ordinal]);
    }
    parts_.state.report();
}

void WindowRunner::write_whole_piece(Window& window, const Window::Piece& piece, ByteSpan content) {
    if (piece.large) {
        LargeFile& file = *window.large_files[piece.file];
        parts_.writer.write_piece(file, piece.offset, content);
        parts_.writer.finish_piece(file);
    } else if (!parts_.state.stopped()) {
        const Window::SmallFile& file = window.single_files[piece.file];
        parts_.writer.write_small(file.directory, file.entry, content);
    }
}

// Every copy that checks is as good as this one, which does not: the source looks for it.
void WindowRunner::read_elsewhere(Window& window, Window::Piece& piece, const Error& error) {
    if (parts_.state.stopped() || error.code() != ErrorCode::Damaged) return fail_piece(window, piece, error);
    const Result<Bytes> blob = parts_.source.read(BlobType::Data, piece.id);
    if (!blob.ok()) return fail_piece(window, piece, blob.error().code() == ErrorCode::Damaged ? error : blob.error());
    if (blob.value().size() != piece.length) return fail_piece(window, piece, error);
    parts_.state.read(blob.value().size());
    write_whole_piece(window, piece, blob.value());
    piece.done = true;
}

void WindowRunner::fail_piece(Window& window, Window::Piece& piece, const Error& error) {
    piece.done = true;
    if (piece.large) {
        LargeFile& file = *window.large_files[piece.file];
        if (parts_.state.stopped())
            file.failed = true;
        else
            parts_.writer.fail(file, error);
        return parts_.writer.finish_piece(file);
    }
    const Window::SmallFile& file = window.single_files[piece.file];
    if (!parts_.state.stopped()) parts_.state.fail(file.directory->path(file.entry.name), error);
}

void WindowRunner::finish_oldest() {
    Window& window = *in_flight_.front();
    parts_.pool.help_until([&] { return window.open.load() == 0; });
    // Links first: making one changes the time of its directory.
    for (const FileWriter::Link& link : window.links) {
        if (!parts_.state.stopped()) parts_.writer.link(link, parts_.source);
    }
    for (const Window::LeftDirectory& left : window.left) {
        if (parts_.state.stopped()) break;
        const auto handle = parts_.handles.get(left.directory);
        Result<void> applied =
            handle.ok() ? parts_.metadata.apply(handle.value()->get(), left.parent, left.entry, 0700) : handle.error();
        if (applied.ok())
            parts_.state.directory_done();
        else
            parts_.state.fail(left.directory->path(), std::move(applied).error());
    }
    in_flight_.pop_front();
    parts_.state.report();
}

}  // namespace dr
