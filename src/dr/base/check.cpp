#include "dr/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace dr {

void check_failed(const char* condition, const char* file, int line) noexcept {
    (void)std::fprintf(stderr, "qnwis_dr: a bug: '%s' does not hold at %s:%d\n", condition, file, line);
    std::abort();
}

}  // namespace dr
