#include "dr/snapshot/backup_unit.h"

#include "dr/snapshot/file_reader.h"

namespace dr {

// Here, where a LargeFileReader is known.
BackupUnit::BackupUnit() = default;
BackupUnit::~BackupUnit() = default;

}  // namespace dr
