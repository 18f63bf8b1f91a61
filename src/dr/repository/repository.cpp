#include "dr/repository/repository.h"

#include <cstdio>

#include "dr/crypto/hkdf.h"
#include "dr/crypto/hmac.h"
#include "dr/crypto/sha256.h"
#include "dr/repository/format_text.h"

namespace dr {
namespace {

constexpr std::uint64_t kMaxSlotFile = 1024;
constexpr std::uint64_t kMaxRingFile = 1U << 20;

std::string slot_name(std::string_view id) { return "keys/" + std::string(id); }

std::string ring_name(std::uint32_t number) {
    char text[32];
    std::snprintf(text, sizeof text, "keys/ring-%08u", number);
    return text;
}

// Puts an object that may lie there already from an earlier try. Other bytes under the name are in the way.
Result<void> put_same(ObjectStore& store, std::string_view name, ByteSpan bytes) {
    Result<void> put = store.put_new(name, bytes, Durability::Now);
    if (put.ok() || put.error().code() != ErrorCode::AlreadyExists) return put;
    const Bytes there = DR_TRY(store.get(name, bytes.size()));
    if (!equal(there, bytes))
        return Error{ErrorCode::AlreadyExists, "'" + std::string(name) + "' already holds something else"};
    return {};
}

// The first ring's lasting keys follow from genesis and the admin's private key, so that a creation that was cut
// between genesis and ring can be finished: genesis already commits to K_chunk.
Ring first_ring(const Key32& slot_private, const Genesis& genesis, Random& random) {
    Ring ring = Ring::create(random);
    ring.k_id = hkdf(genesis.random, {slot_private.bytes()}, {as_bytes("qnwis-dr/1/k-id")});
    ring.k_chunk = hkdf(genesis.random, {slot_private.bytes()}, {as_bytes("qnwis-dr/1/k-chunk")});
    return ring;
}

Error no_repository(const ObjectStore& store) {
    return Error{ErrorCode::NotFound, "there is no repository in '" + store.location() + "'"}
        .means("nothing was read or changed")
        .next("qnwis_dr init --storage-path " + store.location());
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

Repository::Repository(ObjectStore& store, RepositoryConfig config, Log log)
    : store_(&store), config_(std::move(config)), log_(std::make_unique<Log>(std::move(log))) {}

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
    } else {
        DR_TRY(store.put_new(kRepositoryJsonName, as_bytes(json), Durability::Now));
    }
    DR_TRY(put_same(store, kFormatTextName, as_bytes(format_text())));

    Result<Log> log = Log::open(store);
    if (!log.ok() && log.error().code() == ErrorCode::NotFound) {
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
            .next("qnwis_dr list --storage-path " + store.location());
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
    if (encrypted() && !state().ring()) {
        const Ring ring = first_ring(opened.slot_private, state().genesis(), random);
        DR_TRY(publish_ring(ring, 1, {slot.slot_public}, opened.actor, clock, random));
    }
    return {};
}

Result<void> Repository::put_slot(const SlotFile& slot) {
    SlotFile bare = slot;
    bare.pin.reset();  // in the repository a slot names none
    return put_same(*store_, slot_name(slot.id()), encode(bare));
}

// A ring file of an earlier try that no record names may lie under the number: the box differs with each try, so it
// is read back and taken if it opens... which only its own slots can. It is simpler and as safe to replace it: nobody
// relies on a ring before a record names its hash.
Result<void> Repository::publish_ring(const Ring& ring, std::uint32_t number, const std::vector<PublicKey>& slots,
                                      const SigningKey& actor, const Clock& clock, Random& random) {
    const Bytes file = DR_TRY(seal_ring(ring, id(), number, slots, random));
    Result<void> put = store_->put_new(ring_name(number), file, Durability::Now);
    if (!put.ok() && put.error().code() == ErrorCode::AlreadyExists) {
        DR_TRY(store_->remove(ring_name(number)));
        DR_TRY(store_->sync());
        put = store_->put_new(ring_name(number), file, Durability::Now);
    }
    if (!put.ok()) return put;
    const KeyRing record{number, sha256(file)};
    DR_TRY(log_->append(actor, clock, [&](const State& now) -> Result<RecordPayload> {
        // Somebody else changed the keys meanwhile; ours would undo that.
        if (now.ring() && now.ring()->number >= number)
            return Error{ErrorCode::Conflict, "the key ring was changed by somebody else"};
        return RecordPayload{record};
    }));
    return {};
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
            .next("qnwis_dr list --storage-path " + store.location() + " --verbose");
    }
    return Repository{store, std::move(config), std::move(log).value()};
}

Result<Bytes> Repository::ring_file(std::uint32_t number, const Sha256& expected) const {
    Bytes file = DR_TRY(store_->get(ring_name(number), kMaxRingFile));
    if (sha256(file) != expected)
        return Error{ErrorCode::Damaged, "key ring " + std::to_string(number) + " is not the one that the log names"};
    return file;
}

Result<void> Repository::unlock(const SlotFile& slot, const OpenedSlot& opened) {
    Ring ring = plain_ring();
    if (encrypted()) {
        if (!state().ring())
            return Error{ErrorCode::Damaged, "the repository has no key ring: its creation was not finished"}.next(
                "qnwis_dr init --storage-path " + store_->location());
        const RingInfo& info = *state().ring();
        const Bytes file = DR_TRY(ring_file(info.number, info.file));
        ring = DR_TRY(open_ring(file, id(), info.number, slot.slot_public, opened.slot_private));
    }
    if (chunker_commitment(ring.k_chunk) != state().genesis().chunker_commitment) {
        return Error{ErrorCode::Damaged, "the keys in the ring are not those of this repository"};
    }
    keys_ = std::make_unique<RepositoryKeys>(encrypted(), id(), ring);
    ring_ = std::move(ring);
    slot_ = slot;
    actor_ = opened.actor.clone();
    return {};
}

const RepositoryKeys& Repository::keys() const {
    DR_CHECK(unlocked());
    return *keys_;
}

const Ring& Repository::ring() const {
    DR_CHECK(unlocked());
    return *ring_;
}

const SlotFile& Repository::slot() const {
    DR_CHECK(unlocked());
    return *slot_;
}

const SigningKey& Repository::actor() const {
    DR_CHECK(unlocked());
    return *actor_;
}

Result<SlotFile> Repository::read_slot(std::string_view id) const {
    const auto found = state().slots().find(id);
    if (found == state().slots().end())
        return Error{ErrorCode::NotFound, "the repository has no slot '" + std::string(id) + "'"}.next(
            "qnwis_dr keys slot list");
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
    if (state().slots().contains(slot.id()))
        return Error{ErrorCode::AlreadyExists, "slot '" + slot.id() + "' is there already"};
    // The file before the record that names it; the ring before the record that makes it the newest.
    DR_TRY(put_slot(bare));
    DR_TRY(log_->append(actor(), clock, KeyGrant{slot.actor_public, roles, name}));
    DR_TRY(log_->append(actor(), clock, KeySlot{true, slot.id(), slot.slot_public, sha256(encode(bare))}));
    if (!encrypted()) return {};
    std::vector<PublicKey> slots;
    for (const auto& [id, known] : state().slots()) slots.push_back(known.slot_public);
    return publish_ring(ring(), state().ring()->number + 1, slots, actor(), clock, random);
}

Result<void> Repository::remove_slot(std::string_view id, const Clock& clock, Random& random) {
    const SlotFile gone = DR_TRY(read_slot(id));
    if (state().slots().size() == 1) {
        return Error{ErrorCode::Refused, "'" + std::string(id) + "' is the last slot"}
            .means("without it nobody could open the repository")
            .next("qnwis_dr keys slot add");
    }
    if (id == slot().id())
        return Error{ErrorCode::Refused, "'" + std::string(id) + "' is the slot in use"}
            .means("a slot is removed with another one")
            .next("qnwis_dr keys slot list");

    DR_TRY(log_->append(actor(), clock, KeySlot{false, std::string(id), gone.slot_public, sha256(encode(gone))}));
    if (encrypted()) {
        std::vector<PublicKey> slots;
        for (const auto& [name, known] : state().slots()) slots.push_back(known.slot_public);
        DR_TRY(publish_ring(ring(), state().ring()->number + 1, slots, actor(), clock, random));
    }
    DR_TRY(log_->append(actor(), clock, KeyGrant{gone.actor_public, 0, ""}));
    // Only now, with the new ring durable and named, may the old ones and the slot go.
    for (std::uint32_t number = 1; encrypted() && number < state().ring()->number; ++number)
        DR_TRY(store_->remove(ring_name(number)));
    DR_TRY(store_->remove(slot_name(id)));
    return store_->sync();
}

}  // namespace dr
