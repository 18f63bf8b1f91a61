#pragma once
// Words for bytes: owned, borrowed, and big buffers that are not cleared before they are filled.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dr {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;

inline ByteSpan as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline bool equal(ByteSpan a, ByteSpan b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}
inline void append(Bytes& to, ByteSpan more) { to.insert(to.end(), more.begin(), more.end()); }

// A fixed piece of memory of `capacity` bytes, uninitialised: filling 16 MiB twice would cost as much as hashing it.
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::size_t capacity)
        : data_(std::make_unique_for_overwrite<std::uint8_t[]>(capacity)), capacity_(capacity) {}

    std::uint8_t* data() { return data_.get(); }
    const std::uint8_t* data() const { return data_.get(); }
    std::size_t capacity() const { return capacity_; }
    std::size_t size() const { return size_; }
    void set_size(std::size_t size) { size_ = size; }
    std::size_t room() const { return capacity_ - size_; }
    ByteSpan bytes() const { return {data_.get(), size_}; }
    void add(ByteSpan more) {
        if (!more.empty()) std::memcpy(data_.get() + size_, more.data(), more.size());
        size_ += more.size();
    }

private:
    std::unique_ptr<std::uint8_t[]> data_;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
};

}  // namespace dr
