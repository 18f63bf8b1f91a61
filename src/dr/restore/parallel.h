#pragma once
// Work on a range, split over all cores.

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "dr/platform/task_pool.h"

namespace dr {

// Calls `work(begin, end)` for pieces of 0 … count of at most `grain`, on any threads, and returns when all are done.
// `work` must not throw. The calling thread works too.
template <typename Work>
void in_parallel(TaskPool& pool, std::size_t count, std::size_t grain, const Work& work) {
    if (count <= grain) {
        if (count > 0) work(std::size_t{0}, count);
        return;
    }
    std::atomic<std::size_t> open{(count + grain - 1) / grain};
    for (std::size_t begin = 0; begin < count; begin += grain) {
        pool.submit(Priority::Urgent, [&, begin] {
            work(begin, std::min(count, begin + grain));
            open.fetch_sub(1);
        });
    }
    pool.help_until([&] { return open.load() == 0; }, Priority::Urgent);
}

}  // namespace dr
