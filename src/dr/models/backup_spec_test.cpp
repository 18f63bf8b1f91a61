#include "dr/models/backup_spec.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

std::string complaint(std::string_view json) {
    const Result<BackupSpec> spec = parse_backup_spec(json);
    return spec.ok() ? "fine" : spec.error().what();
}

TEST(BackupSpec, NeedsNoMoreThanItsNameAndTag) {
    const BackupSpec spec = parse_backup_spec(R"({"spec_id": "a", "tag": "daily"})").value();
    EXPECT_TRUE(spec.datasets.empty() && spec.paths.empty() && !spec.audit_packs && !spec.config && !spec.worm);
    EXPECT_EQ(spec.encryption, Encryption::Aes256Gcm);
    EXPECT_EQ(spec.retention_days, 30U);
    EXPECT_TRUE(spec.default_excludes);
    EXPECT_EQ(parse_backup_spec(print(spec)).value(), spec);
}

TEST(BackupSpec, SaysWhatIsWrong) {
    EXPECT_EQ(complaint(R"({"spec_id": "a"})"), "'tag' in the backup spec is missing");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "dataset": []})"),
              "unknown key 'dataset' in the backup spec; did you mean 'datasets'?");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "datasets": [""]})"),
              "an ID of 'datasets' in the backup spec must not be empty");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "retention_days": 0})"),
              "'retention_days' in the backup spec must be at least 1 (it is '0')");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "encryption": "rot13"})"),
              "'encryption' in the backup spec must be one of 'aes_256_gcm', 'none', not 'rot13'");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "exclude": ["[x"]})"),
              "pattern '[x' has a '[' without its ']'");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "paths": ["../x"]})"), "path '../x' has a component '..'");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "paths": [1]})"), "'paths' in the backup spec must hold texts");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "paths": ["a\u0000"]})"),
              "'paths' in the backup spec must not hold a NUL character");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "config_paths": ["x"]})"),
              "'config_paths' needs '\"config\": true'");
    EXPECT_EQ(complaint(R"({"spec_id": "a", "tag": "t", "hooks": {"befor": []}})"),
              "unknown key 'befor' in the hooks of the backup spec; did you mean 'before'?");
}

TEST(BackupSpec, PathsThatAreNoTextSurvive) {
    BackupSpec spec;
    spec.spec_id = Identifier::parse("a").value();
    spec.tag = Identifier::parse("t").value();
    spec.paths = {"plain", "caf\xE9"};
    EXPECT_EQ(parse_backup_spec(print(spec)).value(), spec);
}

TEST(BackupSpec, OptionsAreCheckedLikeDocuments) {
    BackupSpec spec;
    EXPECT_EQ(check(spec).error().what(), "the backup spec needs a 'spec_id'");
    spec.spec_id = Identifier::parse("a").value();
    EXPECT_EQ(check(spec).error().what(), "the backup spec needs a 'tag'");
    spec.tag = Identifier::parse("t").value();
    EXPECT_TRUE(check(spec).ok());
    spec.retention_days = 36'501;
    EXPECT_EQ(check(spec).error().what(), "'retention_days' must be from 1 to 36500, not 36501");
    spec.retention_days = 1;
    spec.datasets = {Identifier{}};
    EXPECT_FALSE(check(spec).ok());
    EXPECT_EQ(parse_encryption("none").value(), Encryption::None);
    EXPECT_EQ(parse_encryption("aes_256_gcm").value(), Encryption::Aes256Gcm);
    EXPECT_FALSE(parse_encryption("aes").ok());
}

}  // namespace
}  // namespace dr
