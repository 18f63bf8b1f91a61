// make_corpus: writes the trees that bench/compare backs up, and changes them by a known part.
//
//   make_corpus KIND DIR [--scale S] [--seed N]       KIND: code, series, random, tiny1M, usr
//   make_corpus change DIR [--part 0.01] [--seed N]

#include <sys/stat.h>

#include <functional>
#include <map>

#include "corpus/corpus.h"
#include "support.h"

namespace {

using Make = std::function<void(const bench::CorpusRequest&)>;

const std::map<std::string, Make>& makers() {
    static const std::map<std::string, Make> all{{"code", bench::make_code},
                                                 {"series", bench::make_series},
                                                 {"random", bench::make_random},
                                                 {"tiny1M", bench::make_tiny},
                                                 {"usr", bench::make_usr}};
    return all;
}

[[noreturn]] void usage() {
    std::fputs(
        "usage: make_corpus code|series|random|tiny1M|usr DIR [--scale S] [--seed N]\n"
        "       make_corpus change DIR [--part 0.01] [--seed N]\n",
        stderr);
    std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> arguments{argv + 1, argv + argc};
    const double scale = std::strtod(bench::take_option(arguments, "--scale", "1").c_str(), nullptr);
    const double part = std::strtod(bench::take_option(arguments, "--part", "0.01").c_str(), nullptr);
    const std::uint64_t seed = std::strtoull(bench::take_option(arguments, "--seed", "1").c_str(), nullptr, 10);
    if (arguments.size() != 2 || !(scale > 0 && scale <= 4) || !(part > 0 && part <= 1)) usage();

    if (arguments[0] == "change") {
        bench::change({arguments[1], part, seed});
        return 0;
    }
    const auto maker = makers().find(arguments[0]);
    if (maker == makers().end()) usage();
    if (::mkdir(arguments[1].c_str(), 0755) != 0) bench::stop("cannot make '" + arguments[1] + "'");
    maker->second({arguments[0], arguments[1], scale, seed});
}
