#include "dr/service/key_access.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "dr/keys/kek_file.h"
#include "dr/platform/posix/small_file.h"

namespace dr {
namespace {

constexpr std::size_t kMaxPassphrase = 4096;
constexpr std::size_t kMaxKeyFile = 256U << 10;

Result<SecretBytes> read_passphrase(const std::string& path) {
    Bytes bytes = DR_TRY(read_small_file(path, kMaxPassphrase));
    // An editor ends the line; the newline is not meant.
    std::size_t size = bytes.size();
    if (size > 0 && bytes[size - 1] == '\n') --size;
    if (size > 0 && bytes[size - 1] == '\r') --size;
    SecretBytes passphrase = SecretBytes::copy_of(ByteSpan{bytes}.first(size));
    wipe(bytes);
    if (passphrase.empty()) return Error{ErrorCode::WrongKey, "the passphrase file '" + path + "' is empty"};
    return passphrase;
}

Result<std::unique_ptr<KeyVault>> passphrase_vault(const std::string& file) {
    SecretBytes passphrase = DR_TRY(read_passphrase(file));
    return std::unique_ptr<KeyVault>(std::make_unique<PassphraseVault>(std::move(passphrase)));
}

Result<std::unique_ptr<KeyVault>> kek_vault(const std::string& file) {
    Bytes text = DR_TRY(read_small_file(file, kMaxKekFile));
    Result<Key32> kek = parse_kek(as_text(text));
    wipe(text);
    if (!kek.ok())
        return Error{ErrorCode::WrongKey, "'" + file + "' is not a key-encryption-key file"}.means("no work was begun");
    return std::unique_ptr<KeyVault>(std::make_unique<KekFileVault>(std::move(kek).value()));
}

const std::string* first_existing(const std::vector<std::string>& files) {
    for (const std::string& file : files) {
        if (readable_by_others(file).ok()) return &file;
    }
    return nullptr;
}

Result<std::unique_ptr<KeyVault>> asked_vault(const KeySources& sources, const std::string& question, bool confirm) {
    SecretBytes passphrase = DR_TRY(sources.ask(question, confirm));
    return std::unique_ptr<KeyVault>(std::make_unique<PassphraseVault>(std::move(passphrase)));
}

Error nothing_opens(const char* what, const char* variable) {
    return Error{ErrorCode::WrongKey, std::string("this key needs ") + what + ", and none was given"}
        .means("no work was begun")
        .next(std::string(variable) + "=FILE qnwis_dr keys status");
}

Result<void> keep_out_of_storage(const std::string& file, const std::string& storage_path) {
    if (storage_path.empty()) return {};
    const Result<std::string> storage = real_path(storage_path);
    if (!storage.ok()) return {};  // not there: nothing can lie in it
    const Result<std::string> real = real_path(file);
    const std::string& resolved = real.ok() ? real.value() : file;
    if (!resolved.starts_with(storage.value() + "/")) return {};
    return Error{ErrorCode::Refused,
                 "the key-encryption key '" + file + "' would lie inside the storage '" + storage_path + "'"}
        .means("whoever takes the storage would have the key too")
        .next("QNWIS_DR_KEK_FILE=/etc/qnwis_dr/kek qnwis_dr keys init");
}

// A key-encryption-key file that is there, or a new one.
Result<NewVault> kek_vault_or_new(const std::string& file, const std::string& storage_path, Random& random) {
    NewVault result;
    DR_TRY(keep_out_of_storage(file, storage_path));
    Result<std::unique_ptr<KeyVault>> there = kek_vault(file);
    if (there.ok()) {
        result.vault = std::move(there).value();
        return result;
    }
    if (there.error().code() != ErrorCode::NotFound) return std::move(there).error();
    const Key32 kek = new_kek(random);
    DR_TRY(write_new_file(file, print_kek(kek).bytes(), 0600, true));
    result.vault = std::make_unique<KekFileVault>(kek.clone());
    result.made_kek_file = file;
    return result;
}

}  // namespace

std::string secret_file_for(const WrapParameters& wrapped, const KeySources& sources) {
    const bool passphrase = wrapped.kind == VaultKind::Passphrase;
    const std::string& given = passphrase ? sources.passphrase_file : sources.kek_file;
    if (!given.empty()) return given;
    const std::string& configured = passphrase ? sources.configured_passphrase_file : sources.configured_kek_file;
    if (!configured.empty() || passphrase) return configured;
    const std::string* file = first_existing(sources.default_kek_files);
    return file == nullptr ? std::string{} : *file;
}

Result<std::unique_ptr<KeyVault>> vault_for(const WrapParameters& wrapped, const KeySources& sources) {
    const std::string file = secret_file_for(wrapped, sources);
    if (wrapped.kind == VaultKind::Passphrase) {
        if (!file.empty()) return passphrase_vault(file);
        if (sources.ask) return asked_vault(sources, "passphrase", false);
        return nothing_opens("a passphrase", "QNWIS_DR_PASSPHRASE_FILE");
    }
    if (!file.empty()) return kek_vault(file);
    return nothing_opens("a key-encryption-key file", "QNWIS_DR_KEK_FILE");
}

Result<NewVault> vault_for_new(const KeySources& sources, const std::string& storage_path, Random& random) {
    // The analyzer loses sight of a pointer that moves out of a Result.
    // NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)
    const auto only = [](Result<std::unique_ptr<KeyVault>> vault) -> Result<NewVault> {
        if (!vault.ok()) return std::move(vault).error();
        return NewVault{std::move(vault).value(), {}};
    };
    if (!sources.passphrase_file.empty()) return only(passphrase_vault(sources.passphrase_file));
    // NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)
    if (!sources.kek_file.empty()) return kek_vault_or_new(sources.kek_file, storage_path, random);
    if (!sources.configured_passphrase_file.empty()) return only(passphrase_vault(sources.configured_passphrase_file));
    if (!sources.configured_kek_file.empty())
        return kek_vault_or_new(sources.configured_kek_file, storage_path, random);
    if (sources.ask) return only(asked_vault(sources, "new passphrase", true));
    if (const std::string* file = first_existing(sources.default_kek_files))
        return kek_vault_or_new(*file, storage_path, random);
    if (sources.default_kek_files.empty())
        return Error{ErrorCode::BadRequest, "no passphrase and no key-encryption-key file was given"};
    return kek_vault_or_new(sources.default_kek_files.front(), storage_path, random);
}

Result<SlotFile> read_key_file(const std::string& path) {
    const Bytes text = DR_TRY(read_small_file(path, kMaxKeyFile));
    Result<KeyMaterial> key = parse_key_material(as_text(text));
    if (!key.ok()) return std::move(key).error().as(ErrorCode::WrongKey).during("reading the key file '" + path + "'");
    Result<SlotFile> slot = from_key_material(key.value());
    if (!slot.ok())
        return std::move(slot).error().as(ErrorCode::WrongKey).during("reading the key file '" + path + "'");
    return slot;
}

Result<std::string> find_key_file(const Settings& settings) {
    if (const std::string* file = first_existing(settings.key_files)) return *file;
    const std::string named = settings.key_files.empty() ? std::string{"dr_key.json"} : settings.key_files.front();
    return Error{ErrorCode::NotFound, "there is no key file '" + named + "'"}
        .means("without it, or a passphrase or key that opens a slot of the repository, nothing can be read")
        .next("qnwis_dr keys init --output dr_key.json");
}

namespace {

Result<KeyInHand> open_with(const SlotFile& slot, const KeySources& sources) {
    const std::unique_ptr<KeyVault> vault = DR_TRY(vault_for(slot.parameters, sources));
    OpenedSlot opened = DR_TRY(open_slot(slot, *vault));
    return KeyInHand{slot, std::move(opened)};
    // As above. NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks)
}

// The machine is gone and the key file with it: the repository's own slots and a passphrase or key are enough (SPEC
// 10). Slots of the kind that the user gave something for come first, and the first problem is the one to tell.
Result<KeyInHand> open_a_slot_of(const Repository& repository, const KeySources& sources, Error no_key_file) {
    const bool passphrase_given = !sources.passphrase_file.empty() || !sources.configured_passphrase_file.empty();
    std::vector<SlotFile> slots;
    std::optional<Error> first_problem;
    for (const auto& [id, known] : repository.state().slots()) {
        Result<SlotFile> slot = repository.read_slot(id);
        if (slot.ok())
            slots.push_back(std::move(slot).value());
        else
            first_problem = std::move(slot).error();
    }
    std::ranges::stable_partition(slots, [&](const SlotFile& slot) {
        return (slot.parameters.kind == VaultKind::Passphrase) == passphrase_given;
    });
    for (const SlotFile& slot : slots) {
        Result<KeyInHand> key = open_with(slot, sources);
        if (key.ok() || key.error().code() == ErrorCode::Cancelled) return key;
        if (!first_problem) first_problem = std::move(key).error();
    }
    return first_problem ? std::move(*first_problem) : std::move(no_key_file);
}

}  // namespace

std::vector<FileIdentity> secret_files(const Settings& settings) {
    const KeySources& keys = settings.keys;
    std::vector<std::string> files = settings.key_files;
    files.insert(files.end(), settings.named_secrets.begin(), settings.named_secrets.end());
    files.insert(files.end(), keys.default_kek_files.begin(), keys.default_kek_files.end());
    for (const std::string& file :
         {keys.passphrase_file, keys.kek_file, keys.configured_passphrase_file, keys.configured_kek_file})
        files.push_back(file);
    std::vector<FileIdentity> found;
    for (const std::string& file : files) {
        // /dev/null and pipes of the shell hold nothing that a backup would read.
        std::error_code none;
        if (file.empty() || !std::filesystem::is_regular_file(file, none)) continue;
        if (const Result<FileIdentity> identity = FileIdentity::of(file); identity.ok())
            found.push_back(identity.value());
    }
    return found;
}

Result<KeyInHand> key_in_hand(const Settings& settings, const Repository* repository) {
    Result<std::string> file = find_key_file(settings);
    if (!file.ok()) {
        if (settings.key_file_explicit || repository == nullptr) return std::move(file).error();
        return open_a_slot_of(*repository, settings.keys, std::move(file).error());
    }
    const SlotFile slot = DR_TRY(read_key_file(file.value()));
    Result<KeyInHand> key = open_with(slot, settings.keys);
    if (key.ok()) return key;
    return std::move(key).error().during("opening the key file '" + file.value() + "'");
}

}  // namespace dr
