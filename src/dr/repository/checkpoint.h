#pragma once
// Checkpoints: a replayed state, kept so that the next reader need not replay the log from 0 (FORMAT 11).
//
// A checkpoint is a cache: everything in it follows from the records it covers. It is written after every 64th record
// by whoever appended it, is believed only when signed by somebody the reader trusts, and may be deleted at any time.
// It is a signed root that names pages by their SHA-256; pages are cut where the content says so, and equal pages of
// two checkpoints are one object.
//
//   checkpoints/<20 digits of seq>:
//     "QDRCHKP1"  u64 seq  head hash[32]  repository id[32]  actor[32]
//     sections* { u8 section  pages* { sha256[32]  varint length } }  signature[64]
//   `signature` is the actor's Ed25519 over "qnwis-dr/1/checkpoint" ‖ all before it. Sections stand in ascending order,
//   each once; the items of a section are the concatenation of its pages. A page holds whole items; one item may
//   be long, so a page may have up to 64 MiB.
//
// FORMAT 11 has the items of each section.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "dr/repository/replay.h"
#include "dr/storage/object_store.h"

namespace dr {

inline constexpr std::uint64_t kCheckpointEvery = 64;  // after records 63, 127, …

// "checkpoints/00000000000000000063"
std::string checkpoint_name(std::uint64_t seq);
// Nothing where no checkpoint has that name.
std::optional<std::uint64_t> checkpoint_in_name(std::string_view object_name);

// Writes the checkpoint of `state`, which is that after its head. Pages that are there already are left alone. Fails as
// the store does; a failure harms nothing.
Result<void> write_checkpoint(ObjectStore& store, const State& state, const SigningKey& key);

struct Checkpoint {
    State state;
    PublicKey actor;  // who signed it
};

// Reads the checkpoint after record `seq`. NotFound; Refused when it is signed by somebody else than `trusted` or who
// has no role in it; Damaged when anything in it is not as it should be. `repository` is what the log's first record
// says.
Result<Checkpoint> read_checkpoint(ObjectStore& store, std::uint64_t seq, const RepositoryId& repository,
                                   const std::vector<PublicKey>& trusted);

}  // namespace dr
