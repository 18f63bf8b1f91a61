#pragma once
// PackPipeline: from frames of plaintext, in order, to packs in the store, on all cores.
//
//   submit ─ compress (any thread) ─ take places in open packs (in order) ─ seal (any thread) ─ close, hash, put (any
//   thread)
//
// Which frame lies where, and every random number and clock reading, is decided in the middle step alone, in the order
// of submission; so the bytes do not depend on threads.

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "dr/base/result.h"
#include "dr/codec/compress.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/blob_sink.h"
#include "dr/repository/frame_tools.h"
#include "dr/repository/pack_reader.h"
#include "dr/repository/pack_writer.h"

namespace dr {

struct PackPipelineOptions {
    int compression = kLevelByContent;      // as level_for() takes it; by content, metadata gets level 1
    std::size_t pack_target = 16U << 20;    // a pack is no larger, unless it is one frame that is
    std::size_t memory_budget = 64U << 20;  // plaintext that waits, buffers, and packs that are not written yet
};

// A frame on its way. Its plaintext lies in `memory` or belongs to `owner`.
struct FrameJob {
    std::uint32_t frame = 0;  // its number in this pipeline, from new_frame()
    PackClass pack_class = PackClass::Data;
    FrameType type = FrameType::Blob;
    ByteSpan plain;
    Buffer memory;
    std::shared_ptr<const void> owner;
    std::vector<DirectoryBlob> blobs;
};

struct FramePlace {
    std::uint32_t pack = 0;  // in packs()
    std::uint32_t offset = 0;
    std::uint32_t length = 0;  // header to tag
};

class PackPipeline {
public:
    PackPipeline(ObjectStore& objects, TaskPool& pool, SessionKeys& keys, PackPipelineOptions options);
    // Drops what is not written and waits for the tasks that run.
    ~PackPipeline();
    PackPipeline(const PackPipeline&) = delete;
    PackPipeline& operator=(const PackPipeline&) = delete;

    // --- for one thread at a time

    std::uint32_t new_frame();
    // Waits, helping the pool, while the budget is used up or more frames are on their way than keep all threads busy.
    // Fails with what went wrong anywhere before.
    Result<void> submit(FrameJob job);
    // Closes the open packs and waits until all are put (Durability::Later).
    Result<void> flush();

    // A frame, or a pack, that lies in the store already.
    std::uint32_t add_pack(const StoredPack& pack, std::uint64_t session);
    std::uint32_t add_frame(const FramePlace& place);

    FramePlace place_of(std::uint32_t frame) const;  // once it has one: after flush(), or of add_frame()
    void forget_frames();                            // numbers start again; after flush()

    // --- after flush(): packs by number
    const std::vector<PackName>& names() const { return names_; }
    const std::vector<StoredPack>& packs() const { return packs_; }

    std::uint64_t bytes_stored() const { return bytes_stored_.load(); }  // any thread
    FrameBuffers& buffers() { return tools_.buffers; }
    std::size_t peak_memory() const { return peak_memory_.load(); }  // of what the budget counts

private:
    struct Frame;
    struct OpenPack;

    void start(std::move_only_function<void()> work);
    void compress(std::unique_ptr<Frame> frame);
    void pack(FrameJob& job, Frame& frame);
    int level_of(const FrameJob& job) const;
    void collect(std::unique_ptr<Frame> frame);
    void take_place(Frame& frame);
    void open_pack(std::size_t slot, PackClass pack_class, std::size_t limit);
    void close_pack(std::size_t slot);
    void seal(std::unique_ptr<Frame> frame);
    void let_go(OpenPack& pack);
    void finish(OpenPack& pack);
    void fail(Error error);
    bool has_room() const;
    Result<void> check() const;
    void wait_for_tasks();

    ObjectStore& objects_;
    TaskPool& pool_;
    SessionKeys& keys_;
    const PackPipelineOptions options_;
    FrameTools tools_;
    Lender<Compressor> compressors_;

    std::uint64_t submitted_ = 0;
    std::atomic<std::size_t> memory_{0};    // of frames on their way, buffers apart
    std::atomic<std::uint64_t> frames_{0};  // on their way
    std::atomic<std::size_t> peak_memory_{0};
    std::atomic<std::uint64_t> tasks_{0};  // started and not ended
    std::atomic<std::uint64_t> bytes_stored_{0};
    std::atomic<bool> failed_{false};

    mutable std::mutex mutex_;  // all below
    std::optional<Error> error_;
    std::uint64_t next_ = 0;  // the frame that takes a place next
    std::map<std::uint64_t, std::unique_ptr<Frame>> waiting_;
    std::array<std::unique_ptr<OpenPack>, 2> open_;
    std::map<const OpenPack*, std::unique_ptr<OpenPack>> closed_;
    std::deque<FramePlace> places_;
    std::vector<PackName> names_;
    std::vector<StoredPack> packs_;
};

}  // namespace dr
