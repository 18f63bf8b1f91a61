// The verbs of keys: init, status, slots, export.

#include "dr/base/hex.h"
#include "dr/platform/posix/small_file.h"
#include "dr/repository/blob_source.h"
#include "dr/service/access.h"
#include "dr/service/service.h"

namespace dr {
namespace {

Error key_file_exists(const std::string& path) {
    return Error{ErrorCode::AlreadyExists, "the key file '" + path + "' exists"}
        .means("it was not touched: overwriting it could lose the only key to existing backups")
        .next("qnwis_dr keys status --key-file " + path);
}

Result<void> write_key_file(const std::string& path, const KeyMaterial& key) {
    Result<void> written = write_new_file(path, as_bytes(print(key)), 0600);
    if (!written.ok() && written.error().code() == ErrorCode::AlreadyExists) return key_file_exists(path);
    return written;
}

// Before anything is made: a key-encryption key without its key file would only confuse.
Result<void> nothing_in_the_way(const std::string& path) {
    const Result<bool> there = readable_by_others(path);
    if (there.ok()) return key_file_exists(path);
    if (there.error().code() == ErrorCode::NotFound) return {};
    return there.error();
}

std::string kind_of(VaultKind kind) { return kind == VaultKind::Passphrase ? "passphrase" : "kek_file"; }

SlotInfo info_of(const SlotFile& slot, const State& state) {
    SlotInfo info;
    info.slot_id = slot.id();
    info.kind = kind_of(slot.parameters.kind);
    info.actor = slot.actor_public;
    if (const auto actor = state.actors().find(slot.actor_public); actor != state.actors().end()) {
        info.name = actor->second.name;
        info.roles = actor->second.roles;
    }
    return info;
}

// What is left to tell of a slot whose file is gone, so that it can be removed.
SlotInfo lost_slot(const std::string& id) {
    SlotInfo info;
    info.slot_id = id;
    info.kind = "lost";
    return info;
}

}  // namespace

Result<KeysInitResult> Service::keys_init(const KeysInitRequest& request) {
    DR_TRY(nothing_in_the_way(request.output));
    NewVault vault = DR_TRY(vault_for_new(settings_.keys, settings_.storage_path, world_.random));
    const NewSlot slot = DR_TRY(create_slot(*vault.vault, world_.random));
    KeysInitResult result;
    result.key = to_key_material(slot.slot, world_.clock.now());
    result.path = request.output;
    result.made_kek_file = vault.made_kek_file;
    DR_TRY(write_key_file(request.output, result.key));
    return result;
}

Result<KeyStatus> Service::keys_status() {
    KeyStatus status;
    status.path = DR_TRY(find_key_file(settings_));
    const SlotFile slot =
        DR_TRY(read_key_file(status.path));  // says in the words of every other command what is wrong with it
    const Bytes text = DR_TRY(read_small_file(status.path, 256U << 10));
    status.key = DR_TRY(parse_key_material(as_text(text)));
    status.opens_with = status.key.kms_key_id;
    for (const std::string& file : {status.path, secret_file_for(slot.parameters, settings_.keys)}) {
        const Result<bool> exposed = readable_by_others(file);
        if (exposed.ok() && exposed.value()) status.readable_by_others.push_back(file);
    }
    const Result<KeyInHand> key = key_in_hand(settings_, nullptr);
    if (!key.ok() && key.error().code() == ErrorCode::Cancelled) return key.error();
    status.opened = key.ok();
    if (!key.ok()) status.problem = key.error().what();
    return status;
}

Result<std::vector<SlotInfo>> Service::slot_list(Monitor& monitor) {
    OpenRepository open = DR_TRY(open_repository(world_, settings_, Access::Log, monitor));
    const Result<std::string> key_file = find_key_file(settings_);
    std::string in_use;
    if (key_file.ok()) {
        if (const Result<SlotFile> slot = read_key_file(key_file.value()); slot.ok()) in_use = slot.value().id();
    }
    std::vector<SlotInfo> slots;
    for (const auto& [id, known] : open.repository.state().slots()) {
        const Result<SlotFile> slot = open.repository.read_slot(id);
        if (!slot.ok() && !means_damage(slot.error())) return slot.error();
        if (!slot.ok()) monitor.warning("slot " + id, slot.error());
        slots.push_back(slot.ok() ? info_of(slot.value(), open.repository.state()) : lost_slot(id));
        slots.back().in_use = id == in_use;
    }
    return slots;
}

Result<SlotInfo> Service::slot_add(const SlotAddRequest& request, Monitor& monitor) {
    if (!request.output.empty()) DR_TRY(nothing_in_the_way(request.output));
    OpenRepository open = DR_TRY(open_repository(world_, settings_, Access::Change, monitor));
    NewVault vault = DR_TRY(vault_for_new(request.new_key, settings_.storage_path, world_.random));
    if (!vault.made_kek_file.empty()) monitor.note("made a new key-encryption key: " + vault.made_kek_file);
    NewSlot slot = DR_TRY(create_slot(*vault.vault, world_.random));
    DR_TRY(open.repository.add_slot(slot.slot, role::kAll, request.name, world_.clock, world_.random));
    DR_TRY(remember_head(settings_, open.repository, monitor));
    if (!request.output.empty()) {
        slot.slot.pin = open.repository.id();
        DR_TRY(write_key_file(request.output, to_key_material(slot.slot, world_.clock.now())));
    }
    return info_of(slot.slot, open.repository.state());
}

Result<void> Service::slot_remove(const std::string& slot_id, Monitor& monitor) {
    OpenRepository open = DR_TRY(open_repository(world_, settings_, Access::Change, monitor));
    if (!DR_TRY(open.repository.remove_slot(slot_id, world_.clock, world_.random)))
        monitor.note("the file of slot '" + slot_id +
                     "' was lost, and with it whose roles go: its holder can open nothing new, but still sign records");
    return remember_head(settings_, open.repository, monitor);
}

// Needs no secret: what it writes is as wrapped as what lies in the repository.
Result<KeysInitResult> Service::keys_export(const KeysExportRequest& request, Monitor& monitor) {
    DR_TRY(nothing_in_the_way(request.output));
    OpenRepository open = DR_TRY(open_repository(world_, settings_, Access::Log, monitor));
    std::string slot_id = request.slot_id;
    if (slot_id.empty()) {
        if (open.repository.state().slots().size() > 1) {
            return Error{ErrorCode::BadRequest, "the repository has several slots: say which one"}.next(
                "qnwis_dr keys slot list");
        }
        if (!open.repository.state().slots().empty()) slot_id = open.repository.state().slots().begin()->first;
    }
    SlotFile slot = DR_TRY(open.repository.read_slot(slot_id));
    slot.pin = open.repository.id();
    KeysInitResult result;
    result.key = to_key_material(slot, world_.clock.now());
    result.path = request.output;
    DR_TRY(write_key_file(request.output, result.key));
    return result;
}

}  // namespace dr
