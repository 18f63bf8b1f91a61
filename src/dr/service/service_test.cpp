#include "dr/service/service.h"

#include <chrono>
#include <fstream>
#include <thread>

#include "dr/platform/posix/directory_lock.h"
#include "dr/platform/posix/posix_disk.h"
#include "dr/platform/posix/small_file.h"
#include "dr/repository/pins.h"
#include "dr/service/testing/machine.h"

namespace dr {
namespace {

struct Verbs : testing_support::Machine {
    Result<BackupResult> backup() {
        std::filesystem::create_directory(place + "/files");
        std::ofstream{place + "/files/one"} << "content";
        BackupRequest request;
        request.workspace = place + "/files";
        request.spec.spec_id = Identifier::parse("spec").value();
        request.spec.tag = Identifier::parse("daily").value();
        request.spec.paths = {"one"};
        return service.backup(request, monitor);
    }
    // From now on the key in hand is another one, with these roles.
    void use_key_with(std::uint32_t roles) {
        const NewVault vault = vault_for_new(settings.keys, settings.storage_path, random).value();
        const NewSlot slot = create_slot(*vault.vault, random).value();
        ASSERT_TRUE(open(Access::Change).repository.add_slot(slot.slot, roles, "second", clock, random).ok());
        settings.key_files = {place + "/second.json"};
        const std::string text = print(to_key_material(slot.slot, clock.now()));
        ASSERT_TRUE(write_new_file(settings.key_files.front(), as_bytes(text), 0600).ok());
    }
};

TEST_F(Verbs, PruneWithAKeyThatMayNotCollectForgetsNothing) {
    ASSERT_TRUE(backup().ok());
    use_key_with(role::kBackup | role::kForget);
    PruneRequest request;
    request.snapshots = {"latest"};
    EXPECT_EQ(service.prune(request, monitor).error().code(), ErrorCode::Refused);
    EXPECT_EQ(open(Access::Log).repository.state().snapshots().size(), 1U);
}

// What another process of this machine does with what it has open, whatever else waits for its turn at the pin.
void forget_and_pin(OpenRepository& other, const Clock& clock, const std::string& state_directory) {
    Log& log = other.repository.log();
    const std::uint64_t record = log.state().snapshots().begin()->first;
    ASSERT_TRUE(log.append(other.repository.actor(), clock, Forget{{{record, "test"}}}).ok());
    const std::unique_ptr<PosixDisk> disk = PosixDisk::open_root(state_directory).value();
    Pins pins{*disk};
    ASSERT_TRUE(pins.remember(pins.check(log).value()).ok());
}

// The commit counted, whatever became of it before its head was pinned here.
TEST_F(Verbs, BackupWhoseSnapshotIsForgottenBeforeItsHeadIsPinnedTellsOfIt) {
    SimClock later{Timestamp::from_seconds(1'800'000'100), 1'000'000};
    SeededRandom others{2};
    const World beside{later, others, host, calendar};
    OpenRepository other = open_repository(beside, settings, Access::Change, monitor).value();

    std::optional<DirectoryLock> held{std::in_place, settings.state_directory};
    std::optional<Result<BackupResult>> result;
    std::jthread running{[&] { result = backup(); }};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (other.repository.state().snapshots().empty() && std::chrono::steady_clock::now() < end) {
        ASSERT_TRUE(other.repository.log().refresh().ok());
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    ASSERT_EQ(other.repository.state().snapshots().size(), 1U);
    const std::uint64_t record = other.repository.state().snapshots().begin()->first;
    forget_and_pin(other, later, settings.state_directory);
    held.reset();
    running.join();
    ASSERT_TRUE(result->ok()) << result->error().one_line();
    EXPECT_EQ(result->value().meta.record, record);
    EXPECT_TRUE(open(Access::Log).repository.state().snapshots().empty());
}

}  // namespace
}  // namespace dr
