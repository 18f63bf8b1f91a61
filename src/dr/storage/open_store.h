#pragma once
// From what a user typed as storage to the store itself.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dr/platform/random.h"
#include "dr/storage/object_store.h"

namespace dr {

enum class StoreKind : std::uint8_t { Local, Archive, Cloud };

struct StorageLocation {
    StoreKind kind = StoreKind::Local;
    std::string path;  // Local: a directory, relative to the current one if it does not start with "/"
};

// A path, "file:///path", or an URL of a store. `backend` is "local", "archive", "object_store" or empty (then the
// location decides). Fails with BadRequest (empty, a host in a file URL, an unknown scheme, a backend that
// contradicts), or Unsupported for stores that come with a later version.
Result<StorageLocation> parse_storage_location(std::string_view location, std::string_view backend = {});

struct OpenStoreOptions {
    bool create = false;  // make the directory (and those above it) and those of a repository in it
    std::string backend;  // as --backend; empty: the location decides
};

// Opens a store. A local one's location() is the real path: absolute, without symbolic links, however it was typed.
// Without `create`, NotFound where the directory is missing, so that an unmounted disk is never filled.
// Besides those of parse_storage_location(): Io. `random` is used only here.
Result<std::unique_ptr<ObjectStore>> open_store(std::string_view location, const OpenStoreOptions& options,
                                                Random& random);

}  // namespace dr
