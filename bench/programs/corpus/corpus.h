#pragma once
// The corpora of bench/compare: trees made from a seed, equal on every machine and with any number of threads.
//
// Their sizes and compression ratios follow the trees measured in the baseline (a kernel source tree, monthly
// labour-market series); `scale` shrinks the number of files or their size, never the shape.

#include <cstdint>
#include <string>

namespace bench {

struct CorpusRequest {
    std::string kind;       // code, series, random, tiny1M or usr
    std::string directory;  // made; must not exist
    double scale = 1.0;
    std::uint64_t seed = 1;
};

void make_code(const CorpusRequest& request);    // 80,000 source-like files, 1.3 GB
void make_series(const CorpusRequest& request);  // 130 CSV files, 2 GiB
void make_random(const CorpusRequest& request);  // 4 files of 512 MiB that nothing can compress
void make_tiny(const CorpusRequest& request);    // 1,000,000 files of 0 to 200 bytes in 1,000 directories
void make_usr(const CorpusRequest& request);     // up to 2 GiB copied from this system: /usr/lib and what follows it

struct ChangeRequest {
    std::string directory;
    double part = 0.01;  // of the bytes
    std::uint64_t seed = 1;
};

// Changes `part` of the bytes at sites of 64 KiB in files of 64 KiB and more, half of them insertions, and appends a
// line to the same part of the smaller files. Files keep their inodes. New bytes compress about as well as their
// neighbours but are found nowhere else.
void change(const ChangeRequest& request);

// One file of `size` bytes with a whole-second time derived from `seed`, as a release archive would leave it.
void write_file(const std::string& path, const void* data, std::size_t size, std::uint64_t seed);

}  // namespace bench
