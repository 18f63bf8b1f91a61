#pragma once
// What a restore may not do, counted by kind: 80,000 files whose owner an ordinary user cannot set are one line, not
// 80,000.

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/restore/restore.h"

namespace dr {

// Thread-safe.
class LossCounter {
public:
    explicit LossCounter(Monitor& monitor) : monitor_(monitor) {}

    // `number` is the errno of the refusal. The first of each kind goes to the monitor.
    void add(std::string_view what, const std::string& path, int number);
    std::vector<RestoreLoss> take();

private:
    Monitor& monitor_;
    std::mutex mutex_;
    std::vector<RestoreLoss> losses_;
};

}  // namespace dr
