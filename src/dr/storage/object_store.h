#pragma once
// ObjectStore: named, immutable objects. The one thing the repository asks of a disk or a cloud.
//
// A name is a relative path of [A-Za-z0-9._-] components; an object is written once and never changes. Nothing here
// trusts a listing for safety: names come from the log. All functions may be called from many threads.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/bytes.h"
#include "dr/base/result.h"
#include "dr/base/time.h"

namespace dr {

// When an object put is durable, that is: survives a power cut under its name.
enum class Durability : std::uint8_t {
    Now,    // once put_new() returns
    Later,  // once the next sync() returns; writing goes on in the background meanwhile
};

struct ObjectInfo {
    std::string name;
    std::uint64_t size = 0;
};

class ObjectStore {
public:
    virtual ~ObjectStore() = default;

    // Writes a new object of `parts` in order. Fails with AlreadyExists where the name is taken (perhaps by your own
    // earlier try: compare; what lies there is durable after the next sync()), NoSpace, Io, Refused (read-only).
    virtual Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability durability) = 0;
    Result<void> put_new(std::string_view name, ByteSpan bytes, Durability durability) {
        const ByteSpan parts[] = {bytes};
        return put_new(name, parts, durability);
    }

    // Makes every object put so far durable, names included. After a failure nothing put since the last success may be
    // relied on: an fsync that failed once is not asked again.
    virtual Result<void> sync() = 0;

    // Makes names that this program did not write durable before it acts on them (DESIGN 5: a record seen may not be
    // durable yet). `directory` is a prefix such as "log".
    virtual Result<void> sync_directory(std::string_view directory) = 0;

    // The whole object; NotFound, Io, or Damaged when larger than `limit` bytes.
    virtual Result<Bytes> get(std::string_view name, std::uint64_t limit) = 0;

    // Exactly `into.size()` bytes from `offset`. Damaged when the object is shorter.
    virtual Result<void> get_range(std::string_view name, std::uint64_t offset, MutableByteSpan into) = 0;

    // NotFound where there is none.
    virtual Result<std::uint64_t> size(std::string_view name) = 0;

    // Objects (not prefixes) whose name starts with `prefix` + "/", in byte order, below any depth. Temporary files are
    // not listed.
    virtual Result<std::vector<ObjectInfo>> list(std::string_view prefix) = 0;

    // Removing what is not there succeeds. Durable at the next sync().
    virtual Result<void> remove(std::string_view name) = 0;

    // Removes what puts that never ended left behind and nobody wrote to since `before`: whoever calls knows that no
    // writer of that time lives. Returns how many bytes that freed. A store that leaves nothing has nothing to do.
    virtual Result<std::uint64_t> remove_temporary_files(Timestamp /*before*/) { return std::uint64_t{0}; }

    // "local", "archive", "object_store": for SnapshotMeta. And where it is, as the user would type it.
    virtual std::string backend() const = 0;
    virtual std::string location() const = 0;
};

}  // namespace dr
