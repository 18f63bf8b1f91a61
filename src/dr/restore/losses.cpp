#include "dr/restore/losses.h"

#include <algorithm>

namespace dr {

void LossCounter::add(std::string_view what, const std::string& path, int number) {
    const Error error = Error::from_errno(number, std::string{what} + " cannot be restored");
    {
        const std::scoped_lock lock{mutex_};
        const auto known = std::ranges::find(losses_, what, &RestoreLoss::what);
        if (known != losses_.end()) {
            ++known->count;
            return;
        }
        losses_.push_back({std::string{what}, 1, path, error.what()});
    }
    monitor_.warning(path, error);
}

std::vector<RestoreLoss> LossCounter::take() {
    const std::scoped_lock lock{mutex_};
    return std::move(losses_);
}

}  // namespace dr
