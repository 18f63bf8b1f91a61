// What the index costs: writing, opening, asking and merging runs of many rows.
//
//   index_benchmark [--rows N] [--packs N] [--directory DIR]

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "dr/platform/posix/clock.h"
#include "dr/platform/posix/random.h"
#include "dr/repository/blob_index.h"
#include "dr/repository/index_merge.h"
#include "dr/repository/index_run_writer.h"
#include "programs/support.h"

namespace {

using namespace dr;

// Files read with pread, opened for each access, as the real store does.
class FileStore final : public ObjectStore {
public:
    explicit FileStore(std::string directory) : directory_(std::move(directory)) {}
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability) override {
        const std::string path = path_of(name);
        std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
        const bench::Fd file = bench::open_or_stop(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        for (const ByteSpan part : parts) bench::write_or_stop(file.get(), part.data(), part.size());
        return {};
    }
    Result<void> sync() override { return {}; }
    Result<void> sync_directory(std::string_view) override { return {}; }
    Result<Bytes> get(std::string_view, std::uint64_t) override { return Bytes{}; }
    Result<void> get_range(std::string_view name, std::uint64_t offset, MutableByteSpan into) override {
        const bench::Fd file = bench::open_or_stop(AT_FDCWD, path_of(name).c_str(), O_RDONLY);
        bench::pread_or_stop(file.get(), into.data(), into.size(), offset);
        return {};
    }
    Result<std::uint64_t> size(std::string_view name) override { return std::filesystem::file_size(path_of(name)); }
    Result<std::vector<ObjectInfo>> list(std::string_view) override { return std::vector<ObjectInfo>{}; }
    Result<void> remove(std::string_view) override { return {}; }
    std::string backend() const override { return "local"; }
    std::string location() const override { return directory_; }

private:
    std::string path_of(std::string_view name) const { return directory_ + "/" + std::string{name}; }
    std::string directory_;
};

BlobId id_of(std::uint64_t number) {
    bench::Random random = bench::Random::for_part(7, number);
    std::array<std::uint8_t, 32> id;
    for (std::size_t i = 0; i < 32; i += 8) {
        const std::uint64_t word = random.next();
        std::memcpy(id.data() + i, &word, 8);
    }
    return BlobId{id};
}

template <typename Work>
double timed(const char* what, std::uint64_t count, Work work) {
    const double wall = bench::seconds_now();
    const double cpu = bench::cpu_seconds();
    work();
    const double took = bench::seconds_now() - wall;
    std::printf("%-34s %9.3f ms wall %9.3f ms cpu %10.0f ns each\n", what, took * 1e3,
                (bench::cpu_seconds() - cpu) * 1e3, took * 1e9 / static_cast<double>(count));
    std::fflush(stdout);
    return took;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const std::uint64_t rows = std::stoull(bench::take_option(arguments, "--rows", "10000000"));
    const std::uint64_t packs = std::stoull(bench::take_option(arguments, "--packs", "12500"));
    const std::string directory = bench::take_option(arguments, "--directory", "/dev/shm/index_benchmark");

    PosixRandom random;
    PosixClock clock;
    const Ring ring = Ring::create(random);
    const RepositoryKeys keys{true, RepositoryId{}, ring};
    SessionKeys session{keys, 1, {}, random, clock};
    FileStore store{directory};
    FrameTools tools;

    std::vector<PackName> names;
    for (std::uint64_t i = 0; i < packs; ++i) names.push_back({1, PackId{id_of(~i).array()}});
    std::vector<IndexRow> all;
    for (std::uint64_t i = 0; i < rows; ++i) {
        all.push_back({.id16 = Id16::of(id_of(i)).bytes(),
                       .pack = static_cast<std::uint32_t>(i * packs / rows),
                       .frame_offset = 256,
                       .frame_length = 1000,
                       .ordinal = 1,
                       .blob_type = 1});
    }
    std::vector<PackId> runs;
    timed("sort", rows, [&] { std::ranges::sort(all, row_before); });
    timed("write", rows, [&] {
        IndexRunWriter writer{store, session, names, Durability::Now};
        for (const IndexRow& row : all) writer.add(row).value();
        std::uint64_t size = 0;
        for (const WrittenRun& run : writer.finish().value()) {
            runs.push_back(run.id);
            size += run.size;
        }
        std::printf("  %zu runs, %.1f bytes a row\n", runs.size(),
                    static_cast<double>(size) / static_cast<double>(rows));
    });
    all = {};
    const auto all_live = [](const PackId&) { return true; };
    BlobIndex index{store, keys, tools};
    timed("open", 1, [&] { index.add_runs(runs); });
    timed("open again, without filters", 1, [&] {
        BlobIndex other{store, keys, tools, {.filter_budget = 0}};
        other.add_runs(runs);
    });
    std::uint64_t found = 0;
    const std::uint64_t asks = std::min<std::uint64_t>(rows, 200'000);
    timed("find what is there, any order", asks, [&] {
        for (std::uint64_t i = 0; i < asks; ++i) found += index.find(id_of(i * 37 % rows), all_live) ? 1 : 0;
    });
    timed("find what is not there", asks, [&] {
        for (std::uint64_t i = 0; i < asks; ++i) found += index.find(id_of(rows + i), all_live) ? 1 : 0;
    });
    std::vector<BlobId> ids;
    for (std::uint64_t i = 0; i < asks; ++i) ids.push_back(id_of(i * 37 % rows));
    std::ranges::sort(ids);
    timed("find what is there, in order", asks, [&] {
        for (const BlobId& id : ids) found += index.find(id, all_live) ? 1 : 0;
    });
    timed("merge", rows, [&] {
        const auto merged = merge_runs(store, session, tools, runs, all_live, Durability::Now).value();
        std::printf("  %zu runs\n", merged.size());
    });
    std::printf("found %llu of %llu\n", static_cast<unsigned long long>(found),
                static_cast<unsigned long long>(asks * 2));
    std::filesystem::remove_all(directory);
}
