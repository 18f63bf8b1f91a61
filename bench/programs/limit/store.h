#pragma once
// What the limit pass writes: packs of sealed frames, and one index of all frames. Two kinds of frame:
//
// - Data: the bytes of many small files, or one chunk of a large file.
// - Notes: what a restore needs to know, as records in the order they were written. A Frame record says to which data
//   frame the Small or Chunk records behind it belong; the others stand alone.
//
// Integers are little-endian, as in memory: nobody but this program on this machine reads them.

#include <condition_variable>
#include <mutex>
#include <span>

#include "limit/seal.h"
#include "limit/walk.h"

namespace bench {

enum class NoteKind : std::uint32_t { Directory, Link, Large, Frame, Small, Chunk };

// A record: this head, `name_size` bytes of name, `target_size` bytes of link target.
struct NoteHead {
    NoteKind kind{};
    std::uint32_t number = 0;     // of the directory, large file or frame itself
    std::uint32_t directory = 0;  // that holds it; of a chunk: the large file
    std::uint16_t name_size = 0;
    std::uint16_t target_size = 0;
    std::uint64_t offset = 0;  // of a chunk in its file
    std::uint64_t size = 0;
    Attributes attributes{};
    Hash hash{};
};

enum class FrameKind : std::uint32_t { Data, Notes };

// A row of the index.
struct FramePlace {
    FrameKind kind{};
    std::uint32_t number = 0;  // the nonce too; data frames and notes share the count
    std::uint32_t pack = 0;
    std::uint32_t sealed_size = 0;
    std::uint64_t offset = 0;
    std::uint64_t plain_size = 0;
};

class Notes {
public:
    void add(NoteHead head, std::string_view name = {}, std::string_view target = {}) {
        head.name_size = static_cast<std::uint16_t>(name.size());
        head.target_size = static_cast<std::uint16_t>(target.size());
        const auto* raw = reinterpret_cast<const unsigned char*>(&head);
        bytes_.insert(bytes_.end(), raw, raw + sizeof head);
        bytes_.insert(bytes_.end(), name.begin(), name.end());
        bytes_.insert(bytes_.end(), target.begin(), target.end());
    }
    std::size_t size() const { return bytes_.size(); }
    std::span<const unsigned char> bytes() const { return bytes_; }
    void clear() { bytes_.clear(); }

private:
    std::vector<unsigned char> bytes_;
};

struct Note {
    NoteHead head;
    std::string_view name;
    std::string_view target;
};

// Takes one record off the front of `bytes`.
inline Note take_note(std::span<const unsigned char>& bytes) {
    Note note;
    std::memcpy(&note.head, bytes.data(), sizeof note.head);
    const char* text = reinterpret_cast<const char*>(bytes.data()) + sizeof note.head;
    note.name = {text, note.head.name_size};
    note.target = {text + note.head.name_size, note.head.target_size};
    bytes = bytes.subspan(sizeof note.head + note.name.size() + note.target.size());
    return note;
}

// Makes finished packs durable on a thread of its own, so that no core waits for the disk.
class Syncer {
public:
    Syncer();
    ~Syncer() { finish(); }
    void add(Fd pack);
    void finish();  // returns when all packs are durable

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Fd> waiting_;
    bool is_closed_ = false;
    std::jthread thread_;
};

// Shared by all writers of one pass.
struct Output {
    explicit Output(const std::string& directory);

    // Writes the index; everything is durable afterwards.
    void finish();

    Fd directory;
    Syncer syncer;
    std::atomic<std::uint32_t> next_pack{0};
    std::atomic<std::uint32_t> next_frame{0};
    std::atomic<std::uint64_t> bytes_written{0};
    std::mutex mutex;
    std::vector<FramePlace> places;
};

// Appends frames to packs of its own. One per thread.
class PackWriter {
public:
    PackWriter(Output& output, Sealer& sealer) : output_(output), sealer_(sealer) {}

    std::uint32_t reserve_number() { return output_.next_frame++; }
    void write(FrameKind kind, std::uint32_t number, std::span<const unsigned char> plain);
    void flush(Notes& notes);
    void finish();

private:
    Output& output_;
    Sealer& sealer_;
    Fd pack_;
    std::uint32_t pack_number_ = 0;
    std::uint64_t pack_size_ = 0;
    std::vector<FramePlace> places_;
};

// Reads what a pass wrote.
class Input {
public:
    explicit Input(const std::string& directory);

    std::span<const FramePlace> places() const { return places_; }
    // The plain bytes of a frame in `plain`, which grows where needed; `sealed` is scratch. Thread-safe.
    std::span<const unsigned char> read(const FramePlace& place, Sealer& sealer, std::vector<unsigned char>& sealed,
                                        std::vector<unsigned char>& plain) const;

private:
    std::vector<FramePlace> places_;
    std::vector<Fd> packs_;
};

}  // namespace bench
