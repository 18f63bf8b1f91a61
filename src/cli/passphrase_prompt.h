#pragma once
// Asks for a passphrase on the terminal of the user, without echo.

#include <functional>
#include <string>

#include "dr/base/result.h"
#include "dr/crypto/secret.h"

namespace dr::cli {

inline constexpr std::size_t kMaxTypedPassphrase = 1024;  // bytes

// Nothing where nobody can be asked: no controlling terminal, or neither input nor messages are on one (cron, a
// pipeline in a service). The question goes to /dev/tty, so that standard input and output stay free. Fails with
// Cancelled (Ctrl-C, end of input), WrongKey (empty), BadRequest (too long, the two are not equal).
std::function<Result<SecretBytes>(const std::string& question, bool confirm)> passphrase_prompt();

// The same on a terminal of the caller's choice; `fd` is read and written.
Result<SecretBytes> ask_passphrase(int fd, const std::string& question, bool confirm);

}  // namespace dr::cli
