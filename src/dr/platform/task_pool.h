#pragma once
// TaskPool: the only place that starts threads for work. Urgent tasks (downstream: compress, seal, write) run before
// ordinary ones (upstream: read, hash), so buffers drain before new ones fill and memory stays bounded. A critical task
// is the next link of the one chain that all others wait for sooner or later (the file whose turn it is): left in the
// queue, it would run alone in the end, beside idle cores. Its owner bounds what it fills.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace dr {

enum class Priority : std::uint8_t { Critical, Urgent, Ordinary };

class TaskPool {
public:
    // `workers` ≥ 1 threads in addition to those that call help_until(); fewer, or none, where the system has no more
    // to give. Tasks must not throw.
    explicit TaskPool(unsigned workers);
    // Runs what is queued, then joins.
    ~TaskPool();
    TaskPool(const TaskPool&) = delete;
    TaskPool& operator=(const TaskPool&) = delete;

    unsigned workers() const { return static_cast<unsigned>(threads_.size()); }

    void submit(Priority priority, std::move_only_function<void()> task);

    // Runs queued tasks on this thread (Urgent ones only, if `lowest` says so) until done() holds; sleeps while there
    // is nothing to run. `done` is asked under no lock of the pool, after every task that finishes anywhere and after
    // wake().
    void help_until(const std::function<bool()>& done, Priority lowest = Priority::Ordinary);
    // To be called when something that a done() looks at has changed outside a task.
    void wake();

private:
    std::deque<std::move_only_function<void()>>& first_queue(Priority lowest);
    bool run_one(Priority lowest, std::unique_lock<std::mutex>& lock);
    void work();

    std::mutex mutex_;
    std::condition_variable work_ready_;  // workers wait for this
    std::condition_variable changed_;     // help_until() waits for this
    std::deque<std::move_only_function<void()>> queues_[3];
    std::uint64_t finished_ = 0;  // bumped whenever a task ends or wake() is called
    unsigned helpers_ = 0;        // that wait for changed_: mostly none, and then nobody is woken in vain
    bool stopping_ = false;
    std::vector<std::jthread> threads_;
};

}  // namespace dr
