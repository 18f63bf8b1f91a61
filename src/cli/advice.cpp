#include "cli/advice.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace dr::cli {
namespace {

struct Advice {
    ErrorCode code;
    std::string_view means;
    std::string_view next;  // empty: the same line again
};

// Where nothing better is known. In the order of ErrorCode.
constexpr std::array kAdvice{
    Advice{ErrorCode::Io, "what was done before this is whole",
           "qnwis_dr config show    says what is used, and who asked for it"},
    Advice{ErrorCode::BadRequest, "nothing was done", "qnwis_dr --help"},
    Advice{ErrorCode::NotFound, "nothing was done", "qnwis_dr list"},
    Advice{ErrorCode::AlreadyExists, "nothing was changed",
           "qnwis_dr config show    says what is used, and who asked for it"},
    Advice{ErrorCode::WrongKey, "no work was begun", "qnwis_dr keys status"},
    Advice{ErrorCode::Damaged, "nothing was written from it; other snapshots may be whole",
           "qnwis_dr verify --snapshot-id latest --json    lists what is damaged"},
    Advice{ErrorCode::Forked, "nothing was done: the storage may have been set back or exchanged",
           "qnwis_dr list    compare with another machine that knows it"},
    Advice{ErrorCode::Refused, "nothing was done", "qnwis_dr config show    says what is allowed, and who said so"},
    Advice{ErrorCode::NoSpace, "nothing that was there is harmed", "df -h    shows which file system is full"},
    Advice{ErrorCode::Unavailable, "nothing that was there is harmed", ""},
    Advice{ErrorCode::Waiting, "nothing was done yet", ""},
    Advice{ErrorCode::Cancelled, "nothing is half done; the same line again goes on with what was stored", ""},
    Advice{ErrorCode::Unsupported, "nothing was changed", "qnwis_dr version"},
    Advice{ErrorCode::Conflict, "nothing was changed", ""},
};
static_assert(std::ranges::equal(kAdvice, kErrorCodes, {}, &Advice::code, &ErrorCodeInfo::code));

}  // namespace

Error with_advice(Error error, const std::string& again) {
    const Advice& advice = kAdvice[static_cast<std::size_t>(error.code())];
    if (error.meaning().empty()) {
        Error told = std::move(error).means(std::string(advice.means));
        error = std::move(told);
    }
    if (!error.next_step().empty()) return error;
    Error told = std::move(error).next(advice.next.empty() ? again : std::string(advice.next));
    return told;
}

}  // namespace dr::cli
