#pragma once
// Repository: one backup repository as its users see it: its fixed parameters, its log, and, once unlocked, its keys.
//
// Opening needs no key: the log is readable and proves itself. Reading or writing blobs needs unlock(). For one thread
// at a time, like the Log inside; blobs are read and written through objects of their own that may use many threads.

#include <memory>
#include <optional>
#include <string>

#include "dr/crypto/sign.h"
#include "dr/keys/key_vault.h"
#include "dr/keys/ring.h"
#include "dr/keys/slot.h"
#include "dr/platform/clock.h"
#include "dr/platform/random.h"
#include "dr/repository/log.h"
#include "dr/repository/pack_keys.h"
#include "dr/repository/repository_config.h"
#include "dr/storage/object_store.h"

namespace dr {

// What K_chunk decides besides names: where chunks and tree nodes end (FORMAT 4, "Derived").
GearTable gear_table(const Key32& k_chunk);
std::uint64_t tree_seed(const Key32& k_chunk);
std::array<std::uint8_t, 32> chunker_commitment(const Key32& k_chunk);

class Repository {
public:
    // Makes a repository in an empty store, or finishes what a create() of the same key began and did not end. The
    // holder of `slot` becomes its admin. Durable once it returns. AlreadyExists where a finished repository is.
    //
    // Order, each step durable before the next: repository.json and FORMAT.txt, genesis, the slot, the ring, the
    // records that name them. All of it follows from `slot` and what already lies there, so a second try comes to the
    // same repository.
    static Result<Repository> create(ObjectStore& store, const RepositoryConfig& config, const SlotFile& slot,
                                     const OpenedSlot& opened, const Clock& clock, Random& random);

    // NotFound where there is no repository; AlreadyExists never. Unsupported, Damaged, Forked as
    // parse_repository_config() and Log::open().
    static Result<Repository> open(ObjectStore& store, LogOptions options = {});

    // Whether something that only a create() leaves behind lies there: genesis may be missing.
    static Result<bool> exists(ObjectStore& store);

    const RepositoryConfig& config() const { return config_; }
    bool encrypted() const { return config_.encryption == Encryption::Aes256Gcm; }
    ObjectStore& store() const { return *store_; }
    Log& log() { return *log_; }
    const Log& log() const { return *log_; }
    const State& state() const { return log_->state(); }
    const RepositoryId& id() const { return log_->repository(); }

    // Opens the newest key ring. WrongKey when the slot is not one of this repository, Damaged, NotFound (the ring is
    // missing). Reads the log on where that ring went while a newer one came.
    Result<void> unlock(const SlotFile& slot, const OpenedSlot& opened);
    bool unlocked() const { return keys_ != nullptr; }

    // All three: a bug before unlock().
    const RepositoryKeys& keys() const;
    const Ring& ring() const;
    const SlotFile& slot() const;
    // Signs records. As above.
    const SigningKey& actor() const;

    // The slot file `id` of this repository, proven to be the one that the log names. NotFound, Damaged.
    Result<SlotFile> read_slot(std::string_view id) const;
    // Adds a slot: its file, a ring that is sealed to it too, and the records. The actor needs the admin role. `name`
    // is for people. AlreadyExists for a slot that is there and opens the ring; one whose addition was cut is finished.
    // Conflict when others change slots faster than this can follow: nothing is lost, try again.
    Result<void> add_slot(const SlotFile& slot, std::uint32_t roles, const std::string& name, const Clock& clock,
                          Random& random);
    // Takes a slot away: first its actor's roles, then the slot; the next ring is not sealed to it, its file and older
    // rings go. A removal that was cut is finished by calling it again. Refused for the last one, and for the one in
    // use; NotFound; Conflict as above. Whoever held the slot may have kept the old ring: rotate afterwards where that
    // matters. False where the slot's file is lost and with it whose roles go: then he can sign as before, but open
    // nothing new.
    Result<bool> remove_slot(std::string_view id, const Clock& clock, Random& random);

private:
    // What unlock() found, for as long as the program runs.
    struct Unlocked : InLockedMemory {
        Unlocked(Ring&& of_repository, OpenedSlot&& of_user)
            : ring(std::move(of_repository)), slot(std::move(of_user)) {}
        Ring ring;
        OpenedSlot slot;
    };

    Repository(ObjectStore& store, const RepositoryConfig& config, Log log);

    Result<void> finish_creation(const SlotFile& slot, const OpenedSlot& opened, const Clock& clock, Random& random);
    Result<void> put_slot(const SlotFile& slot);
    struct DoomedSlot {
        PublicKey slot_public;
        Sha256 file;                     // of the slot's file, as the log names it
        std::optional<PublicKey> actor;  // whose roles go with it
    };
    Result<DoomedSlot> slot_to_remove(std::string_view id) const;
    Result<DoomedSlot> listed_slot_to_remove(std::string_view id) const;
    Result<std::optional<PublicKey>> actor_without_slot() const;

    Result<Bytes> ring_file(const RingInfo& ring) const;
    Result<Ring> open_newest_ring(const SlotFile& slot, const OpenedSlot& opened);
    Result<bool> ring_fits_slots() const;
    Result<void> fit_ring_to_slots(const SlotFile& slot, const OpenedSlot& opened, const Clock& clock, Random& random);
    Result<Appended> publish_ring(const Ring& ring, const SigningKey& actor, const Clock& clock, Random& random);

    ObjectStore* store_;
    RepositoryConfig config_;
    std::unique_ptr<Log> log_;
    std::unique_ptr<RepositoryKeys> keys_;
    std::optional<SlotFile> slot_;
    std::unique_ptr<Unlocked> unlocked_;
};

}  // namespace dr
