#pragma once
// One file, read from the repository to its last byte: every blob is what its id says, and all together are what the
// file was.

#include <cstdint>

#include "dr/base/monitor.h"
#include "dr/platform/task_pool.h"
#include "dr/repository/tree_reader.h"

namespace dr {

// Returns the bytes read. Fails with Damaged, Cancelled, or what the source fails with.
Result<std::uint64_t> check_file(BlobSource& source, const Entry& file, TaskPool& pool, const Monitor& monitor);

}  // namespace dr
