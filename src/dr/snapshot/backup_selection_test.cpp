// What of the sources a backup stores, and what it says of the rest.
#include "dr/snapshot/testing/backup_fixture.h"

namespace dr {
namespace {

using namespace backup_testing;

TEST_F(BackupTest, OutsidePlacesHangByTheirFullPath) {
    write("data", "workspace");
    fs::create_directories(base_ / "outside/keep");
    fs::create_directories(base_ / "outside/other");
    std::ofstream{base_ / "outside/keep/file"} << "kept";
    std::ofstream{base_ / "outside/single"} << "one";
    std::ofstream{base_ / "outside/other/not"} << "not";
    spec_.paths = {".", (base_ / "outside/keep").string(), (base_ / "outside/single").string(),
                   (base_ / "outside/missing").string()};
    const SnapshotContent content = backup();
    const std::string below = (base_ / "outside").string().substr(1);
    EXPECT_EQ(entry(content, below + "/keep/file").size, 4U);
    EXPECT_EQ(entry(content, below + "/single").size, 3U);
    EXPECT_EQ(entry(content, "data").size, 9U);
    EXPECT_FALSE(find(content, below + "/other"));
    EXPECT_EQ(content.files, 3U);
    struct stat status;
    ASSERT_EQ(::stat((base_ / "outside").c_str(), &status), 0);
    EXPECT_EQ(entry(content, below).inode, status.st_ino);
    ASSERT_EQ(content.unreadable.size(), 1U);
    EXPECT_EQ(content.unreadable[0].path, below + "/missing");
    const ParentTree parent = parent_of(content);
    const SnapshotContent again = backup(&parent);
    EXPECT_EQ(again.files_unmodified, 3U);
    EXPECT_EQ(again.bytes_read, 0U);
}

TEST_F(BackupTest, TwoSourcesCannotHaveOnePlace) {
    fs::create_directories(base_ / "outside");
    spec_.paths = {".", (base_ / "outside").string()};
    fs::create_directory(root_ / "tmp");
    EXPECT_EQ(try_backup().error().code(), ErrorCode::BadRequest);
}

TEST_F(BackupTest, OnlyWhatThePlanSelectsIsStored) {
    write("data/catalog/x/LMIS_A_2024.csv", "a");
    write("data/catalog/x/other.csv", "b");
    write("data/catalog/y/other.csv", "b");
    write("audit_packs/1/evidence", "c");
    write("elsewhere", "d");
    spec_.datasets = {Identifier::parse("LMIS_A").value(), Identifier::parse("LMIS_B").value()};
    spec_.audit_packs = true;
    spec_.paths = {"elsewhere", "not-there"};
    const SnapshotContent content = backup();
    EXPECT_EQ(paths(content), (std::vector<std::string>{"audit_packs", "audit_packs/1", "audit_packs/1/evidence",
                                                        "data", "data/catalog", "data/catalog/x",
                                                        "data/catalog/x/LMIS_A_2024.csv", "elsewhere"}));
    EXPECT_EQ(content.entries, 8U);
    EXPECT_EQ(content.directories, 5U);
    ASSERT_EQ(content.datasets_missing.size(), 1U);
    EXPECT_EQ(content.datasets_missing[0].text(), "LMIS_B");
    ASSERT_EQ(content.unreadable.size(), 1U);
    EXPECT_EQ(content.unreadable[0].path, "not-there");
    const ParentTree parent = parent_of(content);
    const SnapshotContent again = backup(&parent);
    EXPECT_EQ(again.root, content.root);
    EXPECT_EQ(again.files_unmodified, 3U);

    // A directory that holds nothing selected any more goes, whatever else is in it.
    fs::remove(root_ / "data/catalog/x/LMIS_A_2024.csv");
    const SnapshotContent without = backup(&parent);
    EXPECT_EQ(paths(without),
              (std::vector<std::string>{"audit_packs", "audit_packs/1", "audit_packs/1/evidence", "elsewhere"}));
    EXPECT_EQ(without.entries, 4U);
}

TEST_F(BackupTest, WhatIsNamedBehindASymbolicLinkIsReported) {
    write("real/sub/file", "x");
    fs::create_directory_symlink("real", root_ / "link");
    spec_.paths = {"link/sub", "real/sub/file/below"};
    const SnapshotContent content = backup();
    EXPECT_EQ(content.entries, 0U);
    ASSERT_EQ(content.unreadable.size(), 2U);
    EXPECT_EQ(content.unreadable[0].path, "link/sub");
    EXPECT_EQ(content.unreadable[0].reason,
              "it lies behind the symbolic link 'link', and links are not followed: name what it leads to, "
              "paths: [\"" +
                  (fs::canonical(root_) / "real/sub").string() + "\"]");
    EXPECT_EQ(content.unreadable[1].path, "real/sub/file/below");
    EXPECT_EQ(content.unreadable[1].reason, "it is not there: 'real/sub/file' is no directory");
}

TEST_F(BackupTest, AnAskedForDirectoryThatIsALinkIsReported) {
    fs::create_directories(base_ / "big/evidence");
    std::ofstream{base_ / "big/evidence/pack"} << "evidence";
    fs::create_directory_symlink(base_ / "big/evidence", root_ / "audit_packs");
    fs::create_directory_symlink(base_ / "big", base_ / "outer");
    spec_.audit_packs = true;
    spec_.paths = {(base_ / "outer").string()};
    const SnapshotContent content = backup();
    EXPECT_EQ(entry(content, "audit_packs").kind, EntryKind::Symlink);
    ASSERT_EQ(content.unreadable.size(), 2U);
    EXPECT_EQ(content.unreadable[0].path, "audit_packs");
    EXPECT_EQ(content.unreadable[0].reason,
              "it is a symbolic link, and what it leads to is not stored: name that, paths: [\"" +
                  fs::canonical(base_ / "big/evidence").string() + "\"]");
    EXPECT_EQ(content.unreadable[1].path, (base_ / "outer").string().substr(1));

    // Nothing is missing where the plan names both, in whatever way.
    spec_.paths = {(base_ / "outer").string(), fs::canonical(base_ / "big").string()};
    const SnapshotContent both = backup();
    EXPECT_EQ(both.unreadable_count, 0U);
    EXPECT_TRUE(find(both, (base_ / "big/evidence/pack").string().substr(1)));
}

// The disk that it leads to is not mounted.
TEST_F(BackupTest, AnAskedForLinkThatLeadsNowhereIsReportedAndItsPartIsMissing) {
    write("kept", "x");
    fs::create_symlink("nowhere", root_ / "met-on-the-way");
    fs::create_symlink(base_ / "mnt/audit", root_ / "audit_packs");
    fs::create_symlink("src", root_ / "src");
    fs::create_symlink(base_ / "mnt/other", base_ / "outer");
    write(".env.example", "x");
    spec_.audit_packs = spec_.config = true;
    spec_.paths = {".", (base_ / "outer").string()};
    const SnapshotContent content = backup();
    EXPECT_EQ(entry(content, "audit_packs").kind, EntryKind::Symlink);
    EXPECT_EQ(content.parts_missing, std::vector<std::string>{"audit_packs"});
    const std::string link = "it is a symbolic link: it leads to '";
    EXPECT_EQ(
        content.unreadable,
        (std::vector<UnreadableFile>{
            {"audit_packs", link + (base_ / "mnt/audit").string() + "', which is not there"},
            {"src/qnwis/config", "it lies behind the symbolic link 'src': it leads to '" +
                                     (fs::canonical(root_) / "src").string() + "', which leads back to itself"},
            {(base_ / "outer").string().substr(1), link + (base_ / "mnt/other").string() + "', which is not there"},
        }));
}

TEST_F(BackupTest, WhatIsNamedBehindALinkIsNoProblemOnceWhatItLeadsToIsStored) {
    fs::create_directories(base_ / "big/config");
    std::ofstream{base_ / "big/config/rbac.yml"} << "x";
    fs::create_directories(root_ / "src");
    fs::create_directory_symlink(base_ / "big", root_ / "src/qnwis");
    spec_.config = true;
    ASSERT_EQ(backup().unreadable_count, 1U);
    spec_.paths = {fs::canonical(base_ / "big/config").string()};
    EXPECT_EQ(backup().unreadable_count, 0U);
}

TEST_F(BackupTest, APartOfThePlanThatIsNowhereIsReported) {
    write("src/qnwis/config/rbac.yml", "x");
    spec_.audit_packs = spec_.config = true;
    const SnapshotContent content = backup();
    EXPECT_EQ(content.files, 1U);
    ASSERT_EQ(content.unreadable.size(), 1U);
    EXPECT_EQ(content.unreadable[0],
              (UnreadableFile{"audit_packs", "the plan asks for audit_packs, and nothing of it is there"}));
    EXPECT_EQ(content.parts_missing, std::vector<std::string>{"audit_packs"});

    fs::remove_all(root_ / "src");
    EXPECT_EQ(backup().parts_missing, (std::vector<std::string>{"audit_packs", "config"}));
}

TEST_F(BackupTest, APartOfWhichOnlyDirectoriesAreStoredIsReported) {
    default_excludes_ = true;
    write("audit_packs/2026/x.log", "left out");
    write("audit_packs/key", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n");
    write(".env.example", "x");
    spec_.audit_packs = spec_.config = true;
    fs::create_directory(root_ / "empty");
    spec_.paths = {"empty"};  // who names an empty directory means it
    const UnreadableFile empty{"audit_packs", "the plan asks for audit_packs, and no file of it is stored"};
    const SnapshotContent content = backup();
    EXPECT_EQ(content.unreadable, std::vector<UnreadableFile>{empty});
    EXPECT_EQ(content.unreadable_count, 1U);
    EXPECT_TRUE(content.parts_missing.empty());

    // The same beside the parent; what is taken over from it counts, and a link does.
    const ParentTree parent = parent_of(content);
    EXPECT_EQ(backup(&parent).unreadable, std::vector<UnreadableFile>{empty});
    fs::create_symlink("x.log", root_ / "audit_packs/2026/latest");
    const SnapshotContent linked = backup(&parent);
    EXPECT_EQ(linked.unreadable_count, 0U);
    const ParentTree next = parent_of(linked);
    EXPECT_EQ(backup(&next).unreadable_count, 0U);
}

TEST_F(BackupTest, ADatasetCountsOnceSomethingOfItIsStored) {
    write("data/catalog/KEY_1.csv", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n");
    write("data/catalog/GONE_1.csv", "x");
    write("data/catalog/GOOD_1.csv", "x");
    write("data/catalog/GOOD_2.csv", "y");
    for (const char* id : {"GONE", "GOOD", "KEY", "NONE"}) spec_.datasets.push_back(Identifier::parse(id).value());
    options_.before_open = [&](std::string_view name) {
        if (name == "GONE_1.csv" || name == "GOOD_1.csv") fs::remove(root_ / "data/catalog" / name);
    };
    const auto names = [](const std::vector<Identifier>& ids) {
        std::vector<std::string> texts;
        for (const Identifier& id : ids) texts.push_back(id.text());
        return texts;
    };
    const SnapshotContent content = backup();
    options_.before_open = nullptr;
    EXPECT_EQ(content.files, 1U);
    EXPECT_EQ(names(content.datasets_missing), (std::vector<std::string>{"GONE", "KEY", "NONE"}));
    EXPECT_EQ(names(content.datasets_left_out), (std::vector<std::string>{"GONE", "KEY"}));

    // What is taken over from the parent is stored too.
    const ParentTree parent = parent_of(content);
    EXPECT_EQ(names(backup(&parent).datasets_missing), (std::vector<std::string>{"GONE", "KEY", "NONE"}));
}

TEST_F(BackupTest, PrivateKeysHideBehindNoHole) {
    const std::string key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n";
    for (const std::size_t size : {3000U, 20'000U, 65'536U, 65'537U}) {
        write("in-front-" + std::to_string(size), key);
        fs::resize_file(root_ / ("in-front-" + std::to_string(size)), size);
    }
    write("solid", key + std::string(20'000, 'x'));
    write("behind", "");
    fs::resize_file(root_ / "behind", 40'000);
    std::ofstream{root_ / "behind", std::ios::app} << key;
    write("innocent", "x");
    fs::resize_file(root_ / "innocent", 20'000);
    const std::size_t stored = blobs_.all().size();
    const SnapshotContent content = backup();
    EXPECT_EQ(paths(content), (std::vector<std::string>{"in-front-65537", "innocent"}));
    EXPECT_EQ(content.skipped, (std::map<std::string, std::uint64_t>{{"private_key", 5}}));
    EXPECT_LE(blobs_.all().size(), stored + 2) << "nothing of a key goes to the repository";
}

TEST_F(BackupTest, TheFilesThatOpenTheRepositoryAreSecretsWhereverTheyLie) {
    write("keep/kek.txt", "secret");
    write("phrase", "secret");
    write("kept", "x");
    fs::create_hard_link(root_ / "phrase", root_ / "same");
    secrets_ = {FileIdentity::of((root_ / "keep/kek.txt").string()).value(),
                FileIdentity::of((root_ / "phrase").string()).value()};
    default_excludes_ = true;
    const SnapshotContent content = backup();
    EXPECT_EQ(paths(content), (std::vector<std::string>{"keep", "kept"}));
    EXPECT_EQ(content.skipped, (std::map<std::string, std::uint64_t>{{"secret", 3}}));
    default_excludes_ = false;
    EXPECT_EQ(backup().files, 4U);
}

TEST_F(BackupTest, SecretsCachesAndTheRepositoryAreLeftOutAndCounted) {
    default_excludes_ = true;
    write(".env", "PASSWORD=1");
    write("notes.txt", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n");
    write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    write("cache/big", "x");
    write("app.log", "x");
    write("repo/packs/1", "x");
    write("kept", "x");
    repository_ = FileIdentity::of((root_ / "repo").string()).value();
    SnapshotContent content = backup();
    EXPECT_EQ(paths(content), std::vector<std::string>{"kept"});
    EXPECT_EQ(content.skipped, (std::map<std::string, std::uint64_t>{
                                   {"secret", 1}, {"private_key", 1}, {"cache", 1}, {"log", 1}, {"repository", 1}}));
    EXPECT_EQ(content.unreadable_count, 0U);

    // Stored by a backup without rules, left out by one with them, though the file has not changed.
    default_excludes_ = options_.skip_private_keys = false;
    content = backup();
    EXPECT_TRUE(find(content, "notes.txt"));
    ParentTree parent = parent_of(content);
    parent.private_keys_skipped = false;
    default_excludes_ = options_.skip_private_keys = true;
    EXPECT_FALSE(find(backup(&parent), "notes.txt"));
}

TEST_F(BackupTest, OneFileSystemStopsAtMountPoints) {
    write("here", "x");
    fs::create_directory(root_ / "mount");
    if (::mount("none", (root_ / "mount").c_str(), "tmpfs", 0, "") != 0) GTEST_SKIP() << "cannot mount";
    std::ofstream{root_ / "mount/there"} << "y";
    options_.one_file_system = true;
    const SnapshotContent one = backup();
    options_.one_file_system = false;
    const SnapshotContent all = backup();
    ::umount((root_ / "mount").c_str());
    EXPECT_EQ(paths(one), (std::vector<std::string>{"here", "mount"}));
    EXPECT_EQ(one.skipped.at("other_file_system"), 1U);
    EXPECT_TRUE(find(all, "mount/there"));
}

}  // namespace
}  // namespace dr
