#include "dr/service/service.h"

#include <fstream>

#include "dr/platform/posix/small_file.h"
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

}  // namespace
}  // namespace dr
