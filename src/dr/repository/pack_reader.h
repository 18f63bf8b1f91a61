#pragma once
// Reading packs. Whatever lies in the store is hostile until a frame has opened under the repository's keys.
//
// Every function is thread-safe. Common errors: NotFound where the object is not there, Io, Damaged for bytes that are
// not what was written, WrongKey where the ring lacks the pack's epoch, Unsupported for a newer version.

#include <cstdint>
#include <string>
#include <vector>

#include "dr/base/result.h"
#include "dr/repository/frame_tools.h"
#include "dr/repository/pack_format.h"
#include "dr/repository/pack_keys.h"
#include "dr/storage/object_store.h"

namespace dr {

// The footer of the pack `object`, whose last component is its id. Needs no key.
Result<PackFooter> read_pack_footer(ObjectStore& objects, std::string_view object);

// Whether the bytes of the pack are those that its name promises: header, slices, slice table and footer. Reads all of
// it, in pieces, and needs no key.
Result<void> check_pack_slices(ObjectStore& objects, std::string_view object);

// The keys of a pack, from its first 256 bytes.
Result<FrameCipher> read_pack_cipher(ObjectStore& objects, const RepositoryKeys& keys, std::string_view object);

// A pack whose directory has been opened.
struct PackContents {
    PackFooter footer;
    FrameCipher cipher;
    std::vector<DirectoryFrame> frames;
};
Result<PackContents> read_pack_contents(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                        std::string_view object);
// The same for a pack of blobs, which must be of class 1 or 2 and of the session that its name says.
Result<PackContents> read_pack_contents(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                        const PackName& name);

// Reads and opens one frame of `length` bytes, header to tag. Whether it is the frame that one expects is for the
// caller to check.
Result<FramePlain> read_frame(ObjectStore& objects, const FrameCipher& cipher, FrameTools& tools,
                              std::string_view object, std::uint64_t offset, std::uint32_t length);
// The same, proven to be frame `number` of the pack as its directory has it.
Result<FramePlain> read_frame(ObjectStore& objects, const PackContents& pack, FrameTools& tools,
                              std::string_view object, std::uint32_t number);

struct PackVerified {
    std::uint64_t bytes_read = 0;
    std::uint64_t blobs = 0;
    std::uint64_t plain_bytes = 0;
};

// Full verification: opens every frame, inflates it and proves every blob to be what the directory names it. Damaged
// at the first that is not. One pack is one thread's work; callers run packs beside each other. Holds about 4 MiB.
Result<PackVerified> verify_pack(ObjectStore& objects, const RepositoryKeys& keys, FrameTools& tools,
                                 const PackName& name);

}  // namespace dr
