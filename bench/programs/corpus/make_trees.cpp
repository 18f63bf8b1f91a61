#include <sys/stat.h>

#include <algorithm>

#include "corpus/corpus.h"
#include "corpus/source_text.h"
#include "support.h"

namespace bench {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

std::uint64_t scaled(std::uint64_t count, double scale) {
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(count) * scale));
}

void make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0) stop("cannot make '" + path + "'");
}

// Directories of a source tree: 3 levels, some 17 files in each of the leaves.
constexpr std::uint64_t kFilesPerDirectory = 17;
constexpr std::uint64_t kDirectoriesPerGroup = 20;

std::string code_directory(const std::string& root, std::uint64_t index) {
    return root + "/subsystem" + std::to_string(index / (kDirectoriesPerGroup * kDirectoriesPerGroup)) + "/driver" +
           std::to_string(index / kDirectoriesPerGroup % kDirectoriesPerGroup) + "/part" +
           std::to_string(index % kDirectoriesPerGroup);
}

// Log-normal with a mean of 16 KB, as in a kernel source tree; a few generated headers reach megabytes.
std::size_t code_file_size(Random& random) {
    const double size = std::exp(8.75 + 1.32 * random.normal());
    return static_cast<std::size_t>(std::clamp(size, 40.0, 8.0 * static_cast<double>(kMiB)));
}

void add_row(std::string& rows, int month, int sector, double& level, Random& random) {
    static constexpr const char* kRegions[] = {"Doha",      "Al Rayyan", "Al Wakrah", "Al Khor",
                                               "Umm Salal", "Al Daayen", "Al Shamal", "Al Shahaniya"};
    static constexpr const char* kSectors[] = {"Construction",
                                               "Manufacturing",
                                               "Wholesale and retail trade",
                                               "Transportation and storage",
                                               "Financial services",
                                               "Education",
                                               "Human health",
                                               "Public administration",
                                               "Mining and quarrying"};
    level = std::clamp(level + random.normal() * 0.8, 20.0, 95.0);
    char row[256];
    const int length = std::snprintf(
        row, sizeof row, "%04d-%02d-01,%s,%s,%s,%llu,%.4f,%.4f,%llu.00,%s\n", 2015 + month / 12 % 11, month % 12 + 1,
        kRegions[sector % 8], kSectors[sector / 8 % 9], sector % 2 == 0 ? "male" : "female",
        static_cast<unsigned long long>(1200 + random.below(60000)), level, 12.0 + random.unit() * 8.0,
        static_cast<unsigned long long>(8000 + random.below(20000)), random.below(20) == 0 ? "estimated" : "final");
    rows.append(row, static_cast<std::size_t>(length));
}

}  // namespace

void write_file(const std::string& path, const void* data, std::size_t size, std::uint64_t seed) {
    const Fd file = open_or_stop(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
    write_or_stop(file.get(), data, size);
    const timespec written{static_cast<time_t>(1'600'000'000 + seed % 100'000'000), 0};
    const timespec times[2] = {written, written};
    if (::futimens(file.get(), times) != 0) stop("cannot set the time of '" + path + "'");
}

void make_code(const CorpusRequest& request) {
    const std::uint64_t files = scaled(80'000, request.scale);
    const std::uint64_t directories = (files + kFilesPerDirectory - 1) / kFilesPerDirectory;
    for (std::uint64_t i = 0; i < directories; ++i) {
        const std::string leaf = code_directory(request.directory, i);
        const std::string driver = leaf.substr(0, leaf.rfind('/'));
        if (i % (kDirectoriesPerGroup * kDirectoriesPerGroup) == 0) make_directory(driver.substr(0, driver.rfind('/')));
        if (i % kDirectoriesPerGroup == 0) make_directory(driver);
        make_directory(leaf);
    }
    const SourceText text{request.seed};
    in_parallel(directories, core_count(), [&](std::uint64_t directory) {
        const std::uint64_t end = std::min(files, (directory + 1) * kFilesPerDirectory);
        for (std::uint64_t i = directory * kFilesPerDirectory; i < end; ++i) {
            Random random = Random::for_part(request.seed, i);
            const std::string content = text.file(code_file_size(random), directory / kDirectoriesPerGroup, random);
            const std::string name = "/source" + std::to_string(i) + (i % 3 == 0 ? ".h" : ".c");
            write_file(code_directory(request.directory, directory) + name, content.data(), content.size(),
                       random.next());
        }
    });
}

void make_series(const CorpusRequest& request) {
    const std::uint64_t files = 130;
    const std::size_t size = scaled(2048 * kMiB / files, request.scale);
    in_parallel(files, core_count(), [&](std::uint64_t i) {
        Random random = Random::for_part(request.seed, i);
        std::string rows =
            "month,municipality,sector,gender,headcount,retention_rate,turnover_rate,median_salary_qar,status\n";
        rows.reserve(size + 256);
        double levels[72];
        for (double& level : levels) level = 40.0 + random.unit() * 40.0;
        for (int month = 0; rows.size() < size; ++month) {
            for (int sector = 0; sector < 72 && rows.size() < size; ++sector)
                add_row(rows, month, sector, levels[sector], random);
        }
        const std::string path = request.directory + "/LMIS_SERIES_" + std::to_string(100 + i) + ".csv";
        write_file(path, rows.data(), rows.size(), random.next());
    });
}

void make_random(const CorpusRequest& request) {
    const std::size_t size = scaled(512 * kMiB, request.scale) / 8 * 8;
    in_parallel(4, core_count(), [&](std::uint64_t i) {
        Random random = Random::for_part(request.seed, i);
        std::vector<std::uint64_t> words(size / 8);
        for (std::uint64_t& word : words) word = random.next();
        write_file(request.directory + "/random" + std::to_string(i) + ".bin", words.data(), size, random.next());
    });
}

void make_tiny(const CorpusRequest& request) {
    const std::uint64_t directories = scaled(1000, request.scale);
    in_parallel(directories, core_count(), [&](std::uint64_t directory) {
        const std::string path = request.directory + "/d" + std::to_string(directory);
        make_directory(path);
        Random random = Random::for_part(request.seed, directory);
        for (int i = 0; i < 1000; ++i) {
            std::string line = "id=" + std::to_string(random.next()) + " state=";
            while (line.size() < 200)
                line += (random.below(2) == 0 ? "open " : "closed ") + std::to_string(random.below(100'000)) + ";";
            write_file(path + "/f" + std::to_string(i), line.data(), random.below(201), random.next());
        }
    });
}

}  // namespace bench
