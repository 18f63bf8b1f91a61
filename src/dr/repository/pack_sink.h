#pragma once
// PackSink: a BlobSink that stores blobs in packs of one session (FORMAT 5, 6, 8).
//
// A blob is new unless the session stored it before, an index run knows it in a live pack, or a pack adopted from a
// dead session holds it. Large blobs get a frame of their own and are not copied; small ones are gathered in solid
// frames in the order they come.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dr/repository/blob_index.h"
#include "dr/repository/blob_sink.h"
#include "dr/repository/index_run_writer.h"
#include "dr/repository/pack_pipeline.h"
#include "dr/repository/pack_table.h"

namespace dr {

struct PackSinkOptions {
    PackPipelineOptions pipeline;
    std::size_t small_limit = 64U << 10;  // a smaller blob lies in a solid frame
    std::size_t solid_target = 1U << 20;  // plaintext of a solid frame
    std::size_t spill_rows = 1'500'000;   // so many blobs are remembered before they go into an index run
};

class PackSink final : public BlobSink {
public:
    // Borrows all; `index` may be null, and `is_live` is asked about its packs.
    struct World {
        ObjectStore& objects;
        TaskPool& pool;
        SessionKeys& keys;
        const BlobIndex* index = nullptr;
        BlobIndex::IsLive is_live = [](const PackId&) { return true; };
    };
    explicit PackSink(World world, PackSinkOptions options = {});
    // Without finish() before it, packs that were put stay in the store, for whoever adopts the session.
    ~PackSink() override;

    // Takes over the packs of sessions that ended without a commit: their blobs count as stored by this one. To be
    // called before the first add(). Packs that are not whole (every byte is hashed) are left alone. Only packs that
    // add() or reuse() then finds a blob in become the session's own: see SinkResult::packs. Returns how many were
    // taken.
    Result<std::size_t> adopt(std::span<const PackName> packs);

    Result<bool> add(BlobType type, const BlobId& id, BlobData data) override;
    Result<bool> reuse(const BlobId& id) override;
    Result<SinkResult> finish() override;
    SinkTotals totals() const override;

    // Like finish(), but the session goes on: what is named is durable and new since the last checkpoint, for a
    // `refresh` record. totals are those of the whole session.
    Result<SinkResult> checkpoint();

    // The most that the memory budget ever counted, in bytes.
    std::size_t peak_memory() const { return pipeline_.peak_memory(); }

private:
    // A solid frame that is being filled.
    struct Solid {
        std::uint32_t frame = 0;
        Buffer memory;                 // room for the lengths, then the blobs
        std::size_t lengths_size = 0;  // encoded
        std::vector<DirectoryBlob> blobs;
        std::size_t plain_size() const;
    };
    struct Adopted {
        std::uint32_t number = 0;  // in the pipeline
        bool used = false;
    };

    Result<bool> is_stored(const BlobId& id);
    void use_adopted(std::uint32_t pack);
    Result<void> add_large(BlobType type, const BlobId& id, BlobData data);
    Result<void> add_small(BlobType type, const BlobId& id, ByteSpan bytes);
    Result<void> close_solid(PackClass pack_class);
    void adopt_contents(const PackName& name, const PackContents& pack);
    Result<std::vector<WrittenRun>> write_rows(Durability durability, bool unused_too);
    Result<void> spill();
    Result<void> flush();
    SinkResult take_result();

    World world_;
    const PackSinkOptions options_;
    PackPipeline pipeline_;
    FrameTools tools_;
    PackTable table_;
    BlobIndex own_runs_;  // rows of table_ that were spilled
    std::array<std::optional<Solid>, 2> solids_;

    std::unordered_map<std::uint32_t, Adopted> adopted_;  // by pack number of the pipeline
    std::unordered_map<PackId, std::uint32_t> adopted_numbers_;
    std::uint32_t adopted_frames_ = 0;  // frames below are of adopted packs, until forgotten

    std::vector<PackId> runs_;            // not yet returned
    std::size_t returned_packs_ = 0;      // packs of the pipeline below were returned, adopted ones apart
    std::unordered_set<PackId> newrefs_;  // not yet returned

    std::atomic<std::uint64_t> blobs_added_{0};
    std::atomic<std::uint64_t> blobs_stored_{0};
    std::atomic<std::uint64_t> bytes_deduplicated_{0};
    std::atomic<std::uint64_t> bytes_plain_{0};
    std::atomic<std::uint64_t> bytes_in_runs_{0};
};

}  // namespace dr
