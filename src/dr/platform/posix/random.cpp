#include "dr/platform/posix/random.h"

#include <sys/random.h>

#include <cerrno>

#include "dr/base/check.h"

namespace dr {

void PosixRandom::fill(MutableByteSpan bytes) {
    while (!bytes.empty()) {
        const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        // Going on without random numbers would draw keys that others can guess.
        DR_CHECK(got > 0);
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
}

}  // namespace dr
