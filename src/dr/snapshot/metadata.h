#pragma once
// What an entry has besides its content: owner, mode, times, extended attributes (POSIX ACLs and file capabilities are
// such), inode flags.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/repository/tree.h"
#include "dr/snapshot/directory_handle.h"

namespace dr {

// Fills in what stat tells; neither name, content, hard link nor attributes.
void set_metadata(Entry& entry, const FileStat& stat);

// Extended attributes as far as they may be read, sorted by name. What could not be read is named in `problem`, for the
// report; nothing there is not an error.
struct AttributesRead {
    std::vector<ExtendedAttribute> attributes;
    std::string problem;
};

// Of an open file or directory.
AttributesRead read_attributes(int fd);
// Of an entry that cannot or must not be opened: a symbolic link, a FIFO, a device, a socket.
AttributesRead read_attributes_of(int directory, std::string_view name);

// The flags of chattr that a user sets (immutable, append-only, no-dump, no-copy-on-write …); 0 where the file system
// has none.
std::uint32_t read_inode_flags(int fd);

}  // namespace dr
