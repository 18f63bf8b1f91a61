#pragma once
// From what the user has (a key file, a passphrase, a key-encryption-key file) to an opened slot.

#include <memory>
#include <string>
#include <vector>

#include "dr/keys/slot.h"
#include "dr/repository/repository.h"
#include "dr/service/world.h"
#include "dr/snapshot/backup.h"

namespace dr {

struct KeyInHand {
    SlotFile slot;
    OpenedSlot opened;
};

// The vault that opens a slot of this kind. NotFound where the user gave nothing that could be one, WrongKey where it
// is no key.
Result<std::unique_ptr<KeyVault>> vault_for(const WrapParameters& wrapped, const KeySources& sources);

// The file with a secret that vault_for() reads; empty: none, it asks or there is nothing.
std::string secret_file_for(const WrapParameters& wrapped, const KeySources& sources);

struct NewVault {
    std::unique_ptr<KeyVault> vault;
    std::string made_kek_file;  // not empty: a new key-encryption-key file was written there
};
// The vault that new slots are wrapped with, by the order of SPEC 10. `storage_path`: a new key-encryption-key file is
// never made inside it (Refused).
Result<NewVault> vault_for_new(const KeySources& sources, const std::string& storage_path, Random& random);

// The key file that the settings name. NotFound where there is none; then `repository` slots may still open.
Result<SlotFile> read_key_file(const std::string& path);
Result<std::string> find_key_file(const Settings& settings);

// Opens the key file, or, where none is named or found, a slot that lies in the repository itself. WrongKey, NotFound.
Result<KeyInHand> key_in_hand(const Settings& settings, const Repository* repository);

// The key, key-encryption-key and passphrase files that the settings name, in use or not, and that are there: a backup
// leaves them out by default, wherever they lie and whatever they are called.
std::vector<FileIdentity> secret_files(const Settings& settings);

}  // namespace dr
