#pragma once
// Log archives: 256 records in one object (FORMAT 11). A second copy of what lies in log/, and fewer objects to fetch.

#include <cstdint>
#include <string>

#include "dr/base/result.h"
#include "dr/storage/object_store.h"

namespace dr {

inline constexpr std::uint64_t kArchiveEvery = 256;

// "log-archive/00000000000000000256": the archive that record `seq` belongs to, named by its first record.
std::string archive_name(std::uint64_t seq);

// Archives the records of the group that ends with `last`. A failure harms nothing.
Result<void> write_archive(ObjectStore& store, std::uint64_t last);

// The file of record `seq` as the archive has it; its content is not checked. NotFound where it is not archived yet,
// Damaged.
Result<Bytes> file_in_archive(ObjectStore& store, std::uint64_t seq);

}  // namespace dr
