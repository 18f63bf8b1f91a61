#pragma once
// The key ring: the keys of one repository, sealed to every slot's public key (FORMAT 4). A rotation writes the next
// ring and touches no custodian; the newest ring that the log names counts.

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/crypto/locked_memory.h"
#include "dr/crypto/secret.h"
#include "dr/platform/random.h"

namespace dr {

// Keys by epoch, each in locked memory.
using EpochKeys = std::map<std::uint32_t, Key32, std::less<>, LockedAllocator<std::pair<const std::uint32_t, Key32>>>;

// What is kept for long of the other keys lies in an object that is made in locked memory.
struct Ring {
    Key32 k_id;        // names blobs
    Key32 k_chunk;     // places chunk and tree boundaries
    EpochKeys epochs;  // R_1 … R_n; the last one seals what is new

    static Ring create(Random& random);  // with epoch 1
    Ring clone() const;
    std::uint32_t newest_epoch() const { return epochs.rbegin()->first; }
};

// All-zero K_id and K_chunk and no epochs: what a repository with `encryption: none` works with.
Ring plain_ring();

// The file keys/ring-<number>.
Result<Bytes> seal_ring(const Ring& ring, const RepositoryId& repository, std::uint32_t number,
                        std::span<const PublicKey> slots, Random& random);

// The public keys of the slots that a ring file is sealed to, in its order. Damaged when the file is no ring `number`.
Result<std::vector<PublicKey>> ring_slots(ByteSpan file, std::uint32_t number);

// Fails with WrongKey when no box is for this slot, Damaged when the file is no ring `number`.
Result<Ring> open_ring(ByteSpan file, const RepositoryId& repository, std::uint32_t number,
                       const PublicKey& slot_public, const Key32& slot_private);

}  // namespace dr
