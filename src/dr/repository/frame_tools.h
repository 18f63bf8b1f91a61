#pragma once
// FrameTools: openers and buffers, shared by all threads that read frames.

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "dr/repository/frame.h"
#include "dr/repository/frame_buffers.h"

namespace dr {

// Things that are dear to make and serve one thread at a time. Thread-safe.
template <typename Thing>
class Lender {
public:
    // Given back when it goes out of scope.
    class Lease {
    public:
        Lease(Lender& lender, std::unique_ptr<Thing> thing) : lender_(&lender), thing_(std::move(thing)) {}
        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease() {
            if (thing_) lender_->give(std::move(thing_));
        }
        Thing& operator*() const { return *thing_; }
        Thing* operator->() const { return thing_.get(); }

    private:
        Lender* lender_;
        std::unique_ptr<Thing> thing_;
    };

    template <typename... Arguments>
    Lease lend(Arguments&&... arguments) {
        {
            const std::lock_guard lock{mutex_};
            if (!idle_.empty()) {
                std::unique_ptr<Thing> thing = std::move(idle_.back());
                idle_.pop_back();
                return Lease{*this, std::move(thing)};
            }
        }
        return Lease{*this, std::make_unique<Thing>(std::forward<Arguments>(arguments)...)};
    }

private:
    void give(std::unique_ptr<Thing> thing) {
        const std::lock_guard lock{mutex_};
        idle_.push_back(std::move(thing));
    }

    std::mutex mutex_;
    std::vector<std::unique_ptr<Thing>> idle_;
};

struct FrameTools {
    explicit FrameTools(std::size_t idle_bytes = 16U << 20, std::size_t total_bytes = SIZE_MAX)
        : buffers(idle_bytes, total_bytes) {}

    Lender<FrameOpener> openers;
    FrameBuffers buffers;
};

}  // namespace dr
