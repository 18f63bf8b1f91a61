#pragma once
// IndexRunWriter: writes sorted rows as index runs, each of at most kRowsPerRun rows.

#include <cstdint>
#include <vector>

#include "dr/base/result.h"
#include "dr/repository/index_run.h"

namespace dr {

struct WrittenRun {
    PackId id;
    std::uint64_t size = 0;
};

// For one thread. Holds a run in memory: 16 MiB of rows, and as much again while it is written.
class IndexRunWriter {
public:
    // Borrows all; `packs` may grow meanwhile.
    IndexRunWriter(ObjectStore& objects, SessionKeys& keys, const std::vector<PackName>& packs, Durability durability,
                   std::size_t rows_per_run = kRowsPerRun);

    // Rows come in the order of row_before(), with `pack` a place in `packs`.
    Result<void> add(const IndexRow& row);
    // The runs, durable as asked for. None where there were no rows.
    Result<std::vector<WrittenRun>> finish();

private:
    Result<void> write_run();

    ObjectStore& objects_;
    SessionKeys& keys_;
    const std::vector<PackName>& packs_;
    const Durability durability_;
    const std::size_t rows_per_run_;
    std::vector<IndexRow> rows_;
    std::vector<WrittenRun> runs_;
};

}  // namespace dr
