// What frames and packs cost: the whole sink on synthetic data, and its stages one by one, in CPU seconds per GiB.
//
//   frame_benchmark [--megabytes N] [--level L] [--workers W] [--only stages|chunks|small|tiny|source] [--data
//   random|csv]
//
// The CPU time of all threads counts, so that a stage is as dear as it is, wherever it runs.

#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dr/codec/compress.h"
#include "dr/codec/xxh.h"
#include "dr/crypto/aead.h"
#include "dr/crypto/sha256.h"
#include "dr/platform/posix/clock.h"
#include "dr/platform/posix/random.h"
#include "dr/repository/pack_sink.h"
#include "dr/repository/pack_source.h"
#include "programs/support.h"

namespace {

using namespace dr;

constexpr std::size_t kChunk = 1U << 20;
constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

// Takes everything and keeps as much as asked: what the store costs is measured elsewhere.
class MemoryStore final : public ObjectStore {
public:
    explicit MemoryStore(bool keep) : keep_(keep) {}
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability) override {
        if (!keep_) return {};
        Bytes bytes;
        for (const ByteSpan part : parts) append(bytes, part);
        const std::lock_guard lock{mutex_};
        objects_.emplace(name, std::move(bytes));
        return {};
    }
    Result<void> sync() override { return {}; }
    Result<void> sync_directory(std::string_view) override { return {}; }
    Result<Bytes> get(std::string_view name, std::uint64_t) override { return find(name); }
    Result<void> get_range(std::string_view name, std::uint64_t offset, MutableByteSpan into) override {
        const Bytes& bytes = find(name);
        std::memcpy(into.data(), bytes.data() + offset, into.size());
        return {};
    }
    Result<std::uint64_t> size(std::string_view name) override { return find(name).size(); }
    Result<std::vector<ObjectInfo>> list(std::string_view) override { return std::vector<ObjectInfo>{}; }
    Result<void> remove(std::string_view) override { return {}; }
    std::string backend() const override { return "memory"; }
    std::string location() const override { return "memory"; }

private:
    const Bytes& find(std::string_view name) {
        const std::lock_guard lock{mutex_};
        return objects_.find(name)->second;
    }
    bool keep_;
    std::mutex mutex_;
    std::map<std::string, Bytes, std::less<>> objects_;
};

// Monthly series as text: dates, codes, numbers that move a little.
Bytes make_csv(std::size_t size) {
    bench::Random random{1};
    Bytes out;
    out.reserve(size + 128);
    double value = 1000;
    for (std::uint64_t row = 0; out.size() < size; ++row) {
        char line[128];
        value += random.normal();
        const int length =
            std::snprintf(line, sizeof line, "%04u-%02u,sector_%02u,%u,%.2f,%.4f,%s\n",
                          static_cast<unsigned>(2000 + row / 12 % 25), static_cast<unsigned>(row % 12 + 1),
                          static_cast<unsigned>(random.below(20)), static_cast<unsigned>(random.below(90000)), value,
                          random.unit(), random.below(3) == 0 ? "provisional" : "final");
        append(out, as_bytes({line, static_cast<std::size_t>(length)}));
    }
    out.resize(size);
    return out;
}

Bytes make_random(std::size_t size) {
    bench::Random random{2};
    Bytes out(size);
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
        const std::uint64_t word = random.next();
        std::memcpy(out.data() + i, &word, 8);
    }
    return out;
}

// The most memory that this process ever had, in MiB.
double peak_rss_mib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

struct Measured {
    double wall;
    double cpu;
};
Measured measure(const std::function<void()>& work) {
    const double wall = bench::seconds_now();
    const double cpu = bench::cpu_seconds();
    work();
    return {bench::seconds_now() - wall, bench::cpu_seconds() - cpu};
}

void print(const char* what, const Measured& measured, double bytes) {
    std::printf("  %-34s %6.3f s wall  %6.3f s cpu  %7.3f cpu s/GiB  %8.0f MB/s\n", what, measured.wall, measured.cpu,
                measured.cpu * kGiB / bytes, bytes / measured.wall / 1e6);
    std::fflush(stdout);
}

struct Blob {
    BlobId id;
    ByteSpan bytes;
};

// The data over and over, each chunk with a name of its own: names cost the caller, not the sink.
std::vector<Blob> blobs_of(ByteSpan data, std::size_t total, std::size_t size) {
    std::vector<Blob> blobs;
    bench::Random random{3};
    for (std::size_t at = 0; at < total; at += size) {
        std::array<std::uint8_t, 32> id;
        for (std::size_t i = 0; i < 32; i += 8) {
            const std::uint64_t word = random.next();
            std::memcpy(id.data() + i, &word, 8);
        }
        blobs.push_back({BlobId{id}, data.subspan(at % (data.size() - size + 1), size)});
    }
    return blobs;
}

void stages(ByteSpan data, std::size_t total, int level) {
    const double bytes = static_cast<double>(total);
    const auto each = [&](const std::function<void(ByteSpan)>& work) {
        return measure([&] {
            for (std::size_t at = 0; at < total; at += kChunk)
                work(data.subspan(at % (data.size() - kChunk + 1), kChunk));
        });
    };
    Bytes out(kChunk + 64);
    Compressor compressor{level};
    AesGcm gcm{Key32{}};
    std::vector<Sha256> hashes(kChunk / 65536);
    std::size_t sum = 0;
    print("stage: incompressible?", each([&](ByteSpan chunk) { sum += looks_incompressible(chunk) ? 1 : 0; }), bytes);
    print("stage: zstd", each([&](ByteSpan chunk) {
              const auto size = compressor.compress(chunk, {out.data(), kChunk - 1});
              sum += size.ok() ? size.value() : kChunk;
          }),
          bytes);
    print("stage: xxh3-128", each([&](ByteSpan chunk) { sum += xxh3_128(chunk)[0]; }), bytes);
    print("stage: aes-256-gcm", each([&](ByteSpan chunk) {
              std::uint8_t tag[16];
              gcm.seal(Nonce{}, {}, chunk, out.data(), tag);
          }),
          bytes);
    print("stage: slices, sha-256 in two lanes", each([&](ByteSpan chunk) {
              std::vector<ByteSpan> slices;
              for (std::size_t i = 0; i < chunk.size(); i += 65536) slices.push_back(chunk.subspan(i, 65536));
              hash_many(slices, hashes);
          }),
          bytes);
    print("stage: memcpy", each([&](ByteSpan chunk) { std::memcpy(out.data(), chunk.data(), chunk.size()); }), bytes);
    if (sum == 1) std::puts("");
}

struct Setup {
    Setup() : keys(true, RepositoryId{}, ring) {}
    PosixRandom random;
    PosixClock clock;
    Ring ring = Ring::create(random);
    RepositoryKeys keys;
    HostIdentity host;
};

void sink(const char* what, ByteSpan data, std::size_t total, std::size_t blob_size, int level, unsigned workers,
          bool keep) {
    Setup setup;
    MemoryStore store{keep};
    SessionKeys keys{setup.keys, 1, setup.host, setup.random, setup.clock};
    TaskPool pool{workers};
    PackSinkOptions options;
    options.pipeline.compression = level;
    const std::vector<Blob> blobs = blobs_of(data, total, blob_size);
    PackSink sink{{.objects = store, .pool = pool, .keys = keys}, options};
    SinkResult result;
    const Measured measured = measure([&] {
        for (const Blob& blob : blobs) sink.add(BlobType::Data, blob.id, {blob.bytes, nullptr}).value();
        result = sink.finish().value();
    });
    print(what, measured, static_cast<double>(total));
    std::printf(
        "    %zu blobs, %.3f of the plaintext, %zu packs, budget counted %.1f MiB at most, peak RSS %.0f MiB (%zu of "
        "data)\n",
        blobs.size(), static_cast<double>(result.totals.bytes_stored) / static_cast<double>(total), result.packs.size(),
        static_cast<double>(sink.peak_memory()) / 1048576.0, peak_rss_mib(), data.size() >> 20U);
}

// The way back: every frame opened, and full verification.
void source(ByteSpan data, std::size_t total, int level, unsigned workers) {
    Setup setup;
    MemoryStore store{true};
    SessionKeys keys{setup.keys, 1, setup.host, setup.random, setup.clock};
    TaskPool pool{workers};
    PackSinkOptions options;
    options.pipeline.compression = level;
    PackSink sink{{.objects = store, .pool = pool, .keys = keys}, options};
    std::vector<Blob> blobs;
    for (std::size_t at = 0; at < total; at += kChunk) {
        const ByteSpan chunk = data.subspan(at % (data.size() - kChunk + 1), kChunk);
        blobs.push_back({setup.keys.namer.name(BlobType::Data, sha256(chunk)), chunk});
        sink.add(BlobType::Data, blobs.back().id, {chunk, nullptr}).value();
    }
    const SinkResult result = sink.finish().value();
    PackSource source{{.objects = store,
                       .keys = setup.keys,
                       .is_live = [](const PackId&) { return true; },
                       .live_packs = [] { return std::vector<PackName>{}; }},
                      result.runs};
    const double bytes = static_cast<double>(sink.totals().bytes_plain);
    print("source: open every frame, 1 thread", measure([&] {
              for (const Blob& blob : blobs) source.open_frame(source.locate(blob.id).value()).value();
          }),
          static_cast<double>(blobs.size() * kChunk));
    FrameTools tools;
    print("verify every pack, 1 thread", measure([&] {
              for (const StoredPack& pack : result.packs) verify_pack(store, setup.keys, tools, {1, pack.id}).value();
          }),
          bytes);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const std::size_t total = std::stoull(bench::take_option(arguments, "--megabytes", "1024")) << 20U;
    const int level = std::stoi(bench::take_option(arguments, "--level", "1"));
    const unsigned workers = static_cast<unsigned>(std::stoul(bench::take_option(arguments, "--workers", "2")));
    const std::string only = bench::take_option(arguments, "--only", "");
    const auto wanted = [&](std::string_view part) { return only.empty() || only == part; };
    const std::string kind = bench::take_option(arguments, "--data", "");
    constexpr std::size_t kData = 64U << 20;
    for (const std::string_view name : {"random", "csv"}) {
        if (!kind.empty() && kind != name) continue;
        const Bytes data = name == "csv" ? make_csv(kData) : make_random(kData);
        std::printf("%s, %zu MiB, level %d, %u workers\n", name.data(), total >> 20U, level, workers);
        if (wanted("stages")) stages(data, total, level);
        if (wanted("chunks")) sink("sink: chunks of 1 MiB", data, total, kChunk, level, workers, false);
        if (wanted("small")) sink("sink: small blobs of 16 KiB", data, total, 16384, level, workers, false);
        if (wanted("tiny")) sink("sink: tiny blobs of 128 bytes (1/8)", data, total / 8, 128, level, workers, false);
        if (wanted("source")) source(data, std::min<std::size_t>(total, kData), level, workers);
    }
}
