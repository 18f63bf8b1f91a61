#include "dr/keys/slot.h"

#include <gtest/gtest.h>

#include "dr/keys/kek_file.h"
#include "dr/keys/ring.h"
#include "dr/platform/sim/sim_random.h"

namespace dr {
namespace {

constexpr PassphraseParameters kQuick{1, 64 << 10};  // Argon2id as cheap as a test needs

PassphraseVault passphrase(std::string_view text) {
    return PassphraseVault{SecretBytes::copy_of(as_bytes(text)), kQuick};
}

struct SlotTest : testing::Test {
    SeededRandom random{7};
    KekFileVault kek{new_kek(random)};
    RepositoryId repository = RepositoryId::from(Bytes(32, 9));
};

TEST_F(SlotTest, APassphraseOpensWhatItWrapped) {
    const NewSlot made = create_slot(passphrase("correct horse"), random).value();
    const OpenedSlot opened = open_slot(made.slot, passphrase("correct horse")).value();
    EXPECT_TRUE(opened.slot_private == made.opened.slot_private);
    EXPECT_EQ(opened.actor.public_key(), made.slot.actor_public);
}

TEST_F(SlotTest, AWrongPassphraseIsAWrongKey) {
    const NewSlot made = create_slot(passphrase("correct horse"), random).value();
    EXPECT_EQ(open_slot(made.slot, passphrase("battery staple")).error().code(), ErrorCode::WrongKey);
}

TEST_F(SlotTest, AKekFileOpensWhatItWrappedAndNoOtherDoes) {
    const NewSlot made = create_slot(kek, random).value();
    EXPECT_TRUE(open_slot(made.slot, kek).ok());
    const KekFileVault other{new_kek(random)};
    EXPECT_EQ(open_slot(made.slot, other).error().code(), ErrorCode::WrongKey);
    EXPECT_EQ(open_slot(made.slot, passphrase("x")).error().code(), ErrorCode::WrongKey);
    EXPECT_EQ(open_slot(create_slot(passphrase("x"), random).value().slot, kek).error().code(), ErrorCode::WrongKey);
    EXPECT_TRUE(kek.name().starts_with("kek-file:"));
}

TEST_F(SlotTest, AFlippedBitIsNeverAccepted) {
    const NewSlot made = create_slot(kek, random).value();
    const Bytes good = encode(made.slot);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        Bytes bad = good;
        bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(decode_slot(bad).ok()) << "bit " << bit;
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(decode_slot(ByteSpan{good}.first(size)).ok()) << size;
}

TEST_F(SlotTest, ExchangedPublicKeysAreNoticed) {
    SlotFile slot = create_slot(kek, random).value().slot;
    const SlotFile foreign = create_slot(kek, random).value().slot;
    slot.slot_public = foreign.slot_public;
    EXPECT_EQ(open_slot(slot, kek).error().code(), ErrorCode::Damaged);
}

TEST_F(SlotTest, AKeyFileBringsTheSlotBack) {
    SlotFile slot = create_slot(kek, random).value().slot;
    slot.pin = repository;
    const KeyMaterial key = to_key_material(slot, Timestamp::from_seconds(1'800'000'000));
    EXPECT_EQ(from_key_material(parse_key_material(print(key)).value()).value(), slot);
    EXPECT_EQ(key.kms_key_id, kek.name());
    EXPECT_EQ(to_key_material(create_slot(passphrase("x"), random).value().slot, {}).kms_key_id, "passphrase");
}

TEST_F(SlotTest, AKeyFileThatContradictsItselfIsRefused) {
    const SlotFile slot = create_slot(kek, random).value().slot;
    KeyMaterial key = to_key_material(slot, {});
    key.key_id = Identifier::parse("k-0000000000000000").value();
    EXPECT_EQ(from_key_material(key).error().code(), ErrorCode::Damaged);
    key = to_key_material(slot, {});
    key.repository_id = repository;
    EXPECT_EQ(from_key_material(key).error().code(), ErrorCode::Damaged);
    key = to_key_material(slot, {});
    key.algorithm = Identifier::parse("rot13").value();
    EXPECT_EQ(from_key_material(key).error().code(), ErrorCode::Unsupported);
}

TEST_F(SlotTest, AKekFileIsReadBackAndNothingElseIs) {
    const Key32 key = new_kek(random);
    const SecretBytes text = print_kek(key);
    EXPECT_TRUE(parse_kek(as_text(text.bytes())).value() == key);
    for (const char* bad : {"", "qnwis-dr-kek-1:", "qnwis-dr-kek-1:AAAA",
                            "qnwis-dr-kek-2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "hello"}) {
        EXPECT_EQ(parse_kek(bad).error().code(), ErrorCode::WrongKey) << bad;
    }
}

TEST_F(SlotTest, EverySlotOpensTheRing) {
    Ring ring = Ring::create(random);
    random.fill(ring.epochs[2].mutable_bytes());
    const NewSlot one = create_slot(kek, random).value();
    const NewSlot two = create_slot(kek, random).value();
    const NewSlot none = create_slot(kek, random).value();
    const PublicKey publics[] = {one.slot.slot_public, two.slot.slot_public};
    const Bytes file = seal_ring(ring, repository, 3, publics, random).value();

    for (const NewSlot* slot : {&one, &two}) {
        const Ring opened = open_ring(file, repository, 3, slot->slot.slot_public, slot->opened.slot_private).value();
        EXPECT_TRUE(opened.k_id == ring.k_id);
        EXPECT_TRUE(opened.k_chunk == ring.k_chunk);
        ASSERT_EQ(opened.epochs.size(), 2U);
        EXPECT_TRUE(opened.epochs.at(2) == ring.epochs.at(2));
        EXPECT_EQ(opened.newest_epoch(), 2U);
    }
    EXPECT_EQ(open_ring(file, repository, 3, none.slot.slot_public, none.opened.slot_private).error().code(),
              ErrorCode::WrongKey);
}

TEST_F(SlotTest, ARingOpensOnlyAsItselfInItsRepository) {
    const Ring ring = Ring::create(random).clone();
    const NewSlot slot = create_slot(kek, random).value();
    const PublicKey publics[] = {slot.slot.slot_public};
    const Bytes file = seal_ring(ring, repository, 1, publics, random).value();
    const auto open = [&](ByteSpan bytes, const RepositoryId& id, std::uint32_t number) {
        return open_ring(bytes, id, number, slot.slot.slot_public, slot.opened.slot_private);
    };
    EXPECT_TRUE(open(file, repository, 1).ok());
    EXPECT_FALSE(open(file, repository, 2).ok());
    EXPECT_FALSE(open(file, RepositoryId::from(Bytes(32, 8)), 1).ok());
    for (std::size_t at = 0; at < file.size(); ++at) {
        Bytes bad = file;
        bad[at] ^= 0x10;
        EXPECT_FALSE(open(bad, repository, 1).ok()) << at;
        EXPECT_FALSE(open(ByteSpan{file}.first(at), repository, 1).ok()) << at;
    }
    EXPECT_FALSE(seal_ring(ring, repository, 1, {}, random).ok());
    EXPECT_TRUE(plain_ring().epochs.empty());
}

// R2 of the prototype: no key it protects may stand in the clear in what it writes.
TEST_F(SlotTest, NoKeyStandsInTheClearInAnyFile) {
    const Ring ring = Ring::create(random);
    const NewSlot slot = create_slot(kek, random).value();
    const PublicKey publics[] = {slot.slot.slot_public};
    Bytes written = encode(slot.slot);
    append(written, seal_ring(ring, repository, 1, publics, random).value());
    for (const ByteSpan secret :
         {slot.opened.slot_private.bytes(), ring.k_id.bytes(), ring.k_chunk.bytes(), ring.epochs.at(1).bytes()}) {
        for (std::size_t at = 0; at + 8 <= secret.size(); ++at) {
            EXPECT_EQ(as_text(written).find(as_text(secret.subspan(at, 8))), std::string_view::npos);
        }
    }
}

}  // namespace
}  // namespace dr
