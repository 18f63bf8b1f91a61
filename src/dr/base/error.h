#pragma once
// Error: why something failed, for people and for programs.
//
// Codes are few: each exists because somebody acts differently on it. One table gives a code its exit status (SPEC 4),
// its HTTP status and its metric label. The sentence names what happened in the user's words; `means` says what
// follows from it, `during` what was being done, `next` what to type. Never put a secret into an Error.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dr {

enum class ErrorCode : std::uint8_t {
    Io,             // the operating system said no, for a reason that no other code names
    BadRequest,     // wrong usage: an option, a document, a value
    NotFound,       // the named repository, snapshot, dataset or file is not there
    AlreadyExists,  // in the way: a key file, files that differ without --overwrite
    WrongKey,       // wrong key or passphrase
    Damaged,        // integrity failure: bytes are not what was written
    Forked,         // an older or a forked history
    Refused,        // by policy: WORM, allowlist, role
    NoSpace,        // storage or target is full
    Unavailable,    // storage or KMS cannot be reached
    Waiting,        // waiting for a second person
    Cancelled,      // interrupted by the user
    Unsupported,    // a newer format, a feature this system lacks
    Conflict,       // lost a race that the caller may retry; never reaches a user
};

struct ErrorCodeInfo {
    ErrorCode code;
    std::string_view label;  // metric label and JSON "code"
    int exit_status;
    int http_status;
    std::string_view meaning;
};

// In the order of ErrorCode.
inline constexpr std::array<ErrorCodeInfo, 14> kErrorCodes{{
    {ErrorCode::Io, "io", 1, 500, "the system could not read or write"},
    {ErrorCode::BadRequest, "bad_request", 2, 400, "wrong usage"},
    {ErrorCode::NotFound, "not_found", 10, 404, "what was named is not there"},
    {ErrorCode::AlreadyExists, "already_exists", 11, 409, "something is in the way"},
    {ErrorCode::WrongKey, "wrong_key", 12, 403, "the key or passphrase does not open this"},
    {ErrorCode::Damaged, "damaged", 13, 500, "the bytes are not what was written"},
    {ErrorCode::Forked, "forked", 13, 409, "the history is older than, or differs from, the one seen before"},
    {ErrorCode::Refused, "refused", 14, 403, "a policy forbids it"},
    {ErrorCode::NoSpace, "no_space", 15, 507, "there is no space left"},
    {ErrorCode::Unavailable, "unavailable", 16, 503, "the storage or key service cannot be reached"},
    {ErrorCode::Waiting, "waiting", 17, 202, "a second person must approve"},
    {ErrorCode::Cancelled, "cancelled", 130, 499, "it was interrupted"},
    {ErrorCode::Unsupported, "unsupported", 1, 501, "this version or system cannot do it"},
    {ErrorCode::Conflict, "conflict", 1, 409, "somebody else was faster"},
}};

const ErrorCodeInfo& info(ErrorCode code);

class [[nodiscard]] Error {
public:
    Error(ErrorCode code, std::string what) : code_(code), what_(std::move(what)) {}

    // The error of a failed system call: `what` without the reason, `number` an errno. ENOSPC and EDQUOT become
    // NoSpace, ENOENT NotFound, EEXIST AlreadyExists, EACCES and EPERM stay Io with the reason in words.
    static Error from_errno(int number, std::string_view what);

    ErrorCode code() const { return code_; }
    const std::string& what() const { return what_; }  // one sentence: lower case, no final stop
    const std::string& meaning() const { return means_; }
    const std::vector<std::string>& whiles() const { return during_; }  // innermost first
    const std::string& next_step() const { return next_; }
    int system_errno() const { return errno_; }  // 0 where no system call failed

    Error&& during(std::string doing) && {
        during_.push_back(std::move(doing));
        return std::move(*this);
    }
    Error&& means(std::string meaning) && {
        means_ = std::move(meaning);
        return std::move(*this);
    }
    Error&& next(std::string command) && {
        next_ = std::move(command);
        return std::move(*this);
    }
    // What the failure is to whoever asked. The errno goes: it told why the code was another one.
    Error&& as(ErrorCode code) && {
        code_ = code;
        errno_ = 0;
        return std::move(*this);
    }

    // The sentence and what was being done, on one line: for logs and for causes.
    std::string one_line() const;

private:
    ErrorCode code_;
    int errno_ = 0;
    std::string what_;
    std::string means_;
    std::vector<std::string> during_;
    std::string next_;
};

}  // namespace dr
