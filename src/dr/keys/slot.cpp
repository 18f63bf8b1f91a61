#include "dr/keys/slot.h"

#include "dr/base/hex.h"
#include "dr/codec/crc32c.h"
#include "dr/codec/wire.h"
#include "dr/crypto/box.h"

namespace dr {
namespace {

constexpr std::string_view kMagic = "QDRSLOT1";
constexpr std::string_view kAlgorithm = "x25519-ed25519-aes256kw";
constexpr std::size_t kSecretSize = 64;  // slot private key, actor seed
constexpr std::size_t kWrappedSize = 72;

OpenedSlot split(const SecretBytes& secret) {
    Key32 slot_private = Key32::copy_of(secret.bytes().first(32));
    const Key32 seed = Key32::copy_of(secret.bytes().subspan(32));
    return OpenedSlot{std::move(slot_private), SigningKey::from_seed(seed)};
}

std::string kms_key_id(const SlotFile& slot) {
    if (slot.parameters.kind == VaultKind::Passphrase) return "passphrase";
    return "kek-file:" + to_hex(slot.parameters.kek_id);
}

}  // namespace

std::string SlotFile::id() const { return "k-" + to_hex(slot_public.bytes().first(8)); }

Bytes encode(const SlotFile& slot) {
    Bytes out;
    WireWriter wire{out};
    wire.raw(as_bytes(kMagic));
    wire.u8(static_cast<std::uint8_t>(slot.parameters.kind));
    for (int i = 0; i < 3; ++i) wire.u8(0);
    wire.u32(slot.parameters.passphrase.passes);
    wire.u64(slot.parameters.passphrase.memory_bytes);
    wire.raw(slot.parameters.salt);
    wire.raw(slot.parameters.kek_id);
    wire.id(slot.slot_public);
    wire.id(slot.actor_public);
    DR_CHECK(slot.wrapped.size() == kWrappedSize);
    wire.raw(slot.wrapped);
    wire.u8(slot.pin ? 1 : 0);
    wire.id(slot.pin.value_or(RepositoryId{}));
    wire.u32(crc32c(out));
    return out;
}

Result<SlotFile> decode_slot(ByteSpan bytes) {
    WireReader wire{bytes};
    if (as_text(wire.raw(kMagic.size())) != kMagic) wire.fail("it does not begin like a slot");
    SlotFile slot;
    const std::uint8_t kind = wire.u8();
    if (kind == 1 || kind == 2)
        slot.parameters.kind = static_cast<VaultKind>(kind);
    else
        wire.fail("its kind is not known");
    for (int i = 0; i < 3; ++i) {
        if (wire.u8() != 0) wire.fail("a reserved byte is not zero");
    }
    slot.parameters.passphrase.passes = wire.u32();
    slot.parameters.passphrase.memory_bytes = wire.u64();
    slot.parameters.salt = wire.array<16>();
    slot.parameters.kek_id = wire.array<16>();
    slot.slot_public = wire.id<PublicKey>();
    slot.actor_public = wire.id<PublicKey>();
    const ByteSpan wrapped = wire.raw(kWrappedSize);
    slot.wrapped.assign(wrapped.begin(), wrapped.end());
    const std::uint8_t has_pin = wire.u8();
    const RepositoryId pin = wire.id<RepositoryId>();
    if (has_pin > 1 || (has_pin == 0 && !pin.is_zero())) wire.fail("its pin is not believable");
    if (has_pin == 1) slot.pin = pin;
    const std::size_t covered = wire.position();
    const std::uint32_t crc = wire.u32();
    if (wire.ok() && crc != crc32c(bytes.first(covered))) wire.fail("its checksum is wrong");
    DR_TRY(wire.finish("the slot"));
    return slot;
}

Result<NewSlot> create_slot(const KeyVault& vault, Random& random) {
    SecretBytes secret{kSecretSize};
    random.fill(secret.mutable_bytes());
    OpenedSlot opened = split(secret);

    WrappedSecret wrapped = DR_TRY(vault.wrap(secret.bytes(), random));
    SlotFile slot;
    slot.parameters = wrapped.parameters;
    slot.slot_public = x25519_public(opened.slot_private);
    slot.actor_public = opened.actor.public_key();
    slot.wrapped = std::move(wrapped.wrapped);
    return NewSlot{std::move(slot), std::move(opened)};
}

Result<OpenedSlot> open_slot(const SlotFile& slot, const KeyVault& vault) {
    const SecretBytes secret = DR_TRY(vault.unwrap({slot.parameters, slot.wrapped}));
    if (secret.size() != kSecretSize) return Error{ErrorCode::Damaged, "the slot does not hold two keys"};
    OpenedSlot opened = split(secret);
    // The public parts are not covered by the wrap: whoever exchanged them would have rings sealed to himself.
    if (x25519_public(opened.slot_private) != slot.slot_public || opened.actor.public_key() != slot.actor_public) {
        return Error{ErrorCode::Damaged, "the public keys of slot " + slot.id() + " do not belong to its private keys"};
    }
    return opened;
}

KeyMaterial to_key_material(const SlotFile& slot, Timestamp created_at) {
    KeyMaterial key;
    key.key_id = Identifier::parse(slot.id()).value();
    key.algorithm = Identifier::parse(kAlgorithm).value();
    key.created_at = created_at;
    key.wrapped_key = encode(slot);
    key.kms_key_id = kms_key_id(slot);
    key.repository_id = slot.pin;
    return key;
}

Result<SlotFile> from_key_material(const KeyMaterial& key) {
    if (key.algorithm.text() != kAlgorithm) {
        return Error{ErrorCode::Unsupported, "the key file's algorithm '" + std::string(key.algorithm.text()) +
                                                 "' is not one this version can open"};
    }
    SlotFile slot = DR_TRY(decode_slot(key.wrapped_key));
    if (slot.id() != key.key_id.text())
        return Error{ErrorCode::Damaged, "the key file's key_id does not belong to its key"};
    if (slot.pin != key.repository_id)
        return Error{ErrorCode::Damaged, "the key file's repository_id differs from the one in its key"};
    return slot;
}

}  // namespace dr
