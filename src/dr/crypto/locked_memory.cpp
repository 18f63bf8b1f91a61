#include "dr/crypto/locked_memory.h"

#include <sodium.h>

#include "dr/base/check.h"

namespace dr {

void* allocate_locked(std::size_t size) {
    DR_CHECK(sodium_init() >= 0);
    // The end of the piece is that of a page, so a size that is a multiple of an alignment keeps it.
    void* const memory = sodium_malloc(size);
    DR_CHECK(memory != nullptr);
    return memory;
}

void free_locked(void* memory) { sodium_free(memory); }

}  // namespace dr
