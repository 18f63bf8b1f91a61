#include "cli/entry_output.h"

#include <gtest/gtest.h>

namespace dr::cli {
namespace {

Entry entry(EntryKind kind, std::uint32_t mode) {
    Entry made;
    made.kind = kind;
    made.mode = mode;
    made.uid = 1000;
    made.gid = 7;
    made.mtime_seconds = 1'700'000'000;
    made.size = 4096;
    return made;
}

TEST(EntryLine, ReadsLikeLs) {
    EXPECT_EQ(entry_line("a/b", entry(EntryKind::File, 0644)),
              "-rw-r--r--   1000      7           4096  2023-11-14 22:13 UTC  a/b");
    EXPECT_EQ(entry_line("d", entry(EntryKind::Directory, 01777)),
              "drwxrwxrwt   1000      7              0  2023-11-14 22:13 UTC  d");
    EXPECT_TRUE(entry_line("s", entry(EntryKind::File, 06750)).starts_with("-rwsr-s---"));
    EXPECT_TRUE(entry_line("s", entry(EntryKind::File, 07000)).starts_with("---S--S--T"));
    Entry link = entry(EntryKind::Symlink, 0777);
    link.target = "evil\x1b[2J";
    EXPECT_TRUE(entry_line("l", link).ends_with("l -> evil\\x1b[2J"));
    Entry device = entry(EntryKind::BlockDevice, 0660);
    device.device_major = 8;
    device.device_minor = 1;
    EXPECT_NE(entry_line("sda1", device).find("8, 1"), std::string::npos);
    for (const auto& [kind, letter] :
         {std::pair{EntryKind::Fifo, 'p'}, {EntryKind::CharDevice, 'c'}, {EntryKind::Socket, 's'}}) {
        EXPECT_EQ(entry_line("x", entry(kind, 0))[0], letter);
    }
}

TEST(EntryState, HasAHashForFilesOnly) {
    const auto text = [](const Entry& shown) {
        return json_text(JsonLayout::Compact, [&](JsonWriter& json) {
            json.begin_object();
            write_entry_state(json, shown);
            json.end_object();
        });
    };
    EXPECT_EQ(text(entry(EntryKind::Directory, 0755)),
              "{\"kind\":\"directory\",\"size_bytes\":0,\"mode\":\"0755\",\"uid\":1000,\"gid\":7,\"mtime\":\"2023-11-"
              "14T22:13:20.000000Z\",\"sha256\":null}\n");
    EXPECT_NE(text(entry(EntryKind::File, 0)).find("\"sha256\":\"00"), std::string::npos);
    for (const EntryKind kind :
         {EntryKind::Symlink, EntryKind::Fifo, EntryKind::CharDevice, EntryKind::BlockDevice, EntryKind::Socket}) {
        EXPECT_NE(text(entry(kind, 0)).find("\"kind\":\"" + std::string(label(kind)) + "\""), std::string::npos);
    }
}

TEST(EntryTime, AnyTimeAFileClaimsCanBeShown) {
    Entry odd = entry(EntryKind::File, 0);
    for (const std::int64_t seconds : {INT64_MIN, std::int64_t{-1}, INT64_MAX}) {
        odd.mtime_seconds = seconds;
        EXPECT_FALSE(mtime_of(odd).iso8601().empty());
    }
}

TEST(FindMeta, TakesIdsPrefixesAndLatest) {
    std::vector<SnapshotMeta> all(3);
    const char* ids[] = {"aa11", "aa22", "bb33"};
    const char* tags[] = {"daily", "weekly", "daily"};
    for (std::size_t i = 0; i < 3; ++i) {
        all[i].snapshot_id = Identifier::parse(ids[i]).value();
        all[i].tag = Identifier::parse(tags[i]).value();
    }
    EXPECT_EQ(find_meta(all, "latest"), &all[2]);
    EXPECT_EQ(find_meta(all, "latest:weekly"), &all[1]);
    EXPECT_EQ(find_meta(all, "latest:monthly"), nullptr);
    EXPECT_EQ(find_meta(all, "aa1"), &all[0]);
    EXPECT_EQ(find_meta(all, "aa"), nullptr);
    EXPECT_EQ(find_meta(all, "cc"), nullptr);
    EXPECT_EQ(find_meta(all, ""), nullptr);
    EXPECT_EQ(find_meta({}, "latest"), nullptr);
}

}  // namespace
}  // namespace dr::cli
