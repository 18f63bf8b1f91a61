#pragma once
// DR_CHECK: a broken assumption of our own code is a bug. It is named and stops the program, in every build, because
// going on with a wrong assumption in a backup tool loses data quietly. Damaged input is never a bug: return an Error.

namespace dr {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace dr

#define DR_CHECK(condition)                                                   \
    do {                                                                      \
        if (!(condition)) ::dr::check_failed(#condition, __FILE__, __LINE__); \
    } while (false)
