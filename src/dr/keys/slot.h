#pragma once
// A slot: an X25519 key pair that opens rings, and the Ed25519 key of the actor who holds it, both wrapped by a vault
// (FORMAT 4). It lies in the repository as keys/<slot id> and, with a pin, in a key file.

#include <optional>
#include <string>

#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/crypto/sign.h"
#include "dr/keys/key_vault.h"
#include "dr/models/key_material.h"
#include "dr/platform/clock.h"
#include "dr/platform/random.h"

namespace dr {

struct SlotFile {
    WrapParameters parameters;
    PublicKey slot_public;   // X25519
    PublicKey actor_public;  // Ed25519
    Bytes wrapped;           // 72 bytes
    std::optional<RepositoryId> pin;

    // "k-" and 16 hexadecimal digits of the public key.
    std::string id() const;
    bool operator==(const SlotFile&) const = default;
};

Bytes encode(const SlotFile& slot);
// Damaged when it is no slot.
Result<SlotFile> decode_slot(ByteSpan bytes);

// The private part of a slot. Wipes itself.
struct OpenedSlot {
    Key32 slot_private;
    SigningKey actor;
    OpenedSlot clone() const { return {slot_private.clone(), actor.clone()}; }
};

struct NewSlot {
    SlotFile slot;
    OpenedSlot opened;
};

// A new key pair, wrapped by `vault`.
Result<NewSlot> create_slot(const KeyVault& vault, Random& random);
// Fails with WrongKey; Damaged where the private keys do not belong to the public ones.
Result<OpenedSlot> open_slot(const SlotFile& slot, const KeyVault& vault);

// dr_key.json and back. `key_id` is the slot id; `algorithm` is "x25519-ed25519-aes256kw".
KeyMaterial to_key_material(const SlotFile& slot, Timestamp created_at);
Result<SlotFile> from_key_material(const KeyMaterial& key);

}  // namespace dr
