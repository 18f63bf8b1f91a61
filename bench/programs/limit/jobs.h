#pragma once
// Work handed from the thread that walks to those that read: bounded, and whoever is free takes the next.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <variant>

#include "limit/walk.h"

namespace bench {

struct SmallFile {
    DirectoryRef directory;
    std::string name;
    Attributes attributes;
};

// Small files that make one frame together.
struct Batch {
    std::vector<SmallFile> files;
    std::uint64_t size = 0;
};

// A part of a large file: one huge file keeps all cores busy.
struct Segment {
    DirectoryRef directory;
    std::string name;
    std::uint32_t large_file = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

using Job = std::variant<Batch, Segment>;

class JobQueue {
public:
    void put(Job job) {
        std::unique_lock lock{mutex_};
        has_room_.wait(lock, [this] { return jobs_.size() < kMost; });
        jobs_.push_back(std::move(job));
        has_jobs_.notify_one();
    }
    void close() {
        const std::lock_guard lock{mutex_};
        is_closed_ = true;
        has_jobs_.notify_all();
    }
    std::optional<Job> take() {  // nothing: closed and empty
        std::unique_lock lock{mutex_};
        has_jobs_.wait(lock, [this] { return is_closed_ || !jobs_.empty(); });
        if (jobs_.empty()) return std::nullopt;
        std::optional<Job> job{std::move(jobs_.front())};
        jobs_.pop_front();
        has_room_.notify_one();
        return job;
    }

private:
    static constexpr std::size_t kMost = 64;  // bounds memory and open directories

    std::mutex mutex_;
    std::condition_variable has_room_, has_jobs_;
    std::deque<Job> jobs_;
    bool is_closed_ = false;
};

}  // namespace bench
