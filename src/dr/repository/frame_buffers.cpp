#include "dr/repository/frame_buffers.h"

#include <utility>

namespace dr {
namespace {

// Sizes in steps, so that frames of nearly one size share buffers.
constexpr std::size_t kStep = 128U << 10;

}  // namespace

Buffer FrameBuffers::take(std::size_t size) {
    const std::size_t capacity = (size + kStep - 1) / kStep * kStep;
    const std::lock_guard lock{mutex_};
    std::size_t best = free_.size();
    for (std::size_t i = 0; i < free_.size(); ++i) {
        // Half empty is waste enough: a 16 MiB buffer does not serve a frame of 1 MiB.
        const std::size_t has = free_[i].capacity();
        if (has < capacity || has > 2 * capacity) continue;
        if (best == free_.size() || has < free_[best].capacity()) best = i;
    }
    if (best == free_.size()) return make(capacity);
    std::swap(free_[best], free_.back());
    Buffer found = std::move(free_.back());
    free_.pop_back();
    idle_ -= found.capacity();
    in_use_ += found.capacity();
    found.set_size(0);
    return found;
}

// None fits: others make room for a new one.
Buffer FrameBuffers::make(std::size_t capacity) {
    in_use_ += capacity;
    drop_idle(in_use_ < total_limit_ ? total_limit_ - in_use_ : 0);
    return Buffer{capacity};
}

void FrameBuffers::drop_idle(std::size_t limit) {
    while (idle_ > limit) {
        idle_ -= free_.front().capacity();
        free_.erase(free_.begin());
    }
}

void FrameBuffers::give(Buffer buffer) {
    if (buffer.data() == nullptr) return;  // it never had memory, or was moved from
    const std::lock_guard lock{mutex_};
    in_use_ -= buffer.capacity();
    if (idle_ + buffer.capacity() > idle_limit_ || idle_ + in_use_ + buffer.capacity() > total_limit_) return;
    idle_ += buffer.capacity();
    free_.push_back(std::move(buffer));
}

void FrameBuffers::clear() {
    const std::lock_guard lock{mutex_};
    drop_idle(0);
}

std::size_t FrameBuffers::idle() const {
    const std::lock_guard lock{mutex_};
    return idle_;
}

std::size_t FrameBuffers::in_use() const {
    const std::lock_guard lock{mutex_};
    return in_use_;
}

}  // namespace dr
