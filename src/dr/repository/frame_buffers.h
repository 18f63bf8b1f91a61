#pragma once
// FrameBuffers: big buffers that are used again. Fresh memory of the system costs a page fault for every 4 KiB, which
// for a frame is as dear as sealing it.

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "dr/base/bytes.h"

namespace dr {

// Thread-safe.
class FrameBuffers {
public:
    // Keeps at most `idle_limit` bytes that nobody uses, and none beyond `total_limit` together with those in use.
    explicit FrameBuffers(std::size_t idle_limit, std::size_t total_limit = SIZE_MAX)
        : idle_limit_(idle_limit), total_limit_(total_limit) {}

    // A buffer with room for `size` bytes or more, and none in it.
    Buffer take(std::size_t size);
    void give(Buffer buffer);
    // Lets go of all that nobody uses.
    void clear();
    std::size_t idle() const;    // bytes
    std::size_t in_use() const;  // bytes taken and not given back

private:
    Buffer make(std::size_t capacity);
    void drop_idle(std::size_t limit);

    const std::size_t idle_limit_;
    const std::size_t total_limit_;
    mutable std::mutex mutex_;
    std::size_t idle_ = 0;
    std::size_t in_use_ = 0;
    std::vector<Buffer> free_;
};

}  // namespace dr
