#pragma once
// For tests: a BlobSink and BlobSource in memory, with solid frames like those of real packs, and damage on request.

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "dr/crypto/sha256.h"
#include "dr/repository/blob_sink.h"
#include "dr/repository/blob_source.h"

namespace dr::testing {

class MemoryBlobs final : public BlobSink, public BlobSource {
public:
    MemoryBlobs() : namer_(ByteSpan{key_}) {}

    // As a sink.
    Result<bool> add(BlobType, const BlobId& id, BlobData data) override {
        if (places_.contains(id)) return false;
        const std::size_t size = data.bytes.size();
        const bool small = size < kSmall;
        if (frames_.empty() || !small || !open_solid_ || frames_[solid_].size() >= 4096 ||
            solid_bytes_ + size > kSolid) {
            frames_.emplace_back();
            if (small) {
                solid_ = frames_.size() - 1;
                solid_bytes_ = 0;
                open_solid_ = true;
            }
        }
        const std::size_t frame = small ? solid_ : frames_.size() - 1;
        solid_bytes_ += small ? size : 0;
        places_[id] = {.pack = static_cast<std::uint32_t>(frame / 16),
                       .frame_offset = static_cast<std::uint32_t>(frame),
                       .frame_length = 1,
                       .ordinal = static_cast<std::uint16_t>(frames_[frame].size())};
        frames_[frame].emplace_back(data.bytes.begin(), data.bytes.end());
        return true;
    }
    Result<bool> reuse(const BlobId& id) override { return places_.contains(id); }
    Result<SinkResult> finish() override { return SinkResult{}; }
    SinkTotals totals() const override { return {}; }

    // As a source.
    Result<BlobPlace> locate(const BlobId& id) override {
        const auto place = places_.find(id);
        if (place == places_.end()) return Error{ErrorCode::Damaged, "no pack holds blob " + id.short_hex()};
        return place->second;
    }
    PackId pack_id(std::uint32_t) const override { return {}; }
    Result<std::shared_ptr<const OpenFrame>> open_frame(const BlobPlace& place) override {
        ++frames_opened;
        if (on_open) on_open();
        auto frame = std::make_shared<OpenFrame>();
        std::size_t size = 0;
        for (const Bytes& blob : frames_[place.frame_offset]) size += blob.size();
        frame->plain = Buffer{size};
        for (const Bytes& blob : frames_[place.frame_offset]) {
            const std::size_t at = frame->plain.size();
            frame->plain.add(blob);
            frame->blobs.push_back(frame->plain.bytes().subspan(at));
        }
        return std::shared_ptr<const OpenFrame>{frame};
    }
    Result<Bytes> read(BlobType type, const BlobId& id) override {
        const BlobPlace place = DR_TRY(locate(id));
        Bytes bytes = frames_[place.frame_offset][place.ordinal];
        DR_TRY(check(type, id, bytes));
        return bytes;
    }
    Result<void> check(BlobType type, const BlobId& id, ByteSpan bytes) const override {
        if (namer_.name(type, sha256(bytes)) == id) return {};
        return Error{ErrorCode::Damaged, "blob " + id.short_hex() + " is not what its name says"};
    }
    const BlobNamer& namer() const override { return namer_; }

    // For tests.
    BlobId store(BlobType type, ByteSpan bytes) {
        const BlobId id = namer_.name(type, sha256(bytes));
        (void)add(type, id, {bytes, nullptr}).value();
        return id;
    }
    void flip(const BlobId& id) {
        const BlobPlace place = places_.at(id);
        frames_[place.frame_offset][place.ordinal][0] ^= 1;
    }
    void forget(const BlobId& id) { places_.erase(id); }

    std::atomic<std::uint64_t> frames_opened{0};
    std::function<void()> on_open;

private:
    static constexpr std::size_t kSmall = 65'536;
    static constexpr std::size_t kSolid = 1U << 20;

    const std::array<std::uint8_t, 32> key_{7};
    BlobNamer namer_;
    std::map<BlobId, BlobPlace> places_;
    std::vector<std::vector<Bytes>> frames_;
    std::size_t solid_ = 0;
    std::size_t solid_bytes_ = 0;
    bool open_solid_ = false;
};

}  // namespace dr::testing
