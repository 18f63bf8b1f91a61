#include "dr/service/config.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

ConfigFile good(std::string_view text) {
    Result<ConfigFile> config = parse_config(text, "/etc/qnwis_dr/config.toml");
    EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.error().what());
    return config.ok() ? std::move(config).value() : ConfigFile{};
}

std::string complaint(std::string_view text) {
    const Result<ConfigFile> config = parse_config(text, "/etc/qnwis_dr/config.toml");
    EXPECT_FALSE(config.ok()) << text;
    if (config.ok()) return "";
    EXPECT_EQ(config.error().code(), ErrorCode::BadRequest);
    EXPECT_FALSE(config.error().next_step().empty());
    return config.error().what();
}

bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(Config, AnEmptyFileSaysNothing) {
    const ConfigFile config = good("");
    EXPECT_FALSE(config.storage_path);
    EXPECT_FALSE(config.allowed_targets);
    EXPECT_TRUE(config.targets.empty());
    EXPECT_EQ(config.path, "/etc/qnwis_dr/config.toml");
}

TEST(Config, EverySettingIsRead) {
    const ConfigFile config = good(R"(
storage_path = "/mnt/backups"
backend = "local"
key_file = "/k"
passphrase_file = "/p"
kek_file = "/e"
allowed_targets = ["/a", "/b"]
state_dir = "/s"
scratch_dir = "/t"
memory_mib = 128
workers = 3
[mapping]
catalog = ["catalog"]
audit_packs = ["packs"]
config = ["conf", "/etc/app"]
pii = ["people/**"]
[targets.local-prod]
backend = "local"
base_path = "/mnt/prod"
worm = true
compression = "zstd:3"
options = {speed = "fast"}
)");
    EXPECT_EQ(config.storage_path, "/mnt/backups");
    EXPECT_EQ(config.backend, "local");
    EXPECT_EQ(config.key_file, "/k");
    EXPECT_EQ(config.passphrase_file, "/p");
    EXPECT_EQ(config.kek_file, "/e");
    EXPECT_EQ(config.allowed_targets, (std::vector<std::string>{"/a", "/b"}));
    EXPECT_EQ(config.state_dir, "/s");
    EXPECT_EQ(config.scratch_dir, "/t");
    EXPECT_EQ(config.memory_mib, 128U);
    EXPECT_EQ(config.workers, 3U);
    EXPECT_EQ(config.catalog, std::vector<std::string>{"catalog"});
    EXPECT_EQ(config.audit_packs, std::vector<std::string>{"packs"});
    EXPECT_EQ(config.config, (std::vector<std::string>{"conf", "/etc/app"}));
    EXPECT_EQ(config.pii, std::vector<std::string>{"people/**"});
    ASSERT_TRUE(config.targets.contains("local-prod"));
    const StorageTarget& target = config.targets.at("local-prod");
    EXPECT_EQ(target.base_path, "/mnt/prod");
    EXPECT_TRUE(target.worm);
    EXPECT_EQ(target.compression, "zstd:3");
    EXPECT_EQ(target.options.at("speed"), "fast");
}

TEST(Config, PathsCountFromTheFileAndLocationsStay) {
    const ConfigFile config = good(
        "storage_path = 'backups'\nkey_file = 'keys/k.json'\nallowed_targets = ['restore']\n"
        "[mapping]\ncatalog = ['data']\n[targets.a]\nbackend = 'local'\nbase_path = 'there'\n");
    EXPECT_EQ(config.storage_path, "/etc/qnwis_dr/backups");
    EXPECT_EQ(config.key_file, "/etc/qnwis_dr/keys/k.json");
    EXPECT_EQ(config.allowed_targets, std::vector<std::string>{"/etc/qnwis_dr/restore"});
    EXPECT_EQ(config.catalog, std::vector<std::string>{"data"});
    EXPECT_EQ(config.targets.at("a").base_path, "/etc/qnwis_dr/there");
    EXPECT_EQ(good("storage_path = 's3://bucket/prefix'").storage_path, "s3://bucket/prefix");
    EXPECT_EQ(good("storage_path = 'rclone:remote:path'").storage_path, "rclone:remote:path");
}

TEST(Config, AnUnknownNameIsAnErrorWithTheNearestKnownOne) {
    EXPECT_TRUE(says(complaint("\nstorage_pth = '/x'"), "'storage_pth' is no setting; did you mean 'storage_path'? "));
    EXPECT_TRUE(says(complaint("\nstorage_pth = '/x'"), "line 2"));
    EXPECT_TRUE(
        says(complaint("[mapping]\ncatalogs = []"), "'mapping.catalogs' is no setting; did you mean 'catalog'?"));
    EXPECT_TRUE(says(complaint("[targets.a]\nbackend = 'local'\nbase_pth = '/x'"), "did you mean 'base_path'?"));
}

TEST(Config, ValuesOfTheWrongKindAreErrors) {
    for (const char* text : {"storage_path = 1",
                             "storage_path = ''",
                             "storage_path = ['/a']",
                             "storage_path = \"a\\u0000b\"",
                             "allowed_targets = '/a'",
                             "allowed_targets = [1]",
                             "memory_mib = 'x'",
                             "memory_mib = 1.5",
                             "memory_mib = -1",
                             "memory_mib = 1",
                             "workers = 0",
                             "workers = 100000",
                             "backend = 'floppy'",
                             "mapping = 1",
                             "targets = 1",
                             "[targets]\na = 1",
                             "[targets.a]\nbackend = 'local'",
                             "[targets.'a/b']\nbackend = 'local'\nbase_path = '/x'",
                             "[targets.a]\ntarget_id = 'b'\nbackend = 'local'\nbase_path = '/x'",
                             "[targets.a]\nbackend = 'tape'\nbase_path = '/x'"}) {
        EXPECT_FALSE(complaint(text).empty()) << text;
    }
}

TEST(Config, WhatIsNoTomlIsNamedWithItsLine) {
    EXPECT_TRUE(says(complaint("storage_path = '/a'\nthis is not TOML\n"), "not TOML at line 2"));
    EXPECT_TRUE(says(complaint("a = \"\\x1b[2J"), "config.toml"));
    EXPECT_FALSE(says(complaint("a = \"\x1b[2J"), "\x1b"));
}

TEST(Config, ListsHaveALimit) {
    std::string text = "allowed_targets = [";
    for (int i = 0; i < 10'001; ++i) text += "'/a',";
    EXPECT_TRUE(says(complaint(text + "]"), "more than 10000"));
}

}  // namespace
}  // namespace dr
