#include "dr/service/access.h"

#include <algorithm>

#include "dr/base/shell_word.h"
#include "dr/models/relative_path.h"
#include "dr/platform/posix/directory_lock.h"
#include "dr/platform/posix/posix_disk.h"
#include "dr/repository/pins.h"
#include "dr/storage/open_store.h"

namespace dr {
namespace {

// What this machine knows of repositories. A safety on top: a machine that cannot keep pins still restores, and says
// so.
class Memory {
public:
    explicit Memory(const Settings& settings) : settings_(settings), disk_(open(settings)) {}

    // Nothing where it was never seen, or nobody can tell.
    std::optional<Pin> find(const std::string& location) const {
        if (!disk_.ok()) return std::nullopt;
        Result<std::optional<Pin>> pin = Pins{*disk_.value()}.find(location);
        return pin.ok() ? std::move(pin).value() : std::nullopt;
    }

    // Fails with Forked where a repository was seen at this place.
    Result<void> check_empty(const std::string& location) const {
        if (!disk_.ok()) return {};  // opening what is made says that nothing can be remembered
        Pins pins{*disk_.value()};
        if (const Result<std::optional<Pin>> pin = pins.find(location); !pin.ok())
            return unusable(location, pin.error())
                .means("what it knew of this place cannot be told, and nothing was written")
                .next("qnwis_dr init --accept-history --storage-path " + shell_quoted(location) +
                      "    if a new repository is meant to be there");
        return pins.check_empty(location);
    }

    // Whether the repository is new here; its head is remembered. Fails with Forked, or where the pin is of no use.
    Result<bool> check(Repository& repository, bool changes, Monitor& monitor) {
        if (!disk_.ok()) {
            cannot_pin(disk_.error(), monitor);
            return true;
        }
        Pins pins{*disk_.value()};
        const std::string location = repository.store().location();
        const Result<std::optional<Pin>> pin = pins.find(location);
        if (!pin.ok())
            return check_without_pin(repository, std::nullopt, unusable(location, pin.error()),
                                     changes || pin.error().code() == ErrorCode::Damaged, monitor);
        Result<PinCheck> checked = check_fresh(pins, repository);
        // A record that rotted says neither that this is the history that was seen nor that it is another.
        if (!checked.ok() && checked.error().code() == ErrorCode::Damaged)
            return check_without_pin(repository, pin.value(), cannot_compare(location, checked.error()), changes,
                                     monitor);
        const bool forked = !checked.ok() && checked.error().code() == ErrorCode::Forked;
        if (!checked.ok() && !(forked && settings_.allow_older_history)) return std::move(checked).error();
        if (forked) {
            monitor.note("taking the history that is there now, because --accept-history was given: " +
                         checked.error().one_line());
            checked = accepted(repository, pin.value());
        }
        const bool first_sight = forked || checked.value().first_sight;
        // Another process was faster: what it saw is to be compared with as well.
        if (!remember(checked.value(), monitor)) return check(repository, changes, monitor);
        return first_sight;
    }

    // Whether what this machine knew of the repository could not be asked.
    bool is_blind() const { return blind_; }

    // Believes from now on whose key opened the repository: its signatures are this machine's own.
    void trust(const Repository& repository, Monitor& monitor) {
        if (!disk_.ok() || blind_) return;  // check() said it
        const PublicKey& actor = repository.actor().public_key();
        // Only what is to be changed is worth waiting for.
        const std::optional<Pin> pin = find(repository.store().location());
        if (pin && std::ranges::count(pin->actors, actor) != 0) return;
        const DirectoryLock lock{settings_.state_directory};
        const Result<void> trusted = Pins{*disk_.value()}.trust(repository.store().location(), actor);
        // Without a pin, check() has said why there is none.
        if (!trusted.ok() && trusted.error().code() != ErrorCode::NotFound) cannot_pin(trusted.error(), monitor);
    }

private:
    static Result<std::unique_ptr<PosixDisk>> open(const Settings& settings) {
        DR_TRY(PosixDisk::make_root(settings.state_directory));
        return PosixDisk::open_root(settings.state_directory);
    }

    // Another process of this machine may have appended and pinned since the log was read here: then the log has it by
    // now. What is still older after reading it again is older.
    static Result<PinCheck> check_fresh(Pins& pins, Repository& repository) {
        Result<PinCheck> checked = pins.check(repository.log());
        while (!checked.ok() && checked.error().code() == ErrorCode::Forked) {
            const std::uint64_t head = repository.state().head().seq;
            // What cannot be read there does not excuse what was found.
            if (!repository.log().refresh().ok() || repository.state().head().seq == head) break;
            checked = pins.check(repository.log());
        }
        return checked;
    }

    // There is a pin, and it does not help: it cannot be read, or not be compared.
    Result<bool> check_without_pin(const Repository& repository, const std::optional<Pin>& pin, Error why, bool stops,
                                   Monitor& monitor) {
        if (settings_.allow_older_history) {
            monitor.note("taking the history that is there now, because --accept-history was given: " + why.one_line());
            // Where another process was faster the next look compares with what it saw.
            (void)remember(accepted(repository, pin), monitor);
            return true;
        }
        if (stops) return why;
        blind_ = true;
        monitor.note(why.one_line() + "; an older copy of the repository would not be noticed");
        return false;  // it was seen before
    }

    // What is wrong with a file of this machine is not to be taken for damage of the repository.
    Error unusable(const std::string& location, const Error& why) const {
        const std::string path = settings_.state_directory + "/" + Pins::file_name(location);
        const bool damaged = why.code() == ErrorCode::Damaged;
        const std::string named = why.what().contains(path) ? "" : ", '" + printable(path) + "',";
        return Error{why.code(), "this machine's memory of the repository" + named + " cannot be used: " + why.what()}
            .means("the repository itself may be whole; without that file an older copy of it would not be noticed")
            .next(damaged ? "qnwis_dr list --accept-history --storage-path " + shell_quoted(location) +
                                "    shows what is there, and believes it from now on"
                          : "ls -ld -- " + shell_quoted(path) + "    says what it is and who may read it");
    }

    static Error cannot_compare(const std::string& location, const Error& why) {
        return Error{why.code(), "whether this is the history that was seen here before cannot be told: " + why.what()}
            .means("what the log says now is whole and signed; an older copy of it would not be noticed")
            .next("qnwis_dr list --accept-history --storage-path " + shell_quoted(location) +
                  "    shows what is there, and believes it from now on");
    }

    // False where another process changed the pin since it was compared.
    bool remember(const PinCheck& checked, Monitor& monitor) {
        if (!checked.has_news()) return true;
        const DirectoryLock lock{settings_.state_directory};
        const Result<void> remembered = Pins{*disk_.value()}.remember(checked);
        if (remembered.ok()) return true;
        if (remembered.error().code() == ErrorCode::Conflict) return false;
        cannot_pin(remembered.error(), monitor);
        return true;
    }

    // Whose keys this machine has, and which rollbacks are spent, does not change with the history.
    static PinCheck accepted(const Repository& repository, const std::optional<Pin>& before) {
        const State& state = repository.state();
        PinCheck check;
        check.before = before;
        check.now.location = repository.store().location();
        check.now.repository = repository.id();
        check.now.head = state.head();
        check.now.time = state.trusted_time();
        if (before && before->repository == repository.id()) {
            check.now.actors = before->actors;
            check.now.rollbacks = before->rollbacks;
        }
        for (const Rollback& rollback : state.rollbacks()) {
            if (std::ranges::count(check.now.rollbacks, rollback.record_hash) == 0)
                check.now.rollbacks.push_back(rollback.record_hash);
        }
        return check;
    }

    void cannot_pin(const Error& error, Monitor& monitor) const {
        monitor.note("this machine cannot remember the repository's head in '" + settings_.state_directory + "' (" +
                     error.one_line() + "): an older copy of it would not be noticed");
    }

    const Settings& settings_;
    Result<std::unique_ptr<PosixDisk>> disk_;
    bool blind_ = false;  // there is a pin that cannot be read
};

// What this machine already believes about a place: whose checkpoints count.
LogOptions log_options(const Memory& memory, const ObjectStore& store) {
    LogOptions options;
    if (std::optional<Pin> pin = memory.find(store.location())) {
        options.trusted_actors = std::move(pin->actors);
        options.known = pin->head;
    }
    return options;
}

}  // namespace

Result<OpenRepository> open_repository(const World& world, const Settings& settings, Access access, Monitor& monitor) {
    std::optional<KeyInHand> key;
    const bool has_key_file = find_key_file(settings).ok();
    if (access != Access::Log && (has_key_file || settings.key_file_explicit))
        key = DR_TRY(key_in_hand(settings, nullptr));

    OpenStoreOptions store_options;
    store_options.backend = settings.backend;
    std::unique_ptr<ObjectStore> store = DR_TRY(open_store(settings.storage_path, store_options, world.random));
    Memory memory{settings};
    LogOptions options = log_options(memory, *store);
    if (key) {
        options.expected = key->slot.pin;
        // Whose key it is has signed its own checkpoints, also where this machine is new.
        options.trusted_actors.push_back(key->opened.actor.public_key());
    }
    Repository repository = DR_TRY(Repository::open(*store, std::move(options)));
    const bool first_sight = DR_TRY(memory.check(repository, access == Access::Change, monitor));
    if (access != Access::Log) {
        if (!key) key = DR_TRY(key_in_hand(settings, &repository));
        DR_TRY(repository.unlock(key->slot, key->opened));
        memory.trust(repository, monitor);
    }
    if (access == Access::Change) DR_TRY(repository.log().check_end());
    std::optional<Pin> pin = memory.find(repository.store().location());
    return OpenRepository{std::move(store), std::move(repository), first_sight, memory.is_blind(),
                          pin ? std::move(pin->actors) : std::vector<PublicKey>{}};
}

Result<Repository> open_log(const Settings& settings, ObjectStore& store) {
    return Repository::open(store, log_options(Memory{settings}, store));
}

Result<void> nothing_known_at(const Settings& settings, const ObjectStore& store) {
    if (settings.allow_older_history) return {};
    return Memory{settings}.check_empty(store.location());
}

Result<void> remember_head(const Settings& settings, Repository& repository, Monitor& monitor) {
    DR_TRY(Memory{settings}.check(repository, true, monitor));
    return {};
}

}  // namespace dr
