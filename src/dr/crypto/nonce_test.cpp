// The promise that AES-GCM stands on: no (key, nonce) pair ever meets two plaintexts. Each test makes a writer unlucky
// in one way and enters every frame that it seals into a ledger of all pairs ever used.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dr/codec/compress.h"
#include "dr/codec/xxh.h"
#include "dr/crypto/frame_keys.h"
#include "dr/crypto/sha256.h"
#include "dr/crypto/testing.h"
#include "dr/platform/host.h"
#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_random.h"

namespace dr {
namespace {

const Timestamp kNow = Timestamp::from_seconds(1'795'453'722);
const RepositoryId kRepository = RepositoryId::from(counting(0x80, 32));

// Every (key, nonce) that was used, and the bytes it sealed: the plaintext as GCM sees it.
class Ledger {
public:
    void enter(const FrameKey& frame, ByteSpan plaintext) {
        std::pair<std::string, std::string> pair{to_hex(frame.key.bytes()), to_hex(frame.nonce)};
        const auto [entry, is_new] = entries_.try_emplace(std::move(pair), sha256(plaintext));
        if (is_new) return;
        ++repeats_;
        EXPECT_EQ(entry->second, sha256(plaintext)) << "a key and nonce met two plaintexts";
    }
    std::size_t pairs() const { return entries_.size(); }
    // How often a pair came again (with the same plaintext): zero says that a scenario was not as unlucky as it meant.
    std::size_t repeats() const { return repeats_; }

private:
    std::map<std::pair<std::string, std::string>, Sha256> entries_;
    std::size_t repeats_ = 0;
};

// What a frame holds before it is packed, and how the writer packs it.
struct Codec {
    std::uint32_t build;
    int level;
};

Codec codec_at(int level) { return {.build = codec_build(level), .level = level}; }

// A writer as the repository has it, cut down to what decides keys and nonces. Its state can be copied, as a snapshot
// of a virtual machine copies it.
struct Writer {
    Key32 dek;
    PackIdentity pack;
    std::uint32_t next_frame = 0;

    Writer clone() const { return {.dek = dek.clone(), .pack = pack, .next_frame = next_frame}; }

    void seal(const Bytes& blob, const Codec& codec, Ledger& ledger) {
        Bytes packed(Compressor::bound(blob.size()));
        packed.resize(Compressor{codec.level}.compress(blob, packed).value());
        const PackKeys keys = PackKeys::derive(dek, pack);
        const Mac32 blob_id = HmacKey{as_bytes("K_id")}.mac({sha256(blob).bytes()});
        const auto length = static_cast<std::uint32_t>(blob.size());
        const FrameSalt fs = keys.frame_salt({blob_id,
                                              {reinterpret_cast<const std::uint8_t*>(&length), sizeof length},
                                              {reinterpret_cast<const std::uint8_t*>(&codec.build), sizeof codec.build},
                                              xxh3_128(packed)});
        ledger.enter(keys.frame_key(next_frame, fs), packed);
        ++next_frame;
    }
};

struct World {
    Random& random;
    const Clock& clock;
    HostIdentity host;
    std::uint64_t session = 7;
};

HostIdentity some_host() { return {.host_secret = counting(1, 16), .boot_id = counting(2, 16), .host_name = "h"}; }

Writer open_writer(World& world) {
    DekInput input{.random = {},
                   .host_secret = world.host.host_secret,
                   .session = world.session,
                   .boot_id = world.host.boot_id,
                   .clock_nanoseconds = world.clock.now().nanoseconds(),
                   .pack_class = 1,
                   .repository = kRepository};
    world.random.fill(input.random.mutable_bytes());
    return {.dek = derive_dek(input),
            .pack = {.salt = world.random.array<16>(),
                     .repository = kRepository,
                     .session = world.session,
                     .sequence = 0,
                     .pack_class = 1,
                     .clock_seconds = static_cast<std::uint32_t>(world.clock.now().seconds())}};
}

// Text that compresses differently at different levels.
Bytes blob(int seed) {
    Bytes made;
    for (int i = 0; i < 2000; ++i) {
        append(made, as_bytes("region " + std::to_string((i * (seed + 7919)) % 613) + ", turnover " +
                              std::to_string((i * i + seed) % 1009) + "\n"));
    }
    return made;
}

void seal_all(Writer& writer, int first_blob, const Codec& codec, Ledger& ledger) {
    for (int i = 0; i < 5; ++i) writer.seal(blob(first_blob + i), codec, ledger);
}

// One session per entry of `first_blobs`, each with five blobs from there on.
void back_up(World& world, std::initializer_list<int> first_blobs, Ledger& ledger) {
    for (const int first : first_blobs) {
        Writer writer = open_writer(world);
        seal_all(writer, first, codec_at(3), ledger);
    }
}

TEST(Nonces, AFrozenClockRepeatsNoPair) {
    Ledger ledger;
    SeededRandom random{1};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    back_up(world, {0, 0, 100, 200}, ledger);
    EXPECT_EQ(ledger.pairs(), 20U);
}

TEST(Nonces, AClockThatGoesBackRepeatsNoPair) {
    Ledger ledger;
    SeededRandom random{1};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    back_up(world, {0}, ledger);
    clock.advance(kNanosecondsPerDay);
    back_up(world, {100}, ledger);
    clock.set(kNow);
    back_up(world, {200}, ledger);
    EXPECT_EQ(ledger.pairs(), 15U);
}

TEST(Nonces, AStuckRandomSourceIsSavedByTheClock) {
    Ledger ledger;
    StuckRandom random{0};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    back_up(world, {0}, ledger);
    clock.advance(1);  // a nanosecond: the clock in the nonces does not notice
    back_up(world, {0, 100}, ledger);
    EXPECT_EQ(ledger.pairs(), 15U);
}

// Nothing at all differs between the sessions but the data. Equal data repeats pairs, which gives nothing away;
// different data must not.
TEST(Nonces, AStuckRandomSourceAndAFrozenClockStillMeetNoSecondPlaintext) {
    Ledger ledger;
    StuckRandom random{0};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    back_up(world, {0, 0, 2, 100}, ledger);
    EXPECT_EQ(ledger.repeats(), 5U);
    EXPECT_EQ(ledger.pairs(), 15U);
}

TEST(Nonces, AnotherHostBootOrSessionHasKeysOfItsOwnWithAStuckSourceAndClock) {
    Ledger ledger;
    StuckRandom random{0};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    back_up(world, {0}, ledger);
    World other_host{random, clock, some_host()};
    other_host.host.host_secret = counting(9, 16);
    back_up(other_host, {0}, ledger);
    World next_boot{random, clock, some_host()};
    next_boot.host.boot_id = counting(9, 16);
    back_up(next_boot, {0}, ledger);
    World next_session{random, clock, some_host(), 8};
    back_up(next_session, {0}, ledger);
    EXPECT_EQ(ledger.repeats(), 0U);
    EXPECT_EQ(ledger.pairs(), 20U);
}

// A machine is snapshotted in the middle of a pack, and both copies go on: with the same data, then with other data.
TEST(Nonces, ACopiedWriterFedWithOtherDataMeetsNoSecondPlaintext) {
    Ledger ledger;
    SeededRandom random{1};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    Writer writer = open_writer(world);
    seal_all(writer, 0, codec_at(3), ledger);
    Writer same = writer.clone();
    Writer other = writer.clone();
    seal_all(writer, 5, codec_at(3), ledger);
    seal_all(same, 5, codec_at(3), ledger);
    EXPECT_EQ(ledger.repeats(), 5U);
    seal_all(other, 100, codec_at(3), ledger);
    EXPECT_EQ(ledger.repeats(), 5U);
    EXPECT_EQ(ledger.pairs(), 15U);
}

TEST(Nonces, ACopiedWriterThatCompressesOtherwiseMeetsNoSecondPlaintext) {
    Ledger ledger;
    SeededRandom random{1};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    const Writer writer = open_writer(world);
    for (const int level : {1, 3, 9, 19}) {
        Writer copy = writer.clone();
        seal_all(copy, 0, codec_at(level), ledger);
    }
    EXPECT_EQ(ledger.repeats(), 0U);
    EXPECT_EQ(ledger.pairs(), 20U);
}

// The number of the build may lie (a patched library): the fingerprint of the packed bytes still tells them apart.
TEST(Nonces, ALibraryThatPacksOtherwiseUnderTheSameNameMeetsNoSecondPlaintext) {
    Ledger ledger;
    SeededRandom random{1};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    const Writer writer = open_writer(world);
    for (const int level : {1, 19}) {
        Writer copy = writer.clone();
        seal_all(copy, 0, {.build = 1, .level = level}, ledger);
    }
    EXPECT_EQ(ledger.repeats(), 0U);
    EXPECT_EQ(ledger.pairs(), 10U);
}

// Two forked processes that both believe to be at the same frame, in every order of the same blobs.
TEST(Nonces, AForkedWriterInAnotherOrderMeetsNoSecondPlaintext) {
    Ledger ledger;
    SeededRandom random{1};
    SimClock clock{kNow};
    World world{random, clock, some_host()};
    const Writer writer = open_writer(world);
    std::vector<int> order{0, 1, 2, 3};
    do {
        Writer copy = writer.clone();
        for (const int which : order) copy.seal(blob(which), codec_at(3), ledger);
    } while (std::ranges::next_permutation(order).found);
    // Four blobs in four places: each pair of both has one key, met by every order that puts this blob there.
    EXPECT_EQ(ledger.pairs(), 16U);
    EXPECT_EQ(ledger.repeats(), 24U * 4 - 16);
}

}  // namespace
}  // namespace dr
