#pragma once
// A part of a file as an entry of its own, for a trial restore of what is too large to be restored for a trial.

#include <cstdint>

#include "dr/repository/tree_reader.h"

namespace dr {

struct PartWanted {
    std::uint64_t max_bytes = 0;  // at least one piece is taken, whatever its length
    std::uint64_t rank = 0;       // any number: where among the bytes that are no holes the part begins follows from it
};

// A run of the pieces of `file`, which must not be empty, with its name and metadata, without its further names. Its
// SHA-256 says nothing. Fails with Damaged where the pieces cannot be listed, or what the source fails with.
Result<Entry> part_of(BlobSource& source, const Entry& file, const PartWanted& wanted);

}  // namespace dr
