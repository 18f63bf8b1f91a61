// `qnwis_dr config show` and `qnwis_dr version`.

#include <archive.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <zstd.h>

#include "cli/commands.h"
#include "cli/format.h"

#ifndef DR_VERSION
#define DR_VERSION "0.0.0"
#endif
#ifndef DR_COMMIT
#define DR_COMMIT ""
#endif

namespace dr::cli {
namespace {

constexpr std::uint64_t kFormatVersion = 1;  // of docs/FORMAT.md

Result<int> show_config(Shell& shell) {
    const ResolvedSettings resolved = DR_TRY(shell.resolve());
    if (shell.options.json) {
        const std::string line = json_text(JsonLayout::Compact, [&](JsonWriter& json) {
            json.begin_object();
            json.field("config_file",
                       resolved.config_file.empty() ? std::nullopt : std::optional{resolved.config_file});
            json.key("values");
            json.begin_array();
            for (const ShownValue& value : resolved.values) {
                json.begin_object();
                json.field("name", value.name);
                json.field("value", value.value);
                json.field("source", label(value.source));
                json.field("origin", value.origin);
                json.end_object();
            }
            json.end_array();
            json.end_object();
        });
        DR_TRY(shell.console().write(line));
        return 0;
    }
    shell.console().print("configuration file: " +
                          (resolved.config_file.empty() ? "none" : printable(resolved.config_file)));
    Table table{{{"SETTING"}, {"VALUE"}, {"FROM"}}};
    for (const ShownValue& value : resolved.values) {
        const std::string from =
            std::string(label(value.source)) + (value.origin.empty() ? "" : ": " + printable(value.origin));
        table.add({printable(value.name), value.value ? printable(*value.value) : "", from});
    }
    for (const std::string& line : table.lines()) shell.console().print(line);
    return 0;
}

std::string compiler() {
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "g++ " __VERSION__;
#endif
}

std::vector<std::pair<std::string, std::string>> libraries() {
    return {{"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
            {"libsodium", sodium_version_string()},
            {"zstd", ZSTD_versionString()},
            {"libarchive", archive_version_string()}};
}

Result<int> version(Shell& shell) {
    const std::string commit = DR_COMMIT;
    if (!shell.options.json) {
        shell.console().print("qnwis_dr " DR_VERSION + (commit.empty() ? "" : " (" + commit.substr(0, 12) + ")") +
                              ", repository format " + std::to_string(kFormatVersion));
        if (!shell.options.verbose) return 0;
        shell.console().print("  compiler " + compiler());
        for (const auto& [name, number] : libraries()) shell.console().print("  " + name + " " + number);
        return 0;
    }
    const std::string line = json_text(JsonLayout::Compact, [&](JsonWriter& json) {
        json.begin_object();
        json.field("name", "qnwis_dr");
        json.field("version", DR_VERSION);
        json.field("format_version", kFormatVersion);
        json.field("commit", commit.empty() ? std::nullopt : std::optional{commit});
        json.field("compiler", compiler());
        json.key("libraries");
        json.begin_object();
        for (const auto& [name, number] : libraries()) json.field(name, number);
        json.end_object();
        json.end_object();
    });
    DR_TRY(shell.console().write(line));
    return 0;
}

}  // namespace

void add_config(Command& root, Shell& shell) {
    Command config = root.command("config", "the configuration");
    config.command("show", "every setting, and where it comes from").action([&shell] { return show_config(shell); });
}

void add_version(Command& root, Shell& shell) {
    root.command("version", "version of the program, its format and its libraries").action([&shell] {
        return version(shell);
    });
}

}  // namespace dr::cli
