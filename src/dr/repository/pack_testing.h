#pragma once
// For tests of packs: a store in memory that fails on demand, and a repository with keys, clock and random source on
// seeds.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dr/crypto/sha256.h"
#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_random.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/pack_keys.h"
#include "dr/repository/pack_reader.h"
#include "dr/repository/pack_sink.h"
#include "dr/storage/object_store.h"

namespace dr::testing {

class MemoryStore final : public ObjectStore {
public:
    using ObjectStore::put_new;
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability) override {
        if (before_put) {
            if (Result<void> allowed = before_put(name); !allowed.ok()) return allowed;
        }
        Bytes bytes;
        for (const ByteSpan part : parts) append(bytes, part);
        const std::lock_guard lock{mutex_};
        if (!objects_.try_emplace(std::string{name}, std::move(bytes)).second) {
            return Error{ErrorCode::AlreadyExists, "there is one"};
        }
        return {};
    }
    Result<void> sync() override {
        ++syncs;
        return sync_error ? Result<void>{*sync_error} : Result<void>{};
    }
    Result<void> sync_directory(std::string_view directory) override {
        const std::lock_guard lock{mutex_};
        synced_directories.emplace_back(directory);
        return {};
    }
    Result<Bytes> get(std::string_view name, std::uint64_t limit) override {
        const std::lock_guard lock{mutex_};
        const auto at = objects_.find(name);
        if (at == objects_.end()) return Error{ErrorCode::NotFound, "no such object"};
        if (at->second.size() > limit) return Error{ErrorCode::Damaged, "too large"};
        return at->second;
    }
    Result<void> get_range(std::string_view name, std::uint64_t offset, MutableByteSpan into) override {
        const std::lock_guard lock{mutex_};
        ++reads;
        if (before_read) DR_TRY(before_read(name, offset, into.size()));
        const auto at = objects_.find(name);
        if (at == objects_.end()) return Error{ErrorCode::NotFound, "no such object"};
        if (offset > at->second.size() || at->second.size() - offset < into.size()) {
            return Error{ErrorCode::Damaged, "too short"};
        }
        std::copy_n(at->second.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
        return {};
    }
    Result<std::uint64_t> size(std::string_view name) override {
        const std::lock_guard lock{mutex_};
        const auto at = objects_.find(name);
        if (at == objects_.end()) return Error{ErrorCode::NotFound, "no such object"};
        return at->second.size();
    }
    Result<std::vector<ObjectInfo>> list(std::string_view prefix) override {
        const std::lock_guard lock{mutex_};
        std::vector<ObjectInfo> found;
        for (const auto& [name, bytes] : objects_) {
            if (name.starts_with(std::string{prefix} + "/")) found.push_back({name, bytes.size()});
        }
        return found;
    }
    Result<void> remove(std::string_view name) override {
        const std::lock_guard lock{mutex_};
        objects_.erase(std::string{name});
        return {};
    }
    std::string backend() const override { return "memory"; }
    std::string location() const override { return "memory"; }

    // For tests that break things; not while others use the store.
    std::map<std::string, Bytes, std::less<>>& objects() { return objects_; }

    std::function<Result<void>(std::string_view)> before_put;
    std::optional<Error> sync_error;
    std::function<Result<void>(std::string_view name, std::uint64_t offset, std::size_t size)> before_read;
    std::vector<std::string> synced_directories;
    int syncs = 0;
    int reads = 0;

private:
    std::mutex mutex_;
    std::map<std::string, Bytes, std::less<>> objects_;
};

inline Ring test_ring(std::uint64_t seed = 1) {
    SeededRandom random{seed};
    return Ring::create(random);
}
inline RepositoryId test_repository_id(std::uint8_t number = 1) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[0] = number;
    return RepositoryId{bytes};
}

struct TestBlob {
    BlobType type = BlobType::Data;
    BlobId id;
    Bytes bytes;
};

// Bytes that compress to about a half, other ones for each seed.
inline Bytes text_like(std::size_t size, std::uint64_t seed) {
    SeededRandom random{seed};
    Bytes bytes(size);
    random.fill(bytes);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>('a' + byte % 16);
    return bytes;
}
inline Bytes noise(std::size_t size, std::uint64_t seed) {
    SeededRandom random{seed};
    Bytes bytes(size);
    random.fill(bytes);
    return bytes;
}

// A repository with one session and all that a sink or source asks for.
struct TestRepository {
    explicit TestRepository(bool encrypted = true, unsigned workers = 2, std::uint64_t session = 7)
        : keys(encrypted, test_repository_id(), encrypted ? test_ring() : plain_ring()),
          pool(workers),
          session_keys(keys, session, host, random, clock) {}

    TestBlob blob(Bytes bytes, BlobType type = BlobType::Data) const {
        const BlobId id = keys.namer.name(type, sha256(bytes));
        return {type, id, std::move(bytes)};
    }
    PackSink::World sink_world(const BlobIndex* index = nullptr) {
        return {.objects = store, .pool = pool, .keys = session_keys, .index = index};
    }
    // The names of the packs under packs/.
    std::vector<PackName> stored_packs() {
        std::vector<PackName> packs;
        for (const ObjectInfo& object : store.list("packs").value()) {
            packs.push_back({std::stoull(object.name.substr(6, 20)), pack_id_in_name(object.name).value()});
        }
        return packs;
    }

    MemoryStore store;
    RepositoryKeys keys;
    TaskPool pool;
    HostIdentity host;
    SeededRandom random{42};
    SimClock clock{Timestamp::from_seconds(1'800'000'000)};
    SessionKeys session_keys;
    FrameTools tools;
};

inline Result<bool> add(BlobSink& sink, const TestBlob& blob) {
    const auto owner = std::make_shared<const Bytes>(blob.bytes);
    return sink.add(blob.type, blob.id, {*owner, owner});
}

// A pack of a solid frame of three blobs and a frame of one blob, put together by hand.
inline PackName put_small_pack(TestRepository& repository, std::vector<TestBlob>* blobs_out = nullptr,
                               std::uint64_t seed = 1) {
    PackSinkOptions options;
    options.small_limit = 512;
    options.solid_target = 2048;
    PackSink sink{repository.sink_world(), options};
    std::vector<TestBlob> blobs;
    for (std::size_t i = 0; i < 3; ++i) blobs.push_back(repository.blob(text_like(60 + i, seed * 100 + i)));
    blobs.push_back(repository.blob(noise(700, seed * 100 + 9)));
    for (const TestBlob& blob : blobs) add(sink, blob).value();
    const SinkResult result = sink.finish().value();
    if (blobs_out != nullptr) *blobs_out = blobs;
    return {repository.session_keys.session(), result.packs.at(0).id};
}

}  // namespace dr::testing
