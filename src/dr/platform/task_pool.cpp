#include "dr/platform/task_pool.h"

#include <system_error>
#include <utility>

#include "dr/base/check.h"

namespace dr {
namespace {

std::size_t queue_of(Priority priority) { return static_cast<std::size_t>(priority); }

}  // namespace

TaskPool::TaskPool(unsigned workers) {
    DR_CHECK(workers >= 1);
    threads_.reserve(workers);
    // Where the system gives no more threads, those that came do the work, or whoever calls help_until(). To let the
    // exception out would be to wait for ever: the threads made so far would be joined, and nobody told them to stop.
    try {
        for (unsigned i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
        // No thread to be had.
    }
}

TaskPool::~TaskPool() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    work_ready_.notify_all();
    threads_.clear();
    std::unique_lock lock{mutex_};
    while (run_one(Priority::Ordinary, lock)) {  // only where no thread could be started is anything left
    }
}

void TaskPool::submit(Priority priority, std::move_only_function<void()> task) {
    bool helped = false;
    {
        const std::lock_guard lock{mutex_};
        queues_[queue_of(priority)].push_back(std::move(task));
        helped = helpers_ != 0;
    }
    work_ready_.notify_one();
    if (helped) changed_.notify_all();
}

void TaskPool::help_until(const std::function<bool()>& done, Priority lowest) {
    std::unique_lock lock{mutex_};
    while (true) {
        // What changes after this reading makes the wait below end at once, so no change is slept through.
        const std::uint64_t seen = finished_;
        lock.unlock();
        if (done()) return;
        lock.lock();
        if (run_one(lowest, lock)) continue;
        ++helpers_;
        changed_.wait(lock, [&] { return finished_ != seen || !first_queue(lowest).empty(); });
        --helpers_;
    }
}

void TaskPool::wake() {
    {
        const std::lock_guard lock{mutex_};
        ++finished_;
    }
    changed_.notify_all();
}

// Whoever helps with urgent tasks alone waits for them: a link of the chain would only keep him.
std::deque<std::move_only_function<void()>>& TaskPool::first_queue(Priority lowest) {
    auto& urgent = queues_[queue_of(Priority::Urgent)];
    if (lowest == Priority::Urgent) return urgent;
    auto& critical = queues_[queue_of(Priority::Critical)];
    if (!critical.empty()) return critical;
    return urgent.empty() ? queues_[queue_of(Priority::Ordinary)] : urgent;
}

bool TaskPool::run_one(Priority lowest, std::unique_lock<std::mutex>& lock) {
    auto& queue = first_queue(lowest);
    if (queue.empty()) return false;
    {
        std::move_only_function<void()> task = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        task();
    }  // what the task held is let go of before anybody hears that it is done, and not under the lock
    lock.lock();
    ++finished_;
    if (helpers_ != 0) changed_.notify_all();
    return true;
}

void TaskPool::work() {
    std::unique_lock lock{mutex_};
    while (true) {
        if (run_one(Priority::Ordinary, lock)) continue;
        if (stopping_) return;
        work_ready_.wait(lock, [&] { return stopping_ || !first_queue(Priority::Ordinary).empty(); });
    }
}

}  // namespace dr
