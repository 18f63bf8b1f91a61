#include "dr/service/settings.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dr {
namespace {

ResolvedSettings resolved(const SettingsInput& input) {
    Result<ResolvedSettings> result = resolve_settings(input);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().what());
    return result.ok() ? std::move(result).value() : ResolvedSettings{};
}

const ShownValue& shown(const ResolvedSettings& settings, std::string_view name) {
    const auto found = std::ranges::find(settings.values, name, &ShownValue::name);
    EXPECT_NE(found, settings.values.end()) << name;
    static const ShownValue kNone;
    return found == settings.values.end() ? kNone : *found;
}

ConfigFile config_of(std::string_view text) { return parse_config(text, "/etc/qnwis_dr/config.toml").value(); }
Identifier id(std::string_view text) { return Identifier::parse(text).value(); }

TEST(Settings, WithNothingGivenTheDefaultsOfTheContractHold) {
    SettingsInput root;
    root.is_root = true;
    const ResolvedSettings settings = resolved(root);
    EXPECT_EQ(settings.settings.storage_path, "/mnt/backups");
    EXPECT_EQ(settings.settings.backend, "");
    EXPECT_EQ(settings.settings.key_files, (std::vector<std::string>{"dr_key.json", "/etc/qnwis_dr/dr_key.json"}));
    EXPECT_FALSE(settings.settings.key_file_explicit);
    EXPECT_EQ(settings.settings.keys.default_kek_files, std::vector<std::string>{"/etc/qnwis_dr/kek"});
    EXPECT_EQ(settings.settings.allowed_targets, std::vector<std::string>{"/mnt/restore"});
    EXPECT_EQ(settings.settings.state_directory, "/var/lib/qnwis_dr");
    EXPECT_EQ(settings.settings.workers, 0U);
    EXPECT_FALSE(settings.settings.allow_older_history);
    EXPECT_EQ(settings.config_file, "");
    for (const ShownValue& value : settings.values) {
        EXPECT_TRUE(value.source == ValueSource::Default || value.source == ValueSource::Unset) << value.name;
        EXPECT_EQ(value.value.has_value(), value.source == ValueSource::Default) << value.name;
        EXPECT_EQ(value.origin, "") << value.name;
    }
}

TEST(Settings, AUserHasDefaultsBelowTheXdgDirectories) {
    SettingsInput user;
    user.environment = {{"HOME", "/home/u"}};
    EXPECT_EQ(resolved(user).settings.key_files.back(), "/home/u/.config/qnwis_dr/dr_key.json");
    EXPECT_EQ(resolved(user).settings.state_directory, "/home/u/.local/state/qnwis_dr");
    user.environment = {{"HOME", "/home/u"}, {"XDG_CONFIG_HOME", "/c"}, {"XDG_STATE_HOME", "/s"}};
    EXPECT_EQ(resolved(user).settings.keys.default_kek_files, std::vector<std::string>{"/c/qnwis_dr/kek"});
    EXPECT_EQ(resolved(user).settings.state_directory, "/s/qnwis_dr");
    user.environment["XDG_CONFIG_HOME"] = "relative";  // as the specification says: ignored
    EXPECT_EQ(resolved(user).settings.keys.default_kek_files, std::vector<std::string>{"/home/u/.config/qnwis_dr/kek"});
    user.environment.clear();
    EXPECT_EQ(resolved(user).settings.key_files, std::vector<std::string>{"dr_key.json"});
    EXPECT_TRUE(resolved(user).settings.keys.default_kek_files.empty());
}

TEST(Settings, AnOptionBeatsTheEnvironmentBeatsTheConfigurationBeatsTheDefault) {
    SettingsInput input;
    input.config = config_of("storage_path = '/config'");
    EXPECT_EQ(resolved(input).settings.storage_path, "/config");
    EXPECT_EQ(shown(resolved(input), "storage_path").origin, "/etc/qnwis_dr/config.toml");
    input.environment = {{"QNWIS_DR_STORAGE_PATH", "/environment"}};
    EXPECT_EQ(resolved(input).settings.storage_path, "/environment");
    EXPECT_EQ(shown(resolved(input), "storage_path").source, ValueSource::Environment);
    EXPECT_EQ(shown(resolved(input), "storage_path").origin, "QNWIS_DR_STORAGE_PATH");
    input.options.storage_path = "/option";
    EXPECT_EQ(resolved(input).settings.storage_path, "/option");
    EXPECT_EQ(shown(resolved(input), "storage_path").origin, "--storage-path");
    input.options = {};
    input.environment["QNWIS_DR_STORAGE_PATH"] = "";  // set but empty: not set
    EXPECT_EQ(resolved(input).settings.storage_path, "/config");
}

TEST(Settings, ANamedKeyFileMustBeThereWhoeverNamedIt) {
    SettingsInput input;
    input.config = config_of("key_file = '/config.json'");
    EXPECT_TRUE(resolved(input).settings.key_file_explicit);
    EXPECT_EQ(resolved(input).settings.key_files, std::vector<std::string>{"/config.json"});
    input.environment = {{"QNWIS_DR_KEY_FILE", "/environment.json"}};
    EXPECT_EQ(resolved(input).settings.key_files, std::vector<std::string>{"/environment.json"});
    input.options.key_file = "here.json";
    EXPECT_EQ(resolved(input).settings.key_files, std::vector<std::string>{"here.json"});
}

TEST(Settings, SourcesOfAKeyKeepTheirPlacesInTheOrderOfTheContract) {
    SettingsInput input;
    input.config = config_of("passphrase_file = '/config pass'\nkek_file = '/config kek'");
    EXPECT_EQ(resolved(input).settings.keys.configured_passphrase_file, "/config pass");
    EXPECT_EQ(resolved(input).settings.keys.configured_kek_file, "/config kek");
    EXPECT_EQ(resolved(input).settings.keys.passphrase_file, "");
    input.environment = {{"QNWIS_DR_PASSPHRASE_FILE", "/pass"}, {"QNWIS_DR_KEK_FILE", "/kek"}};
    EXPECT_EQ(resolved(input).settings.keys.passphrase_file, "/pass");
    EXPECT_EQ(resolved(input).settings.keys.kek_file, "/kek");
}

TEST(Settings, FilesWithSecretsAreKnownAlsoWhereOthersAreInUse) {
    SettingsInput input;
    input.environment = {{"QNWIS_DR_PASSPHRASE_FILE", "/pass"}, {"QNWIS_DR_KEK_FILE", "/kek"}, {"HOME", "/home/u"}};
    input.config = config_of("key_file = '/config key'\npassphrase_file = '/config pass'\nkek_file = '/config kek'");
    input.options.key_file = "mine.json";
    const std::vector<std::string> named = resolved(input).settings.named_secrets;
    for (const char* file : {"mine.json", "/config key", "dr_key.json", "/pass", "/config pass", "/kek", "/config kek",
                             "/home/u/.config/qnwis_dr/kek"}) {
        EXPECT_EQ(std::ranges::count(named, file), 1) << file;
    }
}

TEST(Settings, AllowedTargetsAreSplitAtColonsAndAbsolute) {
    SettingsInput input;
    input.environment = {{"QNWIS_DR_ALLOWED_TARGETS", "/a::/b/c:"}};
    EXPECT_EQ(resolved(input).settings.allowed_targets, (std::vector<std::string>{"/a", "/b/c"}));
    EXPECT_EQ(shown(resolved(input), "allowed_targets").value, "/a:/b/c");
    input.environment["QNWIS_DR_ALLOWED_TARGETS"] = "/a:relative";
    const Result<ResolvedSettings> refused = resolve_settings(input);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), ErrorCode::BadRequest);
    input.environment["QNWIS_DR_ALLOWED_TARGETS"] = ":";  // set, and names none: nothing is allowed
    EXPECT_TRUE(resolved(input).settings.allowed_targets.empty());
    input.environment.clear();
    input.config = config_of("allowed_targets = []");
    EXPECT_TRUE(resolved(input).settings.allowed_targets.empty());
}

TEST(Settings, ABackendOfTheConfigurationBelongsToItsStoragePath) {
    SettingsInput input;
    input.config = config_of("storage_path = '/config'\nbackend = 'archive'");
    EXPECT_EQ(resolved(input).settings.backend, "archive");
    input.options.storage_path = "s3://bucket";
    EXPECT_EQ(resolved(input).settings.backend, "");
    input.options.backend = "object_store";
    EXPECT_EQ(resolved(input).settings.backend, "object_store");
    EXPECT_EQ(shown(resolved(input), "backend").source, ValueSource::Option);
    input.options.backend = "floppy";
    EXPECT_EQ(resolve_settings(input).error().code(), ErrorCode::BadRequest);
}

TEST(Settings, SizesDirectoriesAndMappingComeFromTheConfiguration) {
    SettingsInput input;
    input.config = config_of(
        "memory_mib = 128\nworkers = 3\nstate_dir = '/s'\nscratch_dir = '/t'\n[mapping]\ncatalog = ['c']\npii = "
        "['p']\n");
    const ResolvedSettings settings = resolved(input);
    EXPECT_EQ(settings.settings.memory_budget, 128U << 20);
    EXPECT_EQ(settings.settings.workers, 3U);
    EXPECT_EQ(settings.settings.state_directory, "/s");
    EXPECT_EQ(settings.settings.scratch_directory, "/t");
    EXPECT_EQ(settings.settings.mapping.catalog_directories, std::vector<std::string>{"c"});
    EXPECT_EQ(settings.settings.mapping.pii_patterns, std::vector<std::string>{"p"});
    EXPECT_EQ(settings.settings.mapping.audit_pack_directories, std::vector<std::string>{"audit_packs"});
    EXPECT_EQ(shown(settings, "mapping.catalog").source, ValueSource::Config);
    input.options.workers = "5";
    EXPECT_EQ(resolved(input).settings.workers, 5U);
    for (const char* bad : {"0", "-1", "x", "1.5", "99999"}) {
        input.options.workers = bad;
        EXPECT_EQ(resolve_settings(input).error().code(), ErrorCode::BadRequest) << bad;
    }
}

TEST(Settings, EveryLineOfConfigShowStandsInAFixedOrder) {
    std::vector<std::string> names;
    SettingsInput input;
    input.config = config_of(
        "[targets.b]\nbackend = 'local'\nbase_path = '/b'\n[targets.a]\nbackend = 'local'\nbase_path = '/a'\n");
    for (const ShownValue& value : resolved(input).values) names.push_back(value.name);
    EXPECT_EQ(names, (std::vector<std::string>{"storage_path", "backend", "key_file", "passphrase_file", "kek_file",
                                               "allowed_targets", "state_dir", "scratch_dir", "memory_mib", "workers",
                                               "mapping.catalog", "mapping.audit_packs", "mapping.config",
                                               "mapping.pii", "targets.a", "targets.b"}));
    EXPECT_EQ(label(ValueSource::Option), "option");
    EXPECT_EQ(label(ValueSource::Unset), "unset");
}

TEST(Settings, TheConfigurationFileIsTheNamedOneOrTheFirstOfTheUsualPlaces) {
    SettingOptions options;
    Variables environment{{"HOME", "/home/u"}};
    EXPECT_EQ(choose_config(options, environment).files,
              (std::vector<std::string>{"/etc/qnwis_dr/config.toml", "/home/u/.config/qnwis_dr/config.toml"}));
    EXPECT_FALSE(choose_config(options, environment).must_exist);
    environment["QNWIS_DR_CONFIG"] = "/dev/null";
    EXPECT_EQ(choose_config(options, environment).files, std::vector<std::string>{"/dev/null"});
    EXPECT_TRUE(choose_config(options, environment).must_exist);
    options.config = "mine.toml";
    EXPECT_EQ(choose_config(options, environment).files, std::vector<std::string>{"mine.toml"});
    EXPECT_EQ(choose_config(options, environment).origin, "--config");
}

class StorageTargets : public testing::Test {
protected:
    StorageTargets() {
        input_.config = config_of("[targets.local-prod]\nbackend = 'archive'\nbase_path = '/prod'\nworm = true\n");
    }
    SettingsInput input_;
};

TEST_F(StorageTargets, AConfiguredOneDecidesWhereThePlanGoes) {
    ResolvedSettings settings = resolved(input_);
    EXPECT_TRUE(apply_storage_target(settings, id("local-prod")).value());
    EXPECT_EQ(settings.settings.storage_path, "/prod");
    EXPECT_EQ(settings.settings.backend, "archive");
}

TEST_F(StorageTargets, ACompressionIsUsedWhereItsTargetIs) {
    const auto compression = [&](const std::string& word) {
        input_.config = config_of("[targets.a]\nbackend = 'local'\nbase_path = '/a'\ncompression = '" + word + "'\n");
        ResolvedSettings settings = resolved(input_);
        EXPECT_EQ(settings.settings.compression, kLevelByContent);
        EXPECT_TRUE(apply_storage_target(settings, id("a")).ok());
        return settings.settings.compression;
    };
    EXPECT_EQ(compression("none"), kNoCompression);
    EXPECT_EQ(compression("zstd"), kLevelByContent);
    EXPECT_EQ(compression("zstd:7"), 7);
    EXPECT_EQ(compression("zstd:19"), 19);
}

TEST_F(StorageTargets, ALineOrTheEnvironmentBeatsIt) {
    input_.environment = {{"QNWIS_DR_STORAGE_PATH", "/environment"}};
    ResolvedSettings settings = resolved(input_);
    EXPECT_FALSE(apply_storage_target(settings, id("local-prod")).value());
    EXPECT_EQ(settings.settings.storage_path, "/environment");
    input_.options.storage_path = "/option";
    settings = resolved(input_);
    EXPECT_FALSE(apply_storage_target(settings, id("unknown")).value());
    EXPECT_EQ(settings.settings.storage_path, "/option");
}

TEST_F(StorageTargets, AnUnknownOneIsAnErrorUnlessTheLineOrTheEnvironmentSaysWhere) {
    ResolvedSettings settings = resolved(input_);
    const Result<bool> unknown = apply_storage_target(settings, id("local-prd"));
    ASSERT_FALSE(unknown.ok());
    EXPECT_EQ(unknown.error().code(), ErrorCode::NotFound);
    EXPECT_NE(unknown.error().what().find("did you mean 'local-prod'?"), std::string::npos);
    input_.config->storage_path = "/config";
    settings = resolved(input_);
    const Result<bool> guessed = apply_storage_target(settings, id("local-prd"));
    ASSERT_FALSE(guessed.ok());
    EXPECT_EQ(guessed.error().code(), ErrorCode::NotFound);
    EXPECT_EQ(guessed.error().next_step(), "") << "which line was typed, only the shell knows";
}

TEST_F(StorageTargets, APlanThatNamesNoneGoesWhereTheSettingsSay) {
    ResolvedSettings settings = resolved(input_);
    EXPECT_FALSE(apply_storage_target(settings, Identifier{}).value());
    EXPECT_EQ(settings.settings.storage_path, "/mnt/backups");
}

}  // namespace
}  // namespace dr
