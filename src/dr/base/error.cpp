#include "dr/base/error.h"

#include <cerrno>
#include <cstring>

namespace dr {
namespace {

ErrorCode code_of(int number) {
    switch (number) {
        case ENOSPC:
        case EDQUOT: return ErrorCode::NoSpace;
        case ENOENT: return ErrorCode::NotFound;
        case EEXIST: return ErrorCode::AlreadyExists;
        default: return ErrorCode::Io;
    }
}

}  // namespace

const ErrorCodeInfo& info(ErrorCode code) { return kErrorCodes[static_cast<std::size_t>(code)]; }

Error Error::from_errno(int number, std::string_view what) {
    char reason[128];
    Error error{code_of(number), std::string(what) + ": " + strerror_r(number, reason, sizeof reason)};
    error.errno_ = number;
    return error;
}

std::string Error::one_line() const {
    std::string line = what_;
    for (const std::string& doing : during_) line += ", while " + doing;
    return line;
}

}  // namespace dr
