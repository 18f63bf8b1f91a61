#pragma once
// Memory for keys that live as long as the process: kept from swap and core dumps like that of SecretBytes, and wiped
// when it is given back.
//
// Each piece takes some microseconds and 4 pages, one of them locked. Where RLIMIT_MEMLOCK forbids the lock (8 MiB are
// usual: 2000 pieces) the piece is left out of core dumps all the same but may be swapped: a backup that runs is worth
// more.

#include <cstddef>

namespace dr {

// Stops the program when there is no memory.
void* allocate_locked(std::size_t size);
void free_locked(void* memory);

// A class that derives from this lies in such memory when it is made by `new` or make_unique.
struct InLockedMemory {
    static void* operator new(std::size_t size) { return allocate_locked(size); }
    static void operator delete(void* memory) { free_locked(memory); }
};

// For containers of keys: an element of a map or a list has a piece of its own.
template <typename T>
struct LockedAllocator {
    using value_type = T;
    LockedAllocator() = default;
    template <typename Other>
    explicit(false) LockedAllocator(const LockedAllocator<Other>&) {}
    T* allocate(std::size_t count) { return static_cast<T*>(allocate_locked(count * sizeof(T))); }
    void deallocate(T* memory, std::size_t) { free_locked(memory); }
    bool operator==(const LockedAllocator&) const = default;
};

}  // namespace dr
