#pragma once
// Small files that the user names: keys, plans, policies, passphrases. Read whole, written whole.

#include <cstdint>
#include <string>
#include <string_view>

#include "dr/base/bytes.h"
#include "dr/base/result.h"

namespace dr {

// The whole file, which may be a pipe: "-" is standard input. NotFound, Io (a directory), or BadRequest when it is
// longer than `limit` bytes.
Result<Bytes> read_small_file(const std::string& path, std::size_t limit);

// A new file with permissions `mode`, durable with its name once it returns. AlreadyExists where the name is taken, and
// then nothing changed. `make_parents` makes missing directories, readable by the owner only.
Result<void> write_new_file(const std::string& path, ByteSpan bytes, std::uint32_t mode, bool make_parents = false);

// The same, but a file that is there is replaced as a whole: readers see the old or the new one.
Result<void> replace_file(const std::string& path, ByteSpan bytes, std::uint32_t mode);

// Whether group or others may read or write the file: a secret should not be there. NotFound.
Result<bool> readable_by_others(const std::string& path);

// Absolute, without symbolic links, "." or ".."; the last component need not exist. NotFound where a parent is missing.
Result<std::string> real_path(const std::string& path);

// The same of a directory that is there: `what` it is for ("workspace") is named where it is not. NotFound, BadRequest
// (something else than a directory), Io.
Result<std::string> real_directory(const std::string& path, std::string_view what);

}  // namespace dr
