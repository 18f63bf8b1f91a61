#pragma once
// BufferPool: large buffers that are used again, because pages that the kernel has to clear anew cost as much as
// hashing them.

#include <memory>
#include <mutex>
#include <vector>

#include "dr/base/bytes.h"

namespace dr {

// Hands out buffers of one capacity. A buffer comes back when its last owner lets go, also after the pool itself is
// gone. Thread-safe.
class BufferPool {
public:
    // Keeps at most `kept` idle buffers.
    BufferPool(std::size_t capacity, std::size_t kept) : shelf_(std::make_shared<Shelf>()), capacity_(capacity) {
        shelf_->kept = kept;
    }

    std::size_t capacity() const { return capacity_; }

    std::shared_ptr<Buffer> take() {
        std::unique_ptr<Buffer> buffer = shelf_->take();
        if (buffer == nullptr) buffer = std::make_unique<Buffer>(capacity_);
        buffer->set_size(0);
        return {buffer.release(), [shelf = shelf_](Buffer* done) { shelf->put(std::unique_ptr<Buffer>{done}); }};
    }

private:
    struct Shelf {
        std::mutex mutex;
        std::vector<std::unique_ptr<Buffer>> idle;
        std::size_t kept = 0;

        std::unique_ptr<Buffer> take() {
            const std::lock_guard lock{mutex};
            if (idle.empty()) return nullptr;
            std::unique_ptr<Buffer> buffer = std::move(idle.back());
            idle.pop_back();
            return buffer;
        }
        void put(std::unique_ptr<Buffer> buffer) {
            const std::lock_guard lock{mutex};
            if (idle.size() < kept) idle.push_back(std::move(buffer));
        }
    };

    std::shared_ptr<Shelf> shelf_;
    std::size_t capacity_;
};

}  // namespace dr
