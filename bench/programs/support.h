#pragma once
// What every program of bench/ uses: a seeded generator, an owned file descriptor, the clock and CPU seconds of this
// process, and one way to stop. These programs measure; none is part of the product, so a failed call ends them.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

// Says what failed and why (errno), and exits with 1.
[[noreturn]] inline void stop(const std::string& what, int number = errno) {
    std::fprintf(stderr, "bench: %s%s%s\n", what.c_str(), number != 0 ? ": " : "",
                 number != 0 ? std::strerror(number) : "");
    std::exit(1);
}

// xoshiro256++ seeded by splitmix64: the same numbers on every machine, unlike the distributions of <random>.
class Random {
public:
    explicit Random(std::uint64_t seed) {
        for (std::uint64_t& word : state_) word = split(seed);
    }
    // A generator for one part of the work (a file, a site): equal however many threads share the parts.
    static Random for_part(std::uint64_t seed, std::uint64_t part) { return Random{split(seed) ^ mix(part)}; }

    std::uint64_t next() {
        const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }
    // Uniform below `end`, which is not 0; the bias of 2^-32 does not matter here.
    std::uint64_t below(std::uint64_t end) {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<Wide>(next()) * end) >> 64U);
    }
    double unit() { return static_cast<double>(next() >> 11U) * 0x1p-53; }  // in [0, 1)
    double normal() {
        const double radius = std::sqrt(-2.0 * std::log(1.0 - unit()));
        return radius * std::cos(6.283185307179586 * unit());
    }
    // Small numbers often, large ones rarely: the rank of a word in text.
    std::uint64_t skewed_below(std::uint64_t end) {
        const double place = unit();
        return static_cast<std::uint64_t>(place * place * static_cast<double>(end));
    }

private:
    using Word = std::uint64_t;
    static Word rotate(Word value, int by) { return (value << by) | (value >> (64 - by)); }
    static Word mix(Word z) {
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    static Word split(Word& seed) { return mix(seed += 0x9e3779b97f4a7c15U); }

    Word state_[4] = {};
};

// Owns a file descriptor.
class Fd {
public:
    Fd() = default;
    explicit Fd(int number) : number_(number) {}
    Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Fd() {
        if (number_ >= 0) ::close(number_);
    }
    int get() const { return number_; }
    bool is_open() const { return number_ >= 0; }
    void reset() { Fd{}.swap_with(*this); }

private:
    void swap_with(Fd& other) { std::swap(number_, other.number_); }

    int number_ = -1;
};

inline Fd open_or_stop(int directory, const char* path, int flags, mode_t mode = 0) {
    Fd fd{::openat(directory, path, flags | O_CLOEXEC, mode)};
    if (!fd.is_open()) stop(std::string{"cannot open '"} + path + "'");
    return fd;
}

inline void write_or_stop(int fd, const void* data, std::size_t size) {
    const char* at = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t written = ::write(fd, at, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) stop("cannot write");
        at += written;
        size -= static_cast<std::size_t>(written);
    }
}

inline void pwrite_or_stop(int fd, const void* data, std::size_t size, std::uint64_t offset) {
    const char* at = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t written = ::pwrite(fd, at, size, static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) stop("cannot write");
        at += written;
        offset += static_cast<std::uint64_t>(written);
        size -= static_cast<std::size_t>(written);
    }
}

// Exactly `size` bytes from `offset`; fewer is a failure, because nothing may change under a benchmark.
inline void pread_or_stop(int fd, void* data, std::size_t size, std::uint64_t offset) {
    char* at = static_cast<char*>(data);
    while (size > 0) {
        const ssize_t got = ::pread(fd, at, size, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) stop("cannot read");
        if (got == 0) stop("a file became shorter while it was read", 0);
        at += got;
        offset += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
}

inline double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

inline unsigned core_count() {
    const unsigned cores = std::thread::hardware_concurrency();
    return cores == 0 ? 1 : cores;
}

// Calls work(i) for every i below `count` on `threads` threads; whoever is free takes the next.
template <typename Work>
void in_parallel(std::uint64_t count, unsigned threads, Work work) {
    std::atomic<std::uint64_t> next{0};
    const auto run = [&] {
        for (std::uint64_t i = next++; i < count; i = next++) work(i);
    };
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(run);
    run();
}

// `--name VALUE` out of the arguments, which lose it; `otherwise` where it is not given.
inline std::string take_option(std::vector<std::string>& arguments, std::string_view name, std::string otherwise) {
    for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
        if (arguments[i] != name) continue;
        std::string value = arguments[i + 1];
        const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
        arguments.erase(at, at + 2);
        return value;
    }
    return otherwise;
}

}  // namespace bench
