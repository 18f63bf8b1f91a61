#include "dr/repository/pack_pipeline.h"

#include <algorithm>
#include <utility>

namespace dr {

// A frame between compression and its pack.
struct PackPipeline::Frame {
    std::uint64_t order = 0;
    std::size_t memory = 0;  // that it holds, buffers apart
    FrameJob job;
    Buffer packed;  // where it was compressed; else the payload is the plaintext
    ByteSpan payload;
    FrameCodec codec = FrameCodec::Stored;
    std::uint32_t codec_build = 0;
    std::uint32_t plain_length = 0;
    Bytes entry;         // its part of the directory
    Bytes key_material;  // what it is made of, for its key: id ‖ u32 length of each blob
    OpenPack* pack = nullptr;
    PackWriter::Place place;
};

struct PackPipeline::OpenPack {
    OpenPack(SessionKeys& keys, PackClass pack_class, Buffer buffer, std::size_t limit)
        : writer(keys, pack_class, std::move(buffer), limit) {}

    PackWriter writer;
    std::uint32_t number = 0;    // in packs()
    std::uint32_t unsealed = 0;  // frames that have a place and are not there yet
    bool closed = false;
};

PackPipeline::PackPipeline(ObjectStore& objects, TaskPool& pool, SessionKeys& keys, PackPipelineOptions options)
    : objects_(objects),
      pool_(pool),
      keys_(keys),
      options_(options),
      tools_(options.memory_budget, options.memory_budget) {}

PackPipeline::~PackPipeline() {
    failed_ = true;  // what has not begun does not begin any more
    wait_for_tasks();
}

// --- the thread that submits

std::uint32_t PackPipeline::new_frame() { return add_frame({}); }

std::uint32_t PackPipeline::add_frame(const FramePlace& place) {
    const std::lock_guard lock{mutex_};
    DR_CHECK(places_.size() < UINT32_MAX);
    places_.push_back(place);
    return static_cast<std::uint32_t>(places_.size() - 1);
}

std::uint32_t PackPipeline::add_pack(const StoredPack& pack, std::uint64_t session) {
    const std::lock_guard lock{mutex_};
    names_.push_back({session, pack.id});
    packs_.push_back(pack);
    return static_cast<std::uint32_t>(packs_.size() - 1);
}

FramePlace PackPipeline::place_of(std::uint32_t frame) const {
    const std::lock_guard lock{mutex_};
    return places_[frame];
}

void PackPipeline::forget_frames() {
    const std::lock_guard lock{mutex_};
    places_.clear();
    places_.shrink_to_fit();
}

Result<void> PackPipeline::submit(FrameJob job) {
    DR_TRY(check());
    auto frame = std::make_unique<Frame>();
    frame->order = submitted_++;
    frame->plain_length = static_cast<std::uint32_t>(job.plain.size());
    frame->memory = (job.owner ? job.plain.size() : 0) + job.blobs.size() * sizeof(DirectoryBlob);
    memory_ += frame->memory;
    ++frames_;
    frame->job = std::move(job);
    peak_memory_ = std::max(peak_memory_.load(), memory_ + tools_.buffers.in_use());
    start([this, held = std::move(frame)]() mutable { compress(std::move(held)); });
    pool_.help_until([this] { return has_room(); }, Priority::Urgent);
    return {};
}

bool PackPipeline::has_room() const {
    // More frames than keep every thread busy would only be out of the cache when their turn comes.
    constexpr std::uint64_t kFramesPerThread = 4;
    const std::uint64_t threads = pool_.workers() + 1;
    const bool room =
        frames_ < threads * kFramesPerThread && memory_ + tools_.buffers.in_use() <= options_.memory_budget;
    // Open packs count too and stay until they are full: with no task left, nothing here would become less.
    return room || tasks_ == 0 || failed_;
}

Result<void> PackPipeline::flush() {
    wait_for_tasks();
    DR_TRY(check());
    {
        const std::lock_guard lock{mutex_};
        for (std::size_t slot = 0; slot < open_.size(); ++slot) close_pack(slot);
    }
    wait_for_tasks();
    return check();
}

void PackPipeline::wait_for_tasks() {
    pool_.help_until([this] { return tasks_ == 0; }, Priority::Urgent);
}

Result<void> PackPipeline::check() const {
    if (!failed_) return {};
    const std::lock_guard lock{mutex_};
    DR_CHECK(error_.has_value());
    return *error_;
}

void PackPipeline::fail(Error error) {
    const std::lock_guard lock{mutex_};
    if (!error_) error_ = std::move(error);
    failed_ = true;
}

// --- tasks

void PackPipeline::start(std::move_only_function<void()> work) {
    ++tasks_;
    pool_.submit(Priority::Urgent, [this, held = std::move(work)]() mutable {
        if (!failed_) held();
        // What the task held is gone before it counts as ended: its owner may be waiting for that.
        held = nullptr;
        --tasks_;
    });
}

void PackPipeline::compress(std::unique_ptr<Frame> frame) {
    FrameJob& job = frame->job;
    pack(job, *frame);
    encode_directory_frame(job.type, static_cast<std::uint32_t>(frame->payload.size()), frame->plain_length, job.blobs,
                           frame->entry);
    frame->key_material.reserve(job.blobs.size() * (BlobId::kSize + 4));
    for (const DirectoryBlob& blob : job.blobs) {
        append(frame->key_material, blob.id.bytes());
        std::uint8_t length[4];
        std::memcpy(length, &blob.length, sizeof length);
        append(frame->key_material, length);
    }
    job.blobs = {};
    const std::size_t holds = (job.owner ? job.plain.size() : 0) + frame->entry.size() + frame->key_material.size();
    memory_ += holds;
    memory_ -= std::exchange(frame->memory, holds);
    collect(std::move(frame));
}

// Metadata is mostly trees, half of them hashes: level 3, which looks like theirs, makes them hardly smaller (ADR 9).
int PackPipeline::level_of(const FrameJob& job) const {
    const int level = level_for(job.plain, options_.compression);
    const bool fast = job.pack_class == PackClass::Metadata && options_.compression == kLevelByContent;
    return fast && level != kNoCompression ? kMinCompressionLevel : level;
}

// Compresses the frame where that makes it smaller, which depends on nothing but its bytes and class.
void PackPipeline::pack(FrameJob& job, Frame& frame) {
    frame.payload = job.plain;
    const int level = level_of(job);
    if (level == kNoCompression) return;
    Buffer out = tools_.buffers.take(job.plain.size());
    const auto compressor = compressors_.lend();
    compressor->set_level(level);
    const Result<std::size_t> size = compressor->compress(job.plain, {out.data(), job.plain.size() - 1});
    if (!size.ok()) return tools_.buffers.give(std::move(out));
    out.set_size(size.value());
    frame.packed = std::move(out);
    frame.payload = frame.packed.bytes();
    frame.codec = FrameCodec::Zstd;
    frame.codec_build = codec_build(level);
    job.owner.reset();
    tools_.buffers.give(std::move(job.memory));
}

void PackPipeline::collect(std::unique_ptr<Frame> frame) {
    std::vector<std::unique_ptr<Frame>> placed;
    {
        const std::lock_guard lock{mutex_};
        waiting_.emplace(frame->order, std::move(frame));
        for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_;
             first = waiting_.begin()) {
            take_place(*first->second);
            placed.push_back(std::move(first->second));
            waiting_.erase(first);
            ++next_;
        }
    }
    if (placed.empty()) return;
    // The rest are for whoever is free; the last is likeliest in this core's cache.
    for (std::size_t i = 0; i + 1 < placed.size(); ++i) {
        start([this, held = std::move(placed[i])]() mutable { seal(std::move(held)); });
    }
    seal(std::move(placed.back()));
}

// Under the mutex, in order: here it is decided what lies where.
void PackPipeline::take_place(Frame& frame) {
    const std::size_t slot = frame.job.pack_class == PackClass::Data ? 0 : 1;
    if (open_[slot] && !open_[slot]->writer.fits(frame.payload.size(), frame.entry.size())) close_pack(slot);
    if (!open_[slot]) {
        const std::size_t least = PackWriter::size_of_one(frame.payload.size(), frame.entry.size());
        open_pack(slot, frame.job.pack_class, std::max(options_.pack_target, least));
    }
    OpenPack& pack = *open_[slot];
    frame.pack = &pack;
    frame.place = pack.writer.reserve(frame.payload.size(), frame.entry);
    ++pack.unsealed;
    places_[frame.job.frame] = {pack.number, frame.place.offset, frame.place.length};
}

void PackPipeline::open_pack(std::size_t slot, PackClass pack_class, std::size_t limit) {
    open_[slot] = std::make_unique<OpenPack>(keys_, pack_class, tools_.buffers.take(limit), limit);
    open_[slot]->number = static_cast<std::uint32_t>(packs_.size());
    packs_.push_back({PackId{}, static_cast<std::uint8_t>(pack_class), 0});
    names_.push_back({keys_.session(), PackId{}});
}

// Under the mutex.
void PackPipeline::close_pack(std::size_t slot) {
    if (!open_[slot]) return;
    OpenPack& pack = *open_[slot];
    closed_.emplace(&pack, std::move(open_[slot]));
    pack.closed = true;
    if (pack.unsealed == 0) start([this, &pack] { finish(pack); });
}

void PackPipeline::seal(std::unique_ptr<Frame> frame) {
    {
        const auto opener = tools_.openers.lend();
        const FrameSpec spec{.number = frame->place.number,
                             .type = frame->job.type,
                             .codec = frame->codec,
                             .plain_length = frame->plain_length,
                             .blobs = frame->key_material,
                             .codec_build = frame->codec_build};
        frame->pack->writer.seal(opener->gcm, frame->place, spec, frame->payload);
    }
    tools_.buffers.give(std::move(frame->packed));
    tools_.buffers.give(std::move(frame->job.memory));
    memory_ -= frame->memory;
    --frames_;
    OpenPack& pack = *frame->pack;
    frame.reset();
    let_go(pack);
}

// One frame of the pack is there. Whoever brings the last one to a closed pack finishes it at once: its bytes are still
// in the cache, and its memory is soon there for the next pack.
void PackPipeline::let_go(OpenPack& pack) {
    {
        const std::lock_guard lock{mutex_};
        if (--pack.unsealed > 0 || !pack.closed) return;
    }
    finish(pack);
}

void PackPipeline::finish(OpenPack& pack) {
    const FinishedPack finished = [&] {
        const auto opener = tools_.openers.lend();
        return pack.writer.finish(opener->gcm);
    }();
    Result<void> put = put_pack(objects_, pack_object_name(keys_.session(), finished.id), finished, Durability::Later);
    if (!put.ok()) return fail(std::move(put).error().during("storing pack " + finished.id.short_hex()));
    bytes_stored_ += finished.size();
    tools_.buffers.give(pack.writer.release());
    const std::lock_guard lock{mutex_};
    packs_[pack.number].id = finished.id;
    packs_[pack.number].size = finished.size();
    names_[pack.number].id = finished.id;
    closed_.erase(&pack);
}

}  // namespace dr
