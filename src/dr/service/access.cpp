#include "dr/service/access.h"

#include "dr/platform/posix/posix_disk.h"
#include "dr/repository/pins.h"
#include "dr/storage/open_store.h"

namespace dr {
namespace {

// Pins are a safety on top: a machine that cannot keep them still restores, and says so.
Result<std::unique_ptr<PosixDisk>> open_state(const Settings& settings) {
    DR_TRY(PosixDisk::make_root(settings.state_directory));
    return PosixDisk::open_root(settings.state_directory);
}

void cannot_pin(const Settings& settings, const Error& error, Monitor& monitor) {
    monitor.note("this machine cannot remember the repository's head in '" + settings.state_directory + "' (" +
                 error.one_line() + "): an older copy of it would not be noticed");
}

// Another process of this machine may have appended and pinned since the log was read here: then the log has it by now.
// What is still older after reading it again is older.
Result<PinCheck> check_fresh(Pins& pins, Repository& repository) {
    Result<PinCheck> checked = pins.check(repository.log());
    while (!checked.ok() && checked.error().code() == ErrorCode::Forked) {
        const std::uint64_t head = repository.state().head().seq;
        DR_TRY(repository.log().refresh());
        if (repository.state().head().seq == head) break;
        checked = pins.check(repository.log());
    }
    return checked;
}

Result<bool> check_pin(const Settings& settings, Repository& repository, Monitor& monitor) {
    Result<std::unique_ptr<PosixDisk>> disk = open_state(settings);
    if (!disk.ok()) {
        cannot_pin(settings, disk.error(), monitor);
        return true;
    }
    Pins pins{*disk.value()};
    Result<PinCheck> checked = check_fresh(pins, repository);
    if (!checked.ok()) {
        if (checked.error().code() != ErrorCode::Forked || !settings.allow_older_history)
            return std::move(checked).error();
        monitor.note("taking the history that is there now, because --accept-history was given: " +
                     checked.error().one_line());
        const State& state = repository.state();
        PinCheck accepted;
        accepted.now.location = repository.store().location();
        accepted.now.repository = repository.id();
        accepted.now.head = state.head();
        accepted.now.time = state.trusted_time();
        for (const Rollback& rollback : state.rollbacks()) accepted.now.rollbacks.push_back(rollback.record_hash);
        if (Result<void> remembered = pins.remember(accepted); !remembered.ok())
            cannot_pin(settings, remembered.error(), monitor);
        return true;
    }
    const bool first = checked.value().first_sight;
    if (Result<void> remembered = pins.remember(checked.value()); !remembered.ok())
        cannot_pin(settings, remembered.error(), monitor);
    return first;
}

// What this machine already believes about a place: whose checkpoints count.
LogOptions log_options(const Settings& settings, const ObjectStore& store,
                       const std::optional<RepositoryId>& expected) {
    LogOptions options;
    options.expected = expected;
    Result<std::unique_ptr<PosixDisk>> disk = open_state(settings);
    if (!disk.ok()) return options;
    const Result<std::optional<Pin>> pin = Pins{*disk.value()}.find(store.location());
    if (pin.ok() && pin.value()) options.trusted_actors = pin.value()->actors;
    return options;
}

// The actors of this machine's pin, with the one whose key is in hand: its signatures are this machine's own.
std::vector<PublicKey> pinned_actors(const Settings& settings, const Repository& repository, bool key_in_hand) {
    const Result<std::unique_ptr<PosixDisk>> disk = open_state(settings);
    if (!disk.ok()) return {};  // said before
    Pins pins{*disk.value()};
    const std::string location = repository.store().location();
    if (key_in_hand) (void)pins.trust(location, repository.actor().public_key());
    Result<std::optional<Pin>> pin = pins.find(location);
    return pin.ok() && pin.value() ? std::move(pin.value()->actors) : std::vector<PublicKey>{};
}

}  // namespace

Result<OpenRepository> open_repository(const World& world, const Settings& settings, Access access, Monitor& monitor) {
    std::optional<KeyInHand> key;
    const bool has_key_file = find_key_file(settings).ok();
    if (access == Access::Content && (has_key_file || settings.key_file_explicit))
        key = DR_TRY(key_in_hand(settings, nullptr));

    OpenStoreOptions store_options;
    store_options.backend = settings.backend;
    std::unique_ptr<ObjectStore> store = DR_TRY(open_store(settings.storage_path, store_options, world.random));
    const std::optional<RepositoryId> expected = key ? key->slot.pin : std::nullopt;
    Repository repository = DR_TRY(Repository::open(*store, log_options(settings, *store, expected)));
    const bool first_sight = DR_TRY(check_pin(settings, repository, monitor));
    if (access == Access::Content) {
        if (!key) key = DR_TRY(key_in_hand(settings, &repository));
        DR_TRY(repository.unlock(key->slot, key->opened));
    }
    std::vector<PublicKey> pinned = pinned_actors(settings, repository, access == Access::Content);
    return OpenRepository{std::move(store), std::move(repository), first_sight, std::move(pinned)};
}

Result<void> nothing_known_at(const Settings& settings, const ObjectStore& store) {
    if (settings.allow_older_history) return {};
    const Result<std::unique_ptr<PosixDisk>> disk = open_state(settings);
    if (!disk.ok()) return {};  // opening what is made says that nothing can be remembered
    return Pins{*disk.value()}.check_empty(store.location());
}

Result<void> remember_head(const Settings& settings, Repository& repository, Monitor& monitor) {
    DR_TRY(check_pin(settings, repository, monitor));
    return {};
}

}  // namespace dr
