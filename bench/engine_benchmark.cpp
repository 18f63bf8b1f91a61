// What the engine's parts cost on one core: names of blobs, frames, index and tree.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dr/crypto/sha256.h"
#include "dr/repository/blob_index.h"
#include "dr/repository/frame.h"
#include "dr/repository/index_run_writer.h"
#include "dr/repository/pack_testing.h"
#include "dr/repository/testing/memory_blobs.h"
#include "dr/repository/tree_reader.h"
#include "dr/repository/tree_writer.h"

namespace {

using namespace dr;

void count_bytes(benchmark::State& state, std::size_t each) {
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(each));
}

// --- hash

void hash_one(benchmark::State& state) {
    const Bytes data(static_cast<std::size_t>(state.range(0)), 7);
    for (auto _ : state) benchmark::DoNotOptimize(sha256(data));
    count_bytes(state, data.size());
}
BENCHMARK(hash_one)->Arg(200)->Arg(16 << 10)->Arg(1 << 20);

void hash_two_at_once(benchmark::State& state) {
    const Bytes data(static_cast<std::size_t>(state.range(0)), 7);
    Sha256 one, two;
    for (auto _ : state) {
        sha256_pair(data, data, one, two);
        benchmark::DoNotOptimize(one);
        benchmark::DoNotOptimize(two);
    }
    count_bytes(state, 2 * data.size());
}
BENCHMARK(hash_two_at_once)->Arg(200)->Arg(16 << 10)->Arg(1 << 20);

void name_a_blob(benchmark::State& state) {
    const dr::testing::TestRepository repository;
    const Sha256 hash = sha256(Bytes(100, 1));
    for (auto _ : state) benchmark::DoNotOptimize(repository.keys.namer.name(BlobType::Data, hash));
}
BENCHMARK(name_a_blob);

// --- frame: stored, so that sealing itself is seen

void seal_frame(benchmark::State& state) {
    dr::testing::TestRepository repository;
    const FrameCipher cipher = FrameCipher::create(repository.session_keys, PackClass::Data);
    const Bytes plain(static_cast<std::size_t>(state.range(0)), 5);
    Bytes out(plain.size() + kFrameOverhead);
    const Bytes blobs(36, 1);  // the id and length of one blob: without, the frame would be hashed instead
    const FrameSpec spec{.plain_length = static_cast<std::uint32_t>(plain.size()), .blobs = blobs};
    AesGcm gcm;
    for (auto _ : state) cipher.seal(gcm, spec, plain, out.data());
    count_bytes(state, plain.size());
}
BENCHMARK(seal_frame)->Arg(64 << 10)->Arg(1 << 20);

void open_sealed_frame(benchmark::State& state) {
    dr::testing::TestRepository repository;
    const FrameCipher cipher = FrameCipher::create(repository.session_keys, PackClass::Data);
    const Bytes plain(static_cast<std::size_t>(state.range(0)), 5);
    Bytes sealed(plain.size() + kFrameOverhead);
    AesGcm gcm;
    cipher.seal(gcm, {.plain_length = static_cast<std::uint32_t>(plain.size())}, plain, sealed.data());
    Bytes frame(sealed.size());
    for (auto _ : state) {
        std::ranges::copy(sealed, frame.begin());  // it is opened in place
        benchmark::DoNotOptimize(cipher.unseal(gcm, frame).ok());
    }
    count_bytes(state, plain.size());
}
BENCHMARK(open_sealed_frame)->Arg(64 << 10)->Arg(1 << 20);

// --- index: one run of many rows

BlobId id_of(std::uint64_t number) {
    std::array<std::uint8_t, 8> bytes;
    std::memcpy(bytes.data(), &number, 8);
    return BlobId{sha256(bytes).array()};
}

class Index : public benchmark::Fixture {
public:
    void SetUp(const benchmark::State& state) override {
        const auto rows = static_cast<std::uint64_t>(state.range(0));
        std::vector<IndexRow> all;
        for (std::uint64_t i = 0; i < rows; ++i) {
            all.push_back({.id16 = Id16::of(id_of(i)).bytes(),
                           .pack = 0,
                           .frame_offset = 256,
                           .frame_length = 1000,
                           .ordinal = 1,
                           .blob_type = 1});
        }
        std::ranges::sort(all, row_before);
        repository = std::make_unique<dr::testing::TestRepository>();
        IndexRunWriter writer{repository->store, repository->session_keys, {{1, PackId{}}}, Durability::Now};
        for (const IndexRow& row : all) writer.add(row).value();
        std::vector<PackId> runs;
        for (const WrittenRun& run : writer.finish().value()) runs.push_back(run.id);
        index = std::make_unique<BlobIndex>(repository->store, repository->keys, repository->tools);
        index->add_runs(runs);
    }
    void TearDown(const benchmark::State&) override {
        index.reset();
        repository.reset();
    }

protected:
    std::unique_ptr<dr::testing::TestRepository> repository;
    std::unique_ptr<BlobIndex> index;
};

void ask(benchmark::State& state, BlobIndex& index, std::uint64_t first) {
    const auto all_live = [](const PackId&) { return true; };
    std::uint64_t number = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            index.find(id_of(first + number++ * 37 % static_cast<std::uint64_t>(state.range(0))), all_live));
    }
}
BENCHMARK_DEFINE_F(Index, what_is_there)(benchmark::State& state) { ask(state, *index, 0); }
BENCHMARK_REGISTER_F(Index, what_is_there)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_DEFINE_F(Index, what_is_not_there)(benchmark::State& state) { ask(state, *index, 1ULL << 40); }
BENCHMARK_REGISTER_F(Index, what_is_not_there)->Arg(10'000)->Arg(1'000'000);

// --- tree: one directory

std::vector<Entry> entries_of(std::size_t count) {
    std::vector<Entry> entries(count);
    for (std::size_t i = 0; i < count; ++i) {
        char name[32];
        std::snprintf(name, sizeof name, "file-%07zu.csv", i);
        entries[i].name = name;
        entries[i].mode = 0644;
        entries[i].inode = i + 2;
        entries[i].mtime_seconds = entries[i].ctime_seconds = 1'790'000'000;
        entries[i].size = 100;
        entries[i].content = {.form = FileContent::Form::Single,
                              .inline_bytes = {},
                              .sha256 = sha256(as_bytes(name)),
                              .extents = {},
                              .lists = {}};
    }
    return entries;
}

Result<DirRef> written(const std::vector<Entry>& entries, dr::testing::MemoryBlobs& blobs) {
    DirectoryWriter writer{{blobs, blobs.namer(), 7}};
    for (const Entry& entry : entries) DR_TRY(writer.add(entry));
    return writer.finish();
}

void count_entries(benchmark::State& state) {
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

void write_directory(benchmark::State& state) {
    const std::vector<Entry> entries = entries_of(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        dr::testing::MemoryBlobs blobs;
        benchmark::DoNotOptimize(written(entries, blobs).ok());
    }
    count_entries(state);
}
BENCHMARK(write_directory)->Arg(100)->Arg(100'000);

void read_directory(benchmark::State& state) {
    dr::testing::MemoryBlobs blobs;
    const DirRef root = written(entries_of(static_cast<std::size_t>(state.range(0))), blobs).value();
    for (auto _ : state) {
        DirectoryReader reader{blobs, root};
        std::size_t count = 0;
        while (reader.next_view().value() != nullptr) ++count;
        benchmark::DoNotOptimize(count);
    }
    count_entries(state);
}
BENCHMARK(read_directory)->Arg(100)->Arg(100'000);

}  // namespace

BENCHMARK_MAIN();
