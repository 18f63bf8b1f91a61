#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>
#include <span>

#include "corpus/corpus.h"
#include "support.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSite = 64U << 10U;

std::vector<fs::path> files_below(const std::string& directory) {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator{directory}) {
        if (entry.is_regular_file() && !entry.is_symlink()) files.push_back(entry.path());
    }
    std::ranges::sort(files);  // the order of a directory is the file system's; the seed must decide alone
    return files;
}

template <typename Range>
void shuffle(Range range, Random& random) {
    for (std::size_t i = range.size(); i > 1; --i) std::swap(range[i - 1], range[random.below(i)]);
}

// Substitutes bytes: what compressed well still does, and no run of the old bytes is left. Text stays text.
void disguise(std::string& bytes, Random& random) {
    std::array<unsigned char, 256> table;
    std::iota(table.begin(), table.end(), static_cast<unsigned char>(0));
    const bool is_text =
        bytes.find('\0') == std::string::npos && std::ranges::all_of(bytes, [](char c) { return c > 0; });
    if (is_text) {
        shuffle(std::span{table}.subspan('0', 10), random);
        shuffle(std::span{table}.subspan('a', 26), random);
        shuffle(std::span{table}.subspan('A', 26), random);
    } else {
        shuffle(std::span{table}, random);
    }
    for (char& c : bytes) c = static_cast<char>(table[static_cast<unsigned char>(c)]);
}

struct Site {
    std::size_t offset;
    bool inserts;
};

std::vector<Site> choose_sites(std::size_t size, double part, Random& random) {
    const double wanted = static_cast<double>(size) * part / static_cast<double>(kSite);
    auto count = static_cast<std::size_t>(wanted);
    if (random.unit() < wanted - static_cast<double>(count)) ++count;
    std::vector<Site> sites;
    for (std::size_t i = 0; i < count; ++i) sites.push_back({random.below(size - kSite + 1), random.below(2) == 0});
    std::ranges::sort(sites, {}, &Site::offset);
    return sites;
}

void change_large(const fs::path& path, std::size_t size, double part, Random& random) {
    const std::vector<Site> sites = choose_sites(size, part, random);
    if (sites.empty()) return;
    // From the first site on everything may move, so the rest of the file is rewritten in place.
    const std::size_t start = sites.front().offset;
    const Fd file = open_or_stop(AT_FDCWD, path.c_str(), O_RDWR);
    std::string old(size - start, '\0');
    pread_or_stop(file.get(), old.data(), old.size(), start);

    std::string changed;
    changed.reserve(old.size() + sites.size() * kSite);
    std::size_t done = 0;
    for (const Site& site : sites) {
        const std::size_t at = std::max(site.offset - start, done);
        changed.append(old, done, at - done);
        std::string fresh = old.substr(at, kSite);
        disguise(fresh, random);
        changed += fresh;
        done = site.inserts ? at : at + fresh.size();
    }
    changed.append(old, std::min(done, old.size()));
    pwrite_or_stop(file.get(), changed.data(), changed.size(), start);
}

void append_line(const fs::path& path, Random& random) {
    const Fd file = open_or_stop(AT_FDCWD, path.c_str(), O_WRONLY | O_APPEND);
    const std::string line = "/* changed " + std::to_string(random.next()) + " */\n";
    write_or_stop(file.get(), line.data(), line.size());
}

}  // namespace

void change(const ChangeRequest& request) {
    const std::vector<fs::path> files = files_below(request.directory);
    in_parallel(files.size(), core_count(), [&](std::uint64_t i) {
        Random random = Random::for_part(request.seed, i);
        struct stat status{};
        if (::lstat(files[i].c_str(), &status) != 0) stop("cannot read '" + files[i].string() + "'");
        const auto size = static_cast<std::size_t>(status.st_size);
        if (size >= kSite) {
            change_large(files[i], size, request.part, random);
        } else if (random.unit() < request.part) {
            append_line(files[i], random);
        }
    });
}

}  // namespace bench
