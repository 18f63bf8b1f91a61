#pragma once
// FrameCache: what was read lately and may be asked for again, within a budget of bytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace dr {

// Least recently used goes first. Thread-safe; in parts, so that threads that ask for different keys seldom wait for
// each other. A value that was handed out lives on after it left the cache.
template <typename Value>
class FrameCache {
public:
    using Held = std::shared_ptr<const Value>;

    explicit FrameCache(std::size_t budget_bytes) : budget_(budget_bytes / kParts) {}

    // Null where it is not there.
    Held find(std::uint64_t key) {
        Part& part = part_of(key);
        const std::lock_guard lock{part.mutex};
        const auto at = part.places.find(key);
        if (at == part.places.end()) return nullptr;
        part.order.splice(part.order.begin(), part.order, at->second);
        return at->second->value;
    }

    void put(std::uint64_t key, Held value, std::size_t size) {
        if (size > budget_) return;
        Part& part = part_of(key);
        const std::lock_guard lock{part.mutex};
        if (part.places.contains(key)) return;  // another thread was faster
        part.order.push_front(Item{key, std::move(value), size});
        part.places.emplace(key, part.order.begin());
        part.size += size;
        while (part.size > budget_) {
            part.size -= part.order.back().size;
            part.places.erase(part.order.back().key);
            part.order.pop_back();
        }
    }

private:
    static constexpr std::size_t kParts = 8;

    struct Item {
        std::uint64_t key;
        Held value;
        std::size_t size;
    };
    struct Part {
        std::mutex mutex;
        std::list<Item> order;
        std::unordered_map<std::uint64_t, typename std::list<Item>::iterator> places;
        std::size_t size = 0;
    };

    Part& part_of(std::uint64_t key) { return parts_[(key * 0x9e3779b97f4a7c15ULL) >> 61U]; }

    const std::size_t budget_;
    std::array<Part, kParts> parts_;
};

}  // namespace dr
