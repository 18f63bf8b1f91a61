// `qnwis_dr keys …`: the key file and the slots of a repository.

#include "cli/commands.h"
#include "cli/format.h"

namespace dr::cli {
namespace {

constexpr std::int64_t kDay = kNanosecondsPerDay;

// The key-encryption-key file that a key needs, if it needs one; by the order of SPEC 10.
std::string kek_file_of(const KeyMaterial& key, const std::string& made, const KeySources& sources) {
    if (!made.empty()) return made;
    if (!key.kms_key_id.starts_with("kek-file")) return {};
    if (!sources.kek_file.empty()) return sources.kek_file;
    if (!sources.configured_kek_file.empty()) return sources.configured_kek_file;
    return sources.default_kek_files.empty() ? std::string{} : sources.default_kek_files.front();
}

void print_new_key(Console& console, const KeysInitResult& result, const std::string& kek_file) {
    console.print("made the key " + result.key.key_id.text() + " in '" + printable(result.path) + "'");
    if (kek_file.empty()) {
        console.print(
            "  it opens with the passphrase; without the passphrase nobody can read the backups, and nobody can help");
        return;
    }
    console.print("  it opens with the key-encryption key in '" + printable(kek_file) + "'" +
                  (result.made_kek_file.empty() ? "" : ", which was made just now"));
    console.print("  keep a copy of '" + printable(result.path) + "' and of '" + printable(kek_file) +
                  "' apart from this machine and from the backups:");
    console.print("  who has both can read every backup; without them nobody can");
}

Result<int> init(Shell& shell, const KeysInitRequest& request) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    const KeysInitResult result = DR_TRY(Service{shell.world(), resolved.settings}.keys_init(request));
    const std::string kek_file = kek_file_of(result.key, result.made_kek_file, resolved.settings.keys);
    if (!shell.options.json) {
        print_new_key(shell.console(), result, kek_file);
        return 0;
    }
    shell.print_json([&](JsonWriter& json) {
        json.field("key_id", result.key.key_id);
        json.field("algorithm", result.key.algorithm);
        json.field("created_at", result.key.created_at);
        json.field("output", result.path);
        json.field("kms_key_id", result.key.kms_key_id);
        json.field("kek_file", kek_file.empty() ? std::nullopt : std::optional{kek_file});
        json.field("kek_created", !result.made_kek_file.empty());
    });
    return 0;
}

void print_status(Console& console, const KeyStatus& status, std::uint64_t age_days) {
    const KeyMaterial& key = status.key;
    console.print("key        " + key.key_id.text() + " in '" + printable(status.path) + "'");
    console.print("algorithm  " + key.algorithm.text());
    console.print("made       " + key.created_at.human() + " (" + counted(age_days, "day", "days") + " ago)");
    if (key.rotated_at) console.print("rotated    " + key.rotated_at->human());
    console.print("opens by   " + printable(key.kms_key_id));
    console.print("opens now  " + (status.opened ? std::string("yes") : "no: " + safe_line(status.problem)));
    if (key.repository_id) console.print("belongs to repository " + key.repository_id->short_hex());
}

Result<int> status(Shell& shell) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    const KeyStatus status = DR_TRY(Service{shell.world(), resolved.settings}.keys_status());
    const KeyMaterial& key = status.key;
    const Timestamp since = key.rotated_at.value_or(key.created_at);
    const std::int64_t age =
        std::max<std::int64_t>(shell.world().clock.now().nanoseconds() - since.nanoseconds(), 0) / kDay;
    for (const std::string& file : status.readable_by_others) {
        shell.console().complain("warning: others on this machine can read '" + printable(file) +
                                 "'; next: chmod 600 " + shell_quoted(file));
    }
    if (!shell.options.json) {
        print_status(shell.console(), status, static_cast<std::uint64_t>(age));
        return 0;
    }
    shell.print_json([&](JsonWriter& json) {
        json.field("key_file", status.path);
        json.field("key_id", key.key_id);
        json.field("algorithm", key.algorithm);
        json.field("created_at", key.created_at);
        json.field("rotated_at", key.rotated_at);
        json.field("age_days", age);
        json.field("kms_key_id", key.kms_key_id);
        json.field("opens", status.opened);
        json.field("repository_id", key.repository_id);
    });
    return 0;
}

Result<int> export_key(Shell& shell, const KeysExportRequest& request) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    const KeysInitResult result =
        DR_TRY(Service{shell.world(), resolved.settings}.keys_export(request, shell.monitor()));
    shell.done_working();
    if (!shell.options.json) {
        shell.console().say("wrote the key file '" + printable(result.path) + "' of the slot " +
                            result.key.key_id.text());
        shell.console().say("  it opens by " + printable(result.key.kms_key_id) + ", as the slot does");
        return 0;
    }
    shell.print_json([&](JsonWriter& json) {
        json.field("key_id", result.key.key_id);
        json.field("output", result.path);
        json.field("slot_id", result.key.key_id);  // a key's name is its slot's
        json.field("repository_id", result.key.repository_id);
    });
    return 0;
}

void write_slot(JsonWriter& json, const SlotInfo& slot) {
    json.begin_object();
    json.field("slot_id", slot.slot_id);
    json.field("kind", slot.kind);
    json.field("label", slot.name);
    json.field("public_key", slot.actor);
    json.field("kms_key_id", slot.kind == "kek_file" ? "kek-file" : slot.kind);
    json.end_object();
}

Result<int> list_slots(Shell& shell) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    const std::vector<SlotInfo> slots = DR_TRY(Service{shell.world(), resolved.settings}.slot_list(shell.monitor()));
    shell.done_working();
    if (shell.options.json) {
        shell.print_json([&](JsonWriter& json) {
            json.key("slots");
            json.begin_array();
            for (const SlotInfo& slot : slots) write_slot(json, slot);
            json.end_array();
            json.field("count", slots.size());
        });
        return 0;
    }
    Table table{{{"SLOT"}, {"OPENS BY"}, {"NAME"}, {"SIGNS AS"}, {""}}};
    for (const SlotInfo& slot : slots) {
        table.add({slot.slot_id, slot.kind, printable(slot.name), slot.actor.short_hex(),
                   slot.in_use ? "the key file's" : ""});
    }
    for (const std::string& line : table.lines()) shell.console().print(line);
    return 0;
}

struct SlotAddLine {
    std::string name, output, passphrase_file, kek_file;
};

Result<int> add_slot(Shell& shell, const SlotAddLine& line) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    SlotAddRequest request;
    request.name = line.name;
    request.output = line.output;
    request.new_key.passphrase_file = line.passphrase_file;
    request.new_key.kek_file = line.kek_file;
    request.new_key.ask = resolved.settings.keys.ask;
    if (line.passphrase_file.empty() && line.kek_file.empty() && !request.new_key.ask) {
        return Error{ErrorCode::BadRequest,
                     "a new slot needs --new-passphrase-file or --new-kek-file: there is no terminal to ask on"}
            .means("nothing was done")
            .next("qnwis_dr keys slot add --help");
    }
    const SlotInfo slot = DR_TRY(Service{shell.world(), resolved.settings}.slot_add(request, shell.monitor()));
    shell.done_working();
    if (!shell.options.json) {
        shell.console().say("added the slot " + slot.slot_id + " (" + slot.kind + ")");
        if (!line.output.empty()) shell.console().say("  its key file is '" + printable(line.output) + "'");
        return 0;
    }
    shell.print_json([&](JsonWriter& json) {
        json.key("slot");
        write_slot(json, slot);
    });
    return 0;
}

Result<int> remove_slot(Shell& shell, const std::string& slot_id) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    Service service{shell.world(), resolved.settings};
    DR_TRY(service.slot_remove(slot_id, shell.monitor()));
    const std::vector<SlotInfo> left = DR_TRY(service.slot_list(shell.monitor()));
    shell.done_working();
    if (!shell.options.json) {
        shell.console().say("removed the slot '" + printable(slot_id) + "'; " +
                            counted(left.size(), "slot is", "slots are") + " left");
        shell.console().say(
            "  who held its key may have copied the key ring before: it still opens older copies of this repository");
        return 0;
    }
    shell.print_json([&](JsonWriter& json) {
        json.field("slot_id", slot_id);
        json.field("slots_left", left.size());
    });
    return 0;
}

void add_slot_commands(Command& keys, Shell& shell) {
    Command slot = keys.command("slot", "the slots of a repository: each opens it by itself");
    auto line = std::make_shared<SlotAddLine>();
    Command add = slot.command("add", "let another passphrase or key open the repository");
    add.option("--name", line->name, Value::Name, "whose it is, for people");
    add.option("--output", line->output, Value::File, "key file to write for it");
    add.option("--new-passphrase-file", line->passphrase_file, Value::File, "file with the new slot's passphrase");
    add.option("--new-kek-file", line->kek_file, Value::File,
               "the new slot's key-encryption-key file; made where it is not there");
    add.action([line, &shell] { return add_slot(shell, *line); });

    auto slot_id = std::make_shared<std::string>();
    Command remove = slot.command("remove", "take a slot away");
    remove.positional("slot", *slot_id, Value::Name, "its name, as 'keys slot list' shows it", Need::Required);
    remove.action([slot_id, &shell] { return remove_slot(shell, *slot_id); });

    slot.command("list", "what opens the repository").action([&shell] { return list_slots(shell); });
}

}  // namespace

void add_keys(Command& root, Shell& shell) {
    Command keys = root.command("keys", "make, check and export keys");
    auto init_request = std::make_shared<KeysInitRequest>();
    Command init_command = keys.command("init", "make a new key file");
    init_command.option("--output", init_request->output, Value::File,
                        "key file to write (default: dr_key.json); one that exists is never touched");
    init_command.action([init_request, &shell] { return init(shell, *init_request); });

    keys.command("status", "what the key file is, and whether it opens now").action([&shell] { return status(shell); });

    auto export_request = std::make_shared<KeysExportRequest>();
    Command export_command = keys.command("export", "make the key file again from the repository");
    export_command.option("--output", export_request->output, Value::File, "key file to write", Need::Required);
    export_command.option("--slot", export_request->slot_id, Value::Name, "which slot, where there are several");
    export_command.action([export_request, &shell] { return export_key(shell, *export_request); });

    add_slot_commands(keys, shell);
}

}  // namespace dr::cli
