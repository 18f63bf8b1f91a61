#include "dr/keys/ring.h"

#include <algorithm>

#include "dr/codec/crc32c.h"
#include "dr/codec/wire.h"
#include "dr/crypto/box.h"

namespace dr {
namespace {

constexpr std::string_view kMagic = "QDRRING1";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMaxSlots = 1024;
constexpr std::size_t kMaxEpochs = 10'000;
constexpr std::size_t kFixedSize = 4 + 4 + 32 + 32;
constexpr std::size_t kEpochSize = 4 + 4 + 32;

// Binds a box to its repository and its number, so that an old ring cannot be shown as the newest.
Bytes box_context(const RepositoryId& repository, std::uint32_t number) {
    Bytes context;
    WireWriter wire{context};
    wire.id(repository);
    wire.u32(number);
    return context;
}

// Filled in place, so that no copy of the keys is left behind in ordinary memory.
SecretBytes encode_ring(const Ring& ring) {
    SecretBytes out{kFixedSize + ring.epochs.size() * kEpochSize};
    std::uint8_t* at = out.mutable_bytes().data();
    const auto put = [&at](const void* from, std::size_t size) {
        std::memcpy(at, from, size);
        at += size;
    };
    const std::uint32_t head[] = {kVersion, static_cast<std::uint32_t>(ring.epochs.size())};
    put(head, sizeof head);
    put(ring.k_id.bytes().data(), Key32::kSize);
    put(ring.k_chunk.bytes().data(), Key32::kSize);
    for (const auto& [number, key] : ring.epochs) {
        const std::uint32_t epoch[] = {number, 0};
        put(epoch, sizeof epoch);
        put(key.bytes().data(), Key32::kSize);
    }
    return out;
}

Result<Ring> decode_ring(ByteSpan bytes) {
    WireReader wire{bytes};
    if (wire.u32() != kVersion) wire.fail("its version is not known");
    const std::uint32_t epochs = wire.u32();
    if (epochs == 0 || epochs > kMaxEpochs) wire.fail("its number of epochs is not believable");
    Ring ring;
    const auto read_key = [&wire](Key32& key) {
        if (const ByteSpan raw = wire.raw(Key32::kSize); raw.size() == Key32::kSize) key = Key32::copy_of(raw);
    };
    read_key(ring.k_id);
    read_key(ring.k_chunk);
    for (std::uint32_t number = 1; wire.ok() && number <= epochs; ++number) {
        if (wire.u32() != number || wire.u32() != 0) wire.fail("its epochs are not in order");
        read_key(ring.epochs[number]);
    }
    DR_TRY(wire.finish("the key ring"));
    return ring;
}

struct SealedBox {
    PublicKey slot;
    ByteSpan box;
};

// The boxes in a ring file, which they are parts of.
Result<std::vector<SealedBox>> read_boxes(ByteSpan file, std::uint32_t number) {
    WireReader wire{file};
    if (as_text(wire.raw(kMagic.size())) != kMagic) wire.fail("it does not begin like a key ring");
    if (wire.u32() != number) wire.fail("it is another ring than its name says");
    const std::uint32_t count = wire.u32();
    if (count == 0 || count > kMaxSlots) wire.fail("its number of slots is not believable");
    std::vector<SealedBox> boxes;
    for (std::uint32_t i = 0; wire.ok() && i < count; ++i) {
        const PublicKey slot = wire.id<PublicKey>();
        if (std::ranges::find(boxes, slot, &SealedBox::slot) != boxes.end()) wire.fail("it names a slot twice");
        boxes.push_back({slot, wire.raw(wire.u32())});
    }
    const std::size_t covered = wire.position();
    const std::uint32_t crc = wire.u32();
    if (wire.ok() && crc != crc32c(file.first(covered))) wire.fail("its checksum is wrong");
    DR_TRY(wire.finish("the key ring"));
    return boxes;
}

}  // namespace

Ring Ring::create(Random& random) {
    Ring ring;
    random.fill(ring.k_id.mutable_bytes());
    random.fill(ring.k_chunk.mutable_bytes());
    random.fill(ring.epochs[1].mutable_bytes());
    return ring;
}

Ring Ring::clone() const {
    Ring copy;
    copy.k_id = k_id.clone();
    copy.k_chunk = k_chunk.clone();
    for (const auto& [number, key] : epochs) copy.epochs.emplace(number, key.clone());
    return copy;
}

Ring plain_ring() { return Ring{}; }

Result<Bytes> seal_ring(const Ring& ring, const RepositoryId& repository, std::uint32_t number,
                        std::span<const PublicKey> slots, Random& random) {
    if (slots.empty() || slots.size() > kMaxSlots)
        return Error{ErrorCode::BadRequest, "a key ring needs 1 to 1024 slots"};
    const SecretBytes plain = encode_ring(ring);
    const Bytes context = box_context(repository, number);

    Bytes out;
    WireWriter wire{out};
    wire.raw(as_bytes(kMagic));
    wire.u32(number);
    wire.u32(static_cast<std::uint32_t>(slots.size()));
    for (const PublicKey& slot : slots) {
        const Bytes box = DR_TRY(box_seal(slot, context, plain.bytes(), random));
        wire.id(slot);
        wire.u32(static_cast<std::uint32_t>(box.size()));
        wire.raw(box);
    }
    wire.u32(crc32c(out));
    return out;
}

Result<std::vector<PublicKey>> ring_slots(ByteSpan file, std::uint32_t number) {
    std::vector<PublicKey> slots;
    for (const SealedBox& sealed : DR_TRY(read_boxes(file, number))) slots.push_back(sealed.slot);
    return slots;
}

Result<Ring> open_ring(ByteSpan file, const RepositoryId& repository, std::uint32_t number,
                       const PublicKey& slot_public, const Key32& slot_private) {
    const std::vector<SealedBox> boxes = DR_TRY(read_boxes(file, number));
    const auto mine = std::ranges::find(boxes, slot_public, &SealedBox::slot);
    if (mine == boxes.end()) {
        return Error{ErrorCode::WrongKey, "this repository's key ring is not sealed to this key"};
    }
    const SecretBytes plain = DR_TRY(box_open(slot_private, box_context(repository, number), mine->box));
    return decode_ring(plain.bytes());
}

}  // namespace dr
