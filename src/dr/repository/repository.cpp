#include "dr/repository/repository.h"

#include <algorithm>
#include <cstdio>

#include "dr/base/shell_word.h"
#include "dr/crypto/hkdf.h"
#include "dr/crypto/hmac.h"
#include "dr/crypto/sha256.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/format_text.h"

namespace dr {
namespace {

constexpr std::uint64_t kMaxSlotFile = 1024;
constexpr std::uint64_t kMaxRingFile = 1U << 20;
// A ring is sealed again this often when somebody else changes the slots meanwhile.
constexpr int kRingTries = 16;

std::string slot_name(std::string_view id) { return "keys/" + std::string(id); }

std::string ring_name(std::uint32_t number) {
    char text[32];
    (void)std::snprintf(text, sizeof text, "keys/ring-%08u", number);
    return text;
}

// Puts an object that may lie there already from an earlier try. Other bytes under the name are in the way.
Result<void> put_same(ObjectStore& store, std::string_view name, ByteSpan bytes) {
    Result<void> put = store.put_new(name, bytes, Durability::Now);
    if (put.ok() || put.error().code() != ErrorCode::AlreadyExists) return put;
    const Bytes there = DR_TRY(store.get(name, bytes.size()));
    if (!equal(there, bytes))
        return Error{ErrorCode::AlreadyExists, "'" + std::string(name) + "' already holds something else"};
    return store.sync();  // whoever put it may have been killed before it was durable
}

// The first ring's lasting keys follow from genesis and the admin's private key, so that a creation that was cut
// between genesis and ring can be finished: genesis already commits to K_chunk.
Ring first_ring(const Key32& slot_private, const Genesis& genesis, Random& random) {
    Ring ring = Ring::create(random);
    ring.k_id = hkdf(genesis.random, {slot_private.bytes()}, {as_bytes("qnwis-dr/1/k-id")});
    ring.k_chunk = hkdf(genesis.random, {slot_private.bytes()}, {as_bytes("qnwis-dr/1/k-chunk")});
    return ring;
}

std::vector<PublicKey> slot_keys(const State& state) {
    std::vector<PublicKey> keys;
    for (const auto& [id, slot] : state.slots()) keys.push_back(slot.slot_public);
    return keys;
}

Error no_slot(std::string_view id) {
    return Error{ErrorCode::NotFound, "the repository has no slot '" + std::string(id) + "'"}.next(
        "qnwis_dr keys slot list");
}

// A creation that was cut leaves no blobs behind. Where some are, the log was there too and is lost: a new one beside
// them would make all of them garbage.
Result<void> nothing_beside_lost_log(ObjectStore& store) {
    for (const char* const directory : {"packs", "index", "checkpoints", "log", "log-archive"}) {
        if (DR_TRY(store.list(directory)).empty()) continue;
        return Error{ErrorCode::Damaged, "the log of the repository in '" + store.location() + "' is lost"}
            .means(std::string("its ") + directory +
                   "/ still has files: their snapshots need the records of log/, so nothing was written or made anew")
            .next("cp -a COPY/log " + shell_quoted(store.location()) + "    with COPY a copy of this storage");
    }
    return {};
}

Error no_repository(const ObjectStore& store) {
    return Error{ErrorCode::NotFound, "there is no repository in '" + store.location() + "'"}
        .means("nothing was read or changed")
        .next("qnwis_dr init --storage-path " + shell_quoted(store.location()));
}

Result<Genesis> make_genesis(std::string_view json, const RepositoryConfig& config, const OpenedSlot& opened,
                             Random& random) {
    Genesis genesis;
    genesis.repository_json = sha256(as_bytes(json));
    genesis.random = random.array<16>();
    const Ring ring =
        config.encryption == Encryption::None ? plain_ring() : first_ring(opened.slot_private, genesis, random);
    genesis.chunker_commitment = chunker_commitment(ring.k_chunk);
    return genesis;
}

}  // namespace

GearTable gear_table(const Key32& k_chunk) {
    const HmacKey key{k_chunk.bytes()};
    GearTable table;
    for (std::size_t i = 0; i < table.size(); ++i) {
        const std::uint8_t byte = static_cast<std::uint8_t>(i);
        const Mac32 mac = key.mac({as_bytes("qnwis-dr/1/gear"), ByteSpan{&byte, 1}});
        std::memcpy(&table[i], mac.data(), sizeof table[i]);
    }
    return table;
}

std::uint64_t tree_seed(const Key32& k_chunk) {
    const Mac32 mac = HmacKey{k_chunk.bytes()}.mac({as_bytes("qnwis-dr/1/tree")});
    std::uint64_t seed;
    std::memcpy(&seed, mac.data(), sizeof seed);
    return seed;
}

std::array<std::uint8_t, 32> chunker_commitment(const Key32& k_chunk) {
    return HmacKey{k_chunk.bytes()}.mac({as_bytes("qnwis-dr/1/chunker")});
}

Repository::Repository(ObjectStore& store, const RepositoryConfig& config, Log log)
    : store_(&store), config_(config), log_(std::make_unique<Log>(std::move(log))) {}

Result<bool> Repository::exists(ObjectStore& store) {
    const Result<std::uint64_t> size = store.size(kRepositoryJsonName);
    if (size.ok()) return true;
    if (size.error().code() == ErrorCode::NotFound) return false;
    return size.error();
}

Result<Repository> Repository::create(ObjectStore& store, const RepositoryConfig& wanted, const SlotFile& slot,
                                      const OpenedSlot& opened, const Clock& clock, Random& random) {
    // What an earlier try wrote stays: the config that lies there is the one that counts.
    RepositoryConfig config = wanted;
    std::string json = print(config);
    if (DR_TRY(exists(store))) {
        json = as_text(DR_TRY(store.get(kRepositoryJsonName, kMaxRepositoryJson)));
        config = DR_TRY(parse_repository_config(json));
    }
    Result<Log> log = Log::open(store);
    const bool no_log = !log.ok() && log.error().code() == ErrorCode::NotFound;
    if (no_log) DR_TRY(nothing_beside_lost_log(store));
    DR_TRY(put_same(store, kRepositoryJsonName, as_bytes(json)));
    DR_TRY(put_same(store, kFormatTextName, as_bytes(format_text())));
    if (no_log) {
        log = Log::create(store, DR_TRY(make_genesis(json, config, opened, random)), opened.actor, clock);
        // Somebody else may have been faster: then theirs is the repository.
        if (!log.ok() && log.error().code() == ErrorCode::AlreadyExists) log = Log::open(store);
    }
    if (!log.ok()) return std::move(log).error();
    Repository repository{store, config, std::move(log).value()};
    const bool finished = !repository.state().slots().empty() && (!repository.encrypted() || repository.state().ring());
    if (finished) {
        return Error{ErrorCode::AlreadyExists, "there is a repository in '" + store.location() + "' already"}
            .means("it was left as it is")
            .next("qnwis_dr list --storage-path " + shell_quoted(store.location()));
    }
    DR_TRY(repository.finish_creation(slot, opened, clock, random));
    DR_TRY(repository.unlock(slot, opened));
    return repository;
}

Result<void> Repository::finish_creation(const SlotFile& slot, const OpenedSlot& opened, const Clock& clock,
                                         Random& random) {
    if (state().first_admin() != opened.actor.public_key()) {
        return Error{ErrorCode::Refused,
                     "another key began to make a repository in '" + store_->location() + "' and did not finish"}
            .means("only that key can finish it; it holds no data yet")
            .next("empty the directory, or use that key");
    }
    if (state().slots().empty()) {
        DR_TRY(put_slot(slot));
        const KeySlot record{true, slot.id(), slot.slot_public, sha256(encode(slot))};
        DR_TRY(log_->append(opened.actor, clock, record));
    }
    return fit_ring_to_slots(slot, opened, clock, random);
}

Result<void> Repository::put_slot(const SlotFile& slot) {
    SlotFile bare = slot;
    bare.pin.reset();  // in the repository a slot names none
    return put_same(*store_, slot_name(slot.id()), encode(bare));
}

// Whether whoever holds a slot can open the newest ring, and nobody else.
Result<bool> Repository::ring_fits_slots() const {
    if (!state().ring()) return false;
    const RingInfo& info = *state().ring();
    const Result<Bytes> file = ring_file(info);
    if (!file.ok() && file.error().code() == ErrorCode::NotFound) return false;
    if (!file.ok()) return file.error();
    std::vector<PublicKey> sealed = DR_TRY(ring_slots(file.value(), info.number));
    std::vector<PublicKey> slots = slot_keys(state());
    std::ranges::sort(sealed);
    std::ranges::sort(slots);
    return sealed == slots;
}

// Seals the keys to the slots that there are, whoever added or removed them: two who change slots at once end with one
// ring that fits both changes, and what somebody began and did not end is ended by the next.
Result<void> Repository::fit_ring_to_slots(const SlotFile& slot, const OpenedSlot& opened, const Clock& clock,
                                           Random& random) {
    if (!encrypted()) return {};
    for (int attempt = 0; attempt < kRingTries; ++attempt) {
        if (DR_TRY(ring_fits_slots())) return {};
        const Ring ring = state().ring() ? DR_TRY(open_newest_ring(slot, opened))
                                         : first_ring(opened.slot_private, state().genesis(), random);
        const Result<Appended> published = publish_ring(ring, opened.actor, clock, random);
        if (published.ok()) return {};
        if (published.error().code() != ErrorCode::Conflict) return published.error();
        DR_TRY(log_->refresh());
    }
    return Error{ErrorCode::Conflict, "others keep changing the slots of this repository"}
        .means("the slot is not opened by the newest key ring yet, or still is")
        .next("the same command again");
}

// Takes the next number that no file has. A file that is there is never replaced: the record of somebody who is at it
// now may name it in a moment. Conflict when slots or ring were changed since.
Result<Appended> Repository::publish_ring(const Ring& ring, const SigningKey& actor, const Clock& clock,
                                          Random& random) {
    const std::vector<PublicKey> slots = slot_keys(state());
    KeyRing record{state().ring() ? state().ring()->number : 0, {}};
    Result<void> put = Error{ErrorCode::AlreadyExists, "no number was tried yet"};
    while (!put.ok() && put.error().code() == ErrorCode::AlreadyExists) {
        ++record.number;
        const Bytes file = DR_TRY(seal_ring(ring, id(), record.number, slots, random));
        record.ring_file = sha256(file);
        put = store_->put_new(ring_name(record.number), file, Durability::Now);
    }
    if (!put.ok()) return std::move(put).error();

    Result<Appended> appended = log_->append(actor, clock, [&](const State& now) -> Result<RecordPayload> {
        const bool newer = now.ring() && now.ring()->number >= record.number;
        if (newer || slot_keys(now) != slots)
            return Error{ErrorCode::Conflict, "the slots or the key ring were changed by somebody else"};
        return RecordPayload{record};
    });
    // Then no record will ever name this file, and it may open to a slot that is gone.
    if (!appended.ok() && appended.error().code() == ErrorCode::Conflict)
        (void)store_->remove(ring_name(record.number));
    return appended;
}

Result<Repository> Repository::open(ObjectStore& store, LogOptions options) {
    Result<Bytes> json = store.get(kRepositoryJsonName, kMaxRepositoryJson);
    if (!json.ok()) {
        if (json.error().code() == ErrorCode::NotFound) return no_repository(store);
        return std::move(json).error();
    }
    RepositoryConfig config = DR_TRY(parse_repository_config(as_text(json.value())));
    Result<Log> log = Log::open(store, std::move(options));
    if (!log.ok()) {
        if (log.error().code() == ErrorCode::NotFound) return no_repository(store);
        return std::move(log).error();
    }
    if (log.value().state().genesis().repository_json != sha256(json.value())) {
        return Error{ErrorCode::Damaged, "repository.json is not the one this repository was made with"}
            .means("it was exchanged or damaged since; nothing was changed")
            .next("qnwis_dr list --storage-path " + shell_quoted(store.location()) + " --verbose");
    }
    return Repository{store, config, std::move(log).value()};
}

Result<Bytes> Repository::ring_file(const RingInfo& ring) const {
    Bytes file = DR_TRY(store_->get(ring_name(ring.number), kMaxRingFile));
    if (sha256(file) != ring.file) {
        return Error{ErrorCode::Damaged,
                     "key ring " + std::to_string(ring.number) + " is not the one that the log names"};
    }
    return file;
}

Result<Ring> Repository::open_newest_ring(const SlotFile& slot, const OpenedSlot& opened) {
    while (true) {
        const RingInfo info = *state().ring();
        const Result<Bytes> file = ring_file(info);
        if (file.ok()) return open_ring(file.value(), id(), info.number, slot.slot_public, opened.slot_private);
        if (file.error().code() != ErrorCode::NotFound) return file.error();
        // Whoever removed a slot since we read the log removed this ring too, after naming the next.
        DR_TRY(log_->refresh());
        if (state().ring()->number == info.number) return file.error();
    }
}

Result<void> Repository::unlock(const SlotFile& slot, const OpenedSlot& opened) {
    Ring ring = plain_ring();
    // With encryption the ring tells who is a slot.
    const auto known = state().slots().find(slot.id());
    if (!encrypted() && (known == state().slots().end() || known->second.slot_public != slot.slot_public))
        return Error{ErrorCode::WrongKey, "this key is not one of this repository's slots"};
    if (encrypted()) {
        if (!state().ring())
            return Error{ErrorCode::Damaged, "the repository has no key ring: its creation was not finished"}.next(
                "qnwis_dr init --storage-path " + shell_quoted(store_->location()));
        ring = DR_TRY(open_newest_ring(slot, opened));
    }
    if (chunker_commitment(ring.k_chunk) != state().genesis().chunker_commitment) {
        return Error{ErrorCode::Damaged, "the keys in the ring are not those of this repository"};
    }
    keys_ = std::make_unique<RepositoryKeys>(encrypted(), id(), ring);
    slot_ = slot;
    unlocked_ = std::make_unique<Unlocked>(std::move(ring), opened.clone());
    return {};
}

const RepositoryKeys& Repository::keys() const {
    DR_CHECK(unlocked());
    return *keys_;
}

const Ring& Repository::ring() const {
    DR_CHECK(unlocked());
    return unlocked_->ring;
}

const SlotFile& Repository::slot() const {
    DR_CHECK(unlocked());
    return *slot_;
}

const SigningKey& Repository::actor() const {
    DR_CHECK(unlocked());
    return unlocked_->slot.actor;
}

Result<SlotFile> Repository::read_slot(std::string_view id) const {
    const auto found = state().slots().find(id);
    if (found == state().slots().end()) return no_slot(id);
    const Bytes file = DR_TRY(store_->get(slot_name(id), kMaxSlotFile));
    if (sha256(file) != found->second.file)
        return Error{ErrorCode::Damaged, "slot " + std::string(id) + " is not the one that the log names"};
    return decode_slot(file);
}

Result<void> Repository::add_slot(const SlotFile& slot, std::uint32_t roles, const std::string& name,
                                  const Clock& clock, Random& random) {
    const SlotFile bare = [&] {
        SlotFile copy = slot;
        copy.pin.reset();
        return copy;
    }();
    DR_TRY(log_->refresh());
    const bool known = state().slots().contains(slot.id());
    if (known && (!encrypted() || DR_TRY(ring_fits_slots())))
        return Error{ErrorCode::AlreadyExists, "slot '" + slot.id() + "' is there already"};
    // The file before the record that names it; the ring before the record that makes it the newest.
    if (!known) {
        DR_TRY(put_slot(bare));
        DR_TRY(log_->append(actor(), clock, KeyGrant{slot.actor_public, roles, name}));
        DR_TRY(log_->append(actor(), clock, KeySlot{true, slot.id(), slot.slot_public, sha256(encode(bare))}));
    }
    return fit_ring_to_slots(*slot_, unlocked_->slot, clock, random);
}

// What a slot's file says, where it can still be read. Whoever can write to the storage can take the file away, and
// must not keep a slot from being removed by that.
Result<Repository::DoomedSlot> Repository::listed_slot_to_remove(std::string_view id) const {
    const Slot& listed = state().slots().find(id)->second;
    DoomedSlot doomed{listed.slot_public, listed.file, std::nullopt};
    const Result<SlotFile> file = read_slot(id);
    if (file.ok())
        doomed.actor = file.value().actor_public;
    else if (means_damage(file.error()))
        doomed.actor = DR_TRY(actor_without_slot());
    else
        return file.error();
    return doomed;
}

// The one actor with a role whom no readable slot names; nobody where there are several: the wrong one would lose his.
Result<std::optional<PublicKey>> Repository::actor_without_slot() const {
    std::vector<PublicKey> named;
    for (const auto& [id, slot] : state().slots()) {
        const Result<SlotFile> file = read_slot(id);
        if (file.ok())
            named.push_back(file.value().actor_public);
        else if (!means_damage(file.error()))
            return file.error();
    }
    std::optional<PublicKey> found;
    for (const auto& [key, actor] : state().actors()) {
        if (actor.roles == 0 || std::ranges::find(named, key) != named.end()) continue;
        if (found) return std::optional<PublicKey>{};
        found = key;
    }
    return found;
}

// The slot `id`, or what is left of it where a removal was cut after its record: its file still lies there, and its
// actor has lost his roles. (A file of a slot that somebody is just adding is another thing: that actor has some, or is
// not known yet.)
Result<Repository::DoomedSlot> Repository::slot_to_remove(std::string_view id) const {
    if (state().slots().contains(id)) return listed_slot_to_remove(id);
    if (!Identifier::parse(id).ok()) return no_slot(id);
    const Result<Bytes> file = store_->get(slot_name(id), kMaxSlotFile);
    if (!file.ok()) return file.error().code() == ErrorCode::NotFound ? no_slot(id) : file.error();
    Result<SlotFile> slot = decode_slot(file.value());
    if (!slot.ok() || slot.value().id() != id) return no_slot(id);
    const auto actor = state().actors().find(slot.value().actor_public);
    if (actor == state().actors().end() || actor->second.roles != 0) return no_slot(id);
    return DoomedSlot{slot.value().slot_public, sha256(encode(slot.value())), slot.value().actor_public};
}

Result<bool> Repository::remove_slot(std::string_view id, const Clock& clock, Random& random) {
    DR_TRY(log_->refresh());
    const DoomedSlot gone = DR_TRY(slot_to_remove(id));
    const bool listed = state().slots().contains(id);
    if (listed && state().slots().size() == 1) {
        return Error{ErrorCode::Refused, "'" + std::string(id) + "' is the last slot"}
            .means("without it nobody could open the repository")
            .next("qnwis_dr keys slot add");
    }
    if (id == slot().id())
        return Error{ErrorCode::Refused, "'" + std::string(id) + "' is the slot in use"}
            .means("a slot is removed with another one")
            .next("qnwis_dr keys slot list");

    // The roles first: wherever this is cut, whoever is being removed can do no more than before, and the slot that is
    // still listed says that there is something to finish.
    if (gone.actor && state().roles_of(*gone.actor) != 0)
        DR_TRY(log_->append(actor(), clock, KeyGrant{*gone.actor, 0, ""}));
    if (listed) DR_TRY(log_->append(actor(), clock, KeySlot{false, std::string(id), gone.slot_public, gone.file}));
    DR_TRY(fit_ring_to_slots(slot(), unlocked_->slot, clock, random));
    // Only now, with the new ring durable and named, may the old ones go, and after them the slot's file, by which a
    // removal that was cut is known. No record can name a lower ring any more.
    DR_TRY(log_->settle());
    for (std::uint32_t number = 1; encrypted() && number < state().ring()->number; ++number)
        DR_TRY(store_->remove(ring_name(number)));
    DR_TRY(store_->sync());
    DR_TRY(store_->remove(slot_name(id)));
    DR_TRY(store_->sync());
    return gone.actor.has_value();
}

}  // namespace dr
