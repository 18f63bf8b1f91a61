#pragma once
// PackSource: a BlobSource that reads packs, led by the index runs; where those do not know a blob, by the directories
// of the packs themselves. So a repository without any index can be read, only slower. A blob that lies in several
// packs is lost only if no copy of it checks: packs in which damage was met are asked last, and still asked.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "dr/repository/blob_index.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/frame_cache.h"

namespace dr {

struct PackSourceOptions {
    BlobIndexOptions index;
    std::size_t frame_budget = 32U << 20;  // opened frames that read() keeps
    std::size_t idle_buffers = 32U << 20;  // memory of frames that nobody uses any more
};

class PackSource final : public BlobSource {
public:
    // Borrows the store and the keys.
    struct World {
        ObjectStore& objects;
        const RepositoryKeys& keys;
        BlobIndex::IsLive is_live;  // any thread
        // The packs of class 1 and 2 to look into, the best first; asked for only when the index does not know a blob.
        // A pack may be named several times where it is not known which session wrote it.
        std::function<std::vector<PackName>()> live_packs;
        // Packs that are asked for what no live one holds: damaged ones, of which much may still be readable. None
        // where it is empty.
        BlobIndex::IsLive is_there = nullptr;
    };
    PackSource(World world, std::span<const PackId> runs, PackSourceOptions options = {});

    Result<BlobPlace> locate(const BlobId& id) override;
    void locate_all(std::span<const BlobId> ids, const Located& located) override;
    // Every pack that is known to hold the blob: writers that did not see each other stored it twice. At least one, or
    // what locate() fails with.
    Result<std::vector<PackId>> packs_of(const BlobId& id);
    // The same as the directories of all packs say it: slow the first time, and the truth. The index may lack rows.
    Result<std::vector<PackId>> packs_by_directory(const BlobId& id);
    PackId pack_id(std::uint32_t pack) const override;
    Result<std::shared_ptr<const OpenFrame>> open_frame(const BlobPlace& place) override;
    Result<Bytes> read(BlobType type, const BlobId& id) override;
    Result<void> check(BlobType type, const BlobId& id, ByteSpan bytes) const override;
    const BlobNamer& namer() const override { return world_.keys.namer; }

    const BlobIndex& index() const { return index_; }
    // Packs of which something could not be read or was not what it should be, so far. Any thread.
    std::vector<PackId> damage_met() const;

private:
    // What directories of packs say.
    struct Scan {
        std::vector<PackName> packs;  // until they were read
        std::vector<IndexRow> rows;   // sorted; `pack` is a number of this source
    };

    struct LostFrame {
        std::uint32_t length;  // a wrong row may claim another one
        Error why;
    };
    using DamageMet = std::shared_ptr<const std::vector<PackId>>;

    // What a row says, with the pack by its number here.
    BlobPlace place_of(const IndexedBlob& row);
    static BlobPlace place_of(const IndexRow& row);
    std::optional<BlobPlace> find_in_index(const BlobId& id, const BlobIndex::IsLive& counts);
    std::optional<BlobPlace> find_undamaged(const BlobId& id);
    Result<std::vector<BlobPlace>> copies_of(const BlobId& id);
    Result<std::shared_ptr<const OpenFrame>> open_frame_at(const BlobPlace& place);
    Result<Bytes> read_at(const BlobPlace& place, BlobType type, const BlobId& id);
    Result<Bytes> blob_at(const BlobPlace& place, BlobType type, const BlobId& id);
    DamageMet damage() const;
    void remember_damage(std::uint32_t pack);
    std::uint32_t number_of(const PackName& pack);
    PackName name_of(std::uint32_t pack) const;
    Result<std::shared_ptr<const FrameCipher>> cipher_of(std::uint32_t pack, const std::string& object);
    Result<std::optional<BlobPlace>> find_in_packs(const BlobId& id);
    void list_packs();
    Result<void> scan(Scan& scan);
    std::span<const IndexRow> rows_in(const Scan& scan, const BlobId& id) const;

    World world_;
    std::shared_ptr<FrameTools> tools_;  // shared with the frames that are out
    BlobIndex index_;
    FrameCache<FrameCipher> ciphers_;
    FrameCache<OpenFrame> frames_;
    FrameCache<LostFrame> lost_frames_;  // each of its blobs would ask again, and a disk tries a bad sector for long

    mutable std::shared_mutex names_mutex_;
    std::vector<PackName> names_;
    std::unordered_map<PackId, std::uint32_t> numbers_;

    mutable std::mutex damage_mutex_;
    DamageMet damage_met_ = std::make_shared<const std::vector<PackId>>();  // sorted; another one each time it grows
    std::atomic<bool> any_damage_{false};  // mostly there is none, and then nothing is locked

    std::mutex scan_mutex_;
    Scan uncovered_;  // packs that no run names
    Scan covered_;    // packs that one names, for when it does not have all their rows, or they cannot be read
    bool packs_listed_ = false;
};

}  // namespace dr
