#pragma once
// The content of a checkpoint: a State as sections of items, and back (FORMAT 11).

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "dr/codec/wire.h"
#include "dr/repository/replay.h"

namespace dr {

enum class CheckpointSection : std::uint8_t {
    Core = 1,
    Actors,
    Slots,
    Sessions,
    Adoptions,
    Packs,
    Absences,
    Runs,
    Reductions,
    Packsets,
    Snapshots,
    ForgottenIds,
    Voids,
    Rollbacks,
};
inline constexpr std::uint8_t kCheckpointSections = 14;

class CheckpointCodec {
public:
    // Takes the items of a section one after the other.
    using AddItem = std::function<void(ByteSpan item)>;
    // Gives the items of `section` in their order to `add`. The state has no junk.
    static void encode(const State& state, CheckpointSection section, const AddItem& add);

    // Makes a state of all items of all sections, by section from 1. Damaged unless they fit together.
    static Result<State> decode(const std::array<Bytes, kCheckpointSections>& sections, const Head& head,
                                const RepositoryId& repository);
};

}  // namespace dr
