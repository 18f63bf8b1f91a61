// What the engine does to every byte, apart from hashing and sealing: cut, compress, checksum, encode.

#include <benchmark/benchmark.h>

#include <random>
#include <string>

#include "dr/codec/chunker.h"
#include "dr/codec/compress.h"
#include "dr/codec/crc32c.h"
#include "dr/codec/wire.h"
#include "dr/codec/xxh.h"

namespace dr {
namespace {

Bytes random_bytes(std::size_t size) {
    std::mt19937_64 random{1};
    Bytes bytes(size);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

Bytes csv(std::size_t size) {
    std::mt19937_64 random{2};
    std::string lines;
    while (lines.size() < size) {
        lines += std::to_string(random() % 1'000'000) + ",Doha,2026-11-" + std::to_string(random() % 30) + "," +
                 std::to_string(random() % 10'000) + ".50\n";
    }
    lines.resize(size);
    return Bytes(lines.begin(), lines.end());
}

GearTable gear() {
    std::mt19937_64 random{3};
    GearTable table;
    for (std::uint64_t& entry : table) entry = random();
    return table;
}

void count_bytes(benchmark::State& state, std::size_t each) {
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(each));
}

void cut(benchmark::State& state, const Bytes& data) {
    const Chunker chunker{ChunkSizes{}, gear()};
    std::size_t chunks = 0;
    for (auto _ : state) {
        chunks = 0;
        for (std::size_t at = 0; at < data.size(); ++chunks) at += chunker.next_cut(ByteSpan{data}.subspan(at), true);
        benchmark::DoNotOptimize(chunks);
    }
    count_bytes(state, data.size());
    state.counters["mean_kib"] = static_cast<double>(data.size() / chunks) / 1024;
}
// range(0): MiB. What was just read is in the cache: 8. From memory: 128.
void cut_random(benchmark::State& state) { cut(state, random_bytes(static_cast<std::size_t>(state.range(0)) << 20)); }
void cut_text(benchmark::State& state) { cut(state, csv(static_cast<std::size_t>(state.range(0)) << 20)); }
BENCHMARK(cut_random)->Arg(8)->Arg(128);
BENCHMARK(cut_text)->Arg(8)->Arg(128);

void checksum_crc32c(benchmark::State& state) {
    const Bytes data = random_bytes(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(crc32c(data));
    count_bytes(state, data.size());
}
BENCHMARK(checksum_crc32c)->Arg(64)->Arg(4096)->Arg(1 << 20);

void checksum_crc32c_portable(benchmark::State& state) {
    const Bytes data = random_bytes(4096);
    for (auto _ : state) benchmark::DoNotOptimize(crc32c_portable(data));
    count_bytes(state, data.size());
}
BENCHMARK(checksum_crc32c_portable);

void fingerprint_xxh3(benchmark::State& state) {
    const Bytes data = random_bytes(1U << 20);
    for (auto _ : state) benchmark::DoNotOptimize(xxh3_128(data));
    count_bytes(state, data.size());
}
BENCHMARK(fingerprint_xxh3);

void compress_csv(benchmark::State& state) {
    Compressor compressor{static_cast<int>(state.range(0))};
    const Bytes plain = csv(static_cast<std::size_t>(state.range(1)));
    Bytes out(Compressor::bound(plain.size()));
    std::size_t packed = 0;
    for (auto _ : state) packed = compressor.compress(plain, out).value();
    count_bytes(state, plain.size());
    state.counters["ratio"] = static_cast<double>(plain.size()) / static_cast<double>(packed);
}
BENCHMARK(compress_csv)->ArgsProduct({{1, 3}, {64 << 10, 1 << 20}});

void decompress_csv(benchmark::State& state) {
    Compressor compressor{1};
    Decompressor decompressor;
    Bytes plain = csv(1U << 20);
    Bytes packed(Compressor::bound(plain.size()));
    packed.resize(compressor.compress(plain, packed).value());
    for (auto _ : state) decompressor.decompress(packed, plain).value();
    count_bytes(state, plain.size());
}
BENCHMARK(decompress_csv);

// Against compress_csv and compress_random of the same size: it must vanish beside both.
void ask_incompressible(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const Bytes data = state.range(1) != 0 ? random_bytes(size) : csv(size);
    for (auto _ : state) benchmark::DoNotOptimize(looks_incompressible(data));
    count_bytes(state, data.size());
}
BENCHMARK(ask_incompressible)->ArgsProduct({{64 << 10, 1 << 20}, {0, 1}});

void compress_random(benchmark::State& state) {
    Compressor compressor{1};
    const Bytes plain = random_bytes(static_cast<std::size_t>(state.range(0)));
    Bytes out(Compressor::bound(plain.size()));
    for (auto _ : state) benchmark::DoNotOptimize(compressor.compress(plain, out).value());
    count_bytes(state, plain.size());
}
BENCHMARK(compress_random)->Arg(64 << 10)->Arg(1 << 20);

constexpr std::size_t kNumbers = 1'000'000;

void write_varints(benchmark::State& state) {
    Bytes out;
    for (auto _ : state) {
        out.clear();
        WireWriter writer{out};
        for (std::size_t i = 0; i < kNumbers; ++i) writer.varint(i & 127);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(kNumbers));
}
BENCHMARK(write_varints);

// range(0): the largest number; 127 fits one byte, more makes the length unpredictable.
void read_varints(benchmark::State& state) {
    std::mt19937_64 random{4};
    Bytes encoded;
    WireWriter writer{encoded};
    for (std::size_t i = 0; i < kNumbers; ++i) writer.varint(random() % static_cast<std::uint64_t>(state.range(0)));
    for (auto _ : state) {
        WireReader reader{encoded};
        std::uint64_t sum = 0;
        while (!reader.at_end()) sum += reader.varint();
        benchmark::DoNotOptimize(sum);
        reader.finish("the benchmark").value();
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(kNumbers));
}
BENCHMARK(read_varints)->Arg(128)->Arg(1 << 14)->Arg(std::int64_t{1} << 40);

}  // namespace
}  // namespace dr

BENCHMARK_MAIN();
