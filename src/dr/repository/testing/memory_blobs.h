#pragma once
// Blobs kept in memory, for tests: a BlobSink and a BlobSource over one map, and the order in which blobs came.

#include <atomic>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "dr/crypto/sha256.h"
#include "dr/repository/blob_sink.h"
#include "dr/repository/blob_source.h"

namespace dr::testing {

class MemoryBlobs final : public BlobSink, public BlobSource {
public:
    explicit MemoryBlobs(std::uint8_t key = 0) : namer_(Bytes(32, key)) {}

    Result<bool> add(BlobType type, const BlobId& id, BlobData data) override {
        DR_CHECK(!busy_.exchange(true));  // one thread at a time
        DR_CHECK(!data.bytes.empty() && data.bytes.size() <= kMaxBlob);
        DR_CHECK(namer_.name(type, sha256(data.bytes)) == id);
        DR_CHECK(busy_.exchange(false));
        const std::lock_guard lock{mutex_};
        sequence_.push_back(id);
        ++totals_.blobs_added;
        if (fail_after_ != 0 && totals_.blobs_added > fail_after_)
            return Error{ErrorCode::NoSpace, "there is no space left"};
        const bool is_new = blobs_.emplace(id, std::pair{type, Bytes(data.bytes.begin(), data.bytes.end())}).second;
        (is_new ? totals_.bytes_plain : totals_.bytes_deduplicated) += data.bytes.size();
        totals_.blobs_stored += is_new ? 1 : 0;
        return is_new;
    }
    Result<bool> reuse(const BlobId& id) override {
        const std::lock_guard lock{mutex_};
        reused_.push_back(id);
        return blobs_.contains(id);
    }
    Result<SinkResult> finish() override {
        return SinkResult{.packs = {}, .runs = {}, .newrefs = {}, .totals = totals()};
    }
    SinkTotals totals() const override {
        const std::lock_guard lock{mutex_};
        return totals_;
    }

    // One place for all: memory has no others.
    Result<BlobPlace> locate(const BlobId& id) override {
        const std::lock_guard lock{mutex_};
        if (blobs_.contains(id)) return BlobPlace{};
        return Error{ErrorCode::Damaged, "no pack holds blob " + id.short_hex()};
    }
    PackId pack_id(std::uint32_t) const override { return {}; }
    Result<std::shared_ptr<const OpenFrame>> open_frame(const BlobPlace&) override {
        return Error{ErrorCode::Unsupported, "memory has no frames"};
    }
    Result<Bytes> read(BlobType type, const BlobId& id) override {
        const std::lock_guard lock{mutex_};
        ++reads_;
        const auto found = blobs_.find(id);
        if (found == blobs_.end() || found->second.first != type)
            return Error{ErrorCode::Damaged, "no pack holds blob " + id.short_hex()};
        return found->second.second;
    }
    Result<void> check(BlobType type, const BlobId& id, ByteSpan bytes) const override {
        if (namer_.name(type, sha256(bytes)) != id)
            return Error{ErrorCode::Damaged, "a blob is not what its name says"};
        return {};
    }
    const BlobNamer& namer() const override { return namer_; }

    // For tests to look at and to break.
    std::vector<BlobId> sequence() const {
        const std::lock_guard lock{mutex_};
        return sequence_;
    }
    const std::vector<BlobId>& reused() const { return reused_; }
    std::uint64_t reads() const { return reads_; }
    std::size_t count(BlobType type) const {
        const std::lock_guard lock{mutex_};
        std::size_t found = 0;
        for (const auto& [id, blob] : blobs_) found += blob.first == type ? 1 : 0;
        return found;
    }
    std::vector<std::pair<BlobType, BlobId>> all() const {
        std::vector<std::pair<BlobType, BlobId>> found;
        for (const auto& [id, blob] : blobs_) found.emplace_back(blob.first, id);
        return found;
    }
    void forget(const BlobId& id) { blobs_.erase(id); }
    void fail_after(std::uint64_t adds) { fail_after_ = adds; }
    // A blob under a name of its own, whatever its bytes.
    BlobId put(BlobType type, Bytes bytes) {
        const BlobId id = namer_.name(type, sha256(bytes));
        blobs_[id] = {type, std::move(bytes)};
        return id;
    }

private:
    mutable std::mutex mutex_;
    std::atomic<bool> busy_ = false;
    BlobNamer namer_;
    std::map<BlobId, std::pair<BlobType, Bytes>> blobs_;
    std::vector<BlobId> sequence_;
    std::vector<BlobId> reused_;
    std::uint64_t reads_ = 0;
    std::uint64_t fail_after_ = 0;
    SinkTotals totals_;
};

}  // namespace dr::testing
