#include <gtest/gtest.h>

#include "dr/browse/diff.h"
#include "dr/browse/dump.h"
#include "dr/browse/find.h"
#include "dr/browse/list.h"
#include "dr/browse/manifest_export.h"
#include "dr/restore/restore.h"
#include "dr/restore/testing/same_tree.h"
#include "dr/restore/testing/scratch.h"

namespace dr {
namespace {

using namespace dr::testing;

std::string noise(std::size_t size, std::uint64_t seed) {
    std::string text(size, 0);
    for (char& c : text) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        c = static_cast<char>(seed >> 56);
    }
    return text;
}

RelativePath path(const char* text) { return RelativePath::parse(text).value(); }

class BrowseTest : public ::testing::Test {
protected:
    std::vector<std::string> list(const DirRef& root, const RelativePath& at, bool recursive) {
        std::vector<std::string> found;
        list_entries(blobs, root, at, recursive, [&](const std::string& name, const Entry& entry) -> Result<void> {
            EXPECT_TRUE(name.ends_with(entry.name));
            found.push_back(name);
            return {};
        }).value();
        return found;
    }
    std::vector<std::string> diff(const DirRef& before, const DirRef& after) {
        std::vector<std::string> lines;
        diff_trees(blobs, before, after, collect(lines)).value();
        return lines;
    }
    std::vector<std::string> live(const DirRef& root, bool checksum = false) {
        std::vector<std::string> lines;
        diff_live(blobs, root, scratch / "live", checksum, pool, monitor, collect(lines)).value();
        return lines;
    }
    static DifferenceVisitor collect(std::vector<std::string>& lines) {
        return [&lines](const Difference& difference) -> Result<void> {
            lines.push_back(std::string{label(difference.change)} + " " + difference.path);
            return {};
        };
    }
    void restore_to(const DirRef& root, const std::string& target) {
        RestoreRequest request;
        request.plan_id = Identifier::parse("p").value();
        request.target_path = target;
        request.sync = false;
        ASSERT_TRUE(restore(request, blobs, root, RestoreAllowlist{{scratch.path()}}, pool, monitor).ok());
    }
    std::string tar(const DirRef& root, const RelativePath& at) {
        std::string bytes;
        dump_tar(blobs, root, at, monitor, [&](ByteSpan part) -> Result<void> {
            bytes += as_text(part);
            return {};
        }).value();
        return bytes;
    }

    Scratch scratch;
    MemoryBlobs blobs;
    TaskPool pool{2};
    RememberingMonitor monitor;
};

TEST_F(BrowseTest, ListingShowsADirectoryOrEverythingBelowOrOneFile) {
    const DirRef root =
        tree(blobs, {directory(blobs, "d", {file(blobs, "x", "1"), directory(blobs, "e", {file(blobs, "y", "2")})}),
                     file(blobs, "z", "3")});
    using Names = std::vector<std::string>;
    EXPECT_EQ(list(root, {}, false), (Names{"d", "z"}));
    EXPECT_EQ(list(root, {}, true), (Names{"d", "d/e", "d/e/y", "d/x", "z"}));
    EXPECT_EQ(list(root, path("d"), false), (Names{"d/e", "d/x"}));
    EXPECT_EQ(list(root, path("d/x"), false), (Names{"d/x"}));
    EXPECT_EQ(entry_at(blobs, root, path("d/none")).error().code(), ErrorCode::NotFound);
    EXPECT_EQ(entry_at(blobs, root, path("z/none")).error().code(), ErrorCode::NotFound);
}

TEST_F(BrowseTest, TotalsCountSharedContentOnce) {
    const Entry shared =
        directory(blobs, "d", {file(blobs, "x", noise(1000, 1)), file(blobs, "big", noise(250'000, 2))});
    const DirRef one = tree(blobs, {shared, file(blobs, "a", noise(500, 3))});
    const DirRef two =
        tree(blobs, {shared, file(blobs, "copy", noise(1000, 1)), file(blobs, "tiny", "t"), file(blobs, "none", "")});
    const std::vector<DirRef> roots{one, two, one};
    const TreeTotals totals = count_trees(blobs, roots).value();
    EXPECT_EQ(totals.files, 3U + 5U + 3U);
    EXPECT_EQ(totals.bytes, 2 * 251'500U + 252'001U);
    EXPECT_EQ(totals.unique_blobs, 1U + 3U + 1U);
    EXPECT_EQ(totals.unique_bytes, 251'500U);
}

TEST_F(BrowseTest, FindShowsEachVersionWithTheSnapshotsThatHoldIt) {
    const auto snapshot = [&](const char* content) {
        return tree(blobs, {directory(blobs, "etc", {file(blobs, "app.conf", content), file(blobs, "other", "o")}),
                            file(blobs, "readme", "r")});
    };
    const auto id = [](const char* text) { return Identifier::parse(text).value(); };
    const std::vector<FindRoot> roots{
        {id("s0"), snapshot("one")}, {id("s1"), snapshot("two")}, {id("s2"), snapshot("one")}, {id("s3"), DirRef{}}};
    std::vector<std::pair<std::string, std::vector<std::size_t>>> found;
    const FoundVisitor collect = [&](const FoundVersion& version) -> Result<void> {
        found.emplace_back(version.path, version.snapshots);
        return {};
    };
    using Found = std::vector<std::pair<std::string, std::vector<std::size_t>>>;
    find_entries(blobs, roots, Glob::parse("*.conf").value(), collect).value();
    EXPECT_EQ(found, (Found{{"etc/app.conf", {0, 2}}, {"etc/app.conf", {1}}}));
    found.clear();
    find_entries(blobs, roots, Glob::parse("/readme").value(), collect).value();
    EXPECT_EQ(found, (Found{{"readme", {0, 1, 2}}}));
    found.clear();
    find_entries(blobs, roots, Glob::parse("/etc").value(), collect).value();
    EXPECT_EQ(found, (Found{{"etc", {0, 2}}, {"etc", {1}}}));
}

TEST_F(BrowseTest, DiffNamesWhatWasAddedRemovedAndChanged) {
    Entry touched = file(blobs, "touched", "same");
    const Entry same = directory(blobs, "same", {file(blobs, "s", "s")});
    const DirRef before =
        tree(blobs, {touched, same, file(blobs, "gone", "g"), file(blobs, "changed", "1"), symlink_to("l", "a"),
                     directory(blobs, "d", {file(blobs, "x", "x"), file(blobs, "y", "y")}), file(blobs, "kind", "k")});
    touched.mtime_seconds += 1;
    const DirRef after = tree(
        blobs, {touched, same, file(blobs, "new", "n"), file(blobs, "changed", "2"), symlink_to("l", "b"),
                directory(blobs, "d", {file(blobs, "x", "x")}), directory(blobs, "kind", {file(blobs, "in", "i")})});
    EXPECT_EQ(diff(before, after),
              (std::vector<std::string>{"content changed", "removed d/y", "removed gone", "content kind",
                                        "added kind/in", "content l", "added new", "metadata touched"}));
    EXPECT_TRUE(diff(before, before).empty());
    EXPECT_EQ(diff(DirRef{}, tree(blobs, {same})), (std::vector<std::string>{"added same", "added same/s"}));
}

TEST_F(BrowseTest, DiffSkipsEqualDirectoriesWithoutReadingThem) {
    std::vector<Entry> many;
    for (int i = 0; i < 600; ++i) many.push_back(file(blobs, "f" + std::to_string(i), noise(64, i)));
    const Entry equal = directory(blobs, "equal", many);
    const DirRef before = tree(blobs, {equal, file(blobs, "a", "1")});
    const DirRef after = tree(blobs, {equal, file(blobs, "a", "2")});
    blobs.forget(equal.directory.node.id);  // reading it would fail
    EXPECT_EQ(diff(before, after), std::vector<std::string>{"content a"});
}

TEST_F(BrowseTest, DiffAgainstALiveDirectory) {
    const DirRef root = tree(
        blobs, {file(blobs, "same", noise(5000, 1)), file(blobs, "edited", noise(5000, 2)),
                file(blobs, "sneaky", noise(5000, 3)), file(blobs, "touched", "t"), file(blobs, "gone", "g"),
                symlink_to("link", "to"), file(blobs, "chmod", "c"), directory(blobs, "d", {file(blobs, "in", "i")}),
                directory(blobs, "lost", {file(blobs, "f", "f")}), file(blobs, "kind", "k")});
    restore_to(root, scratch / "live");
    EXPECT_TRUE(live(root, true).empty());
    write_file(scratch / "live/edited", noise(5000, 9));
    {
        struct stat info;
        ::stat((scratch / "live/sneaky").c_str(), &info);
        write_file(scratch / "live/sneaky", noise(5000, 8));
        const timespec times[2] = {info.st_atim, info.st_mtim};
        ::utimensat(AT_FDCWD, (scratch / "live/sneaky").c_str(), times, 0);
    }
    write_file(scratch / "live/touched", "t");
    std::filesystem::remove(scratch / "live/gone");
    std::filesystem::remove_all(scratch / "live/lost");
    std::filesystem::remove(scratch / "live/link");
    std::filesystem::create_symlink("fro", scratch / "live/link");
    ::chmod((scratch / "live/chmod").c_str(), 0600);
    std::filesystem::remove(scratch / "live/kind");
    std::filesystem::create_directory(scratch / "live/kind");
    write_file(scratch / "live/kind/new", "n");
    write_file(scratch / "live/added", "a");
    const std::vector<std::string> expected{"added added",    "metadata chmod",  "content edited", "removed gone",
                                            "content kind",   "added kind/new",  "content link",   "removed lost",
                                            "removed lost/f", "metadata touched"};
    EXPECT_EQ(live(root), expected);
    std::vector<std::string> checked = expected;
    checked.insert(checked.begin() + 9, "content sneaky");
    EXPECT_EQ(live(root, true), checked);
    std::vector<std::string> lines;
    EXPECT_EQ(diff_live(blobs, root, scratch / "nowhere", false, pool, monitor, collect(lines)).error().code(),
              ErrorCode::NotFound);
}

TEST_F(BrowseTest, AFileIsDumpedAsItIs) {
    std::string sparse = noise(2'500'000, 4);
    std::fill(sparse.begin() + 100'000, sparse.begin() + 2'300'000, 0);
    for (const std::string& content : {std::string{}, std::string{"inline"}, noise(90'000, 1), sparse}) {
        std::string out;
        const ByteSink sink = [&](ByteSpan part) -> Result<void> {
            out += as_text(part);
            return {};
        };
        EXPECT_TRUE(dump_file(blobs, file(blobs, "f", content), sink).ok());
        EXPECT_EQ(out, content);
    }
    EXPECT_EQ(dump_file(blobs, symlink_to("l", "x"), {}).error().code(), ErrorCode::BadRequest);
    const auto full = [](ByteSpan) -> Result<void> { return Error{ErrorCode::NoSpace, "full"}; };
    EXPECT_EQ(dump_file(blobs, file(blobs, "f", "x"), full).error().code(), ErrorCode::NoSpace);
}

TEST_F(BrowseTest, TarUnpacksToWhatWasBackedUp) {
    std::string sparse = noise(900'000, 5);
    std::fill(sparse.begin() + 100'000, sparse.begin() + 800'000, 0);  // not on a boundary of anything
    Entry first = file(blobs, "first", noise(500, 3));
    Entry second = file(blobs, "second", noise(500, 3));
    for (Entry* entry : {&first, &second}) {
        entry->hard_link = true;
        entry->link_count = 2;
        entry->inode = 5;
    }
    Entry noted = file(blobs, "noted", "n");
    noted.xattrs = {{"user.note", {1, 2, 3}}};
    const DirRef root =
        tree(blobs, {directory(blobs, "d",
                               {file(blobs, "sparse", sparse), file(blobs, "new\nline", "x"),
                                file(blobs, "\xff\xfe", "y"), first, second, noted, symlink_to("l", "to"),
                                named("fifo", EntryKind::Fifo, 0644), file(blobs, "hole", std::string(300'000, 0)),
                                file(blobs, std::string(200, 'n'), "long"), directory(blobs, "empty", {}, 0700)},
                               0751),
                     named("talk", EntryKind::Socket, 0777)});
    restore_to(root, scratch / "expected");
    write_file(scratch / "all.tar", tar(root, {}));
    EXPECT_EQ(monitor.warnings.size(), 1U);  // the socket
    std::filesystem::create_directory(scratch / "unpacked");
    const std::string command = "tar --numeric-owner --xattrs --xattrs-include='*' -C " + scratch / "unpacked";
    ASSERT_EQ(std::system((command + " -xpf " + scratch / "all.tar").c_str()), 0);
    EXPECT_EQ(differences(scratch / "expected", scratch / "unpacked"), std::vector<std::string>{"missing: talk"});

    write_file(scratch / "one.tar", tar(root, path("d/second")));
    ASSERT_EQ(std::system((command + " -xpf " + scratch / "one.tar").c_str()), 0);
    EXPECT_EQ(read_file(scratch / "unpacked/second"), noise(500, 3));
    write_file(scratch / "part.tar", tar(root, path("d/empty")));
    ASSERT_EQ(std::system((command + " -xpf " + scratch / "part.tar").c_str()), 0);
    EXPECT_TRUE(std::filesystem::is_directory(scratch / "unpacked/empty"));

    const auto full = [](ByteSpan) -> Result<void> { return Error{ErrorCode::NoSpace, "full"}; };
    EXPECT_EQ(dump_tar(blobs, root, {}, monitor, full).error().code(), ErrorCode::NoSpace);
    monitor.cancel = true;
    EXPECT_EQ(dump_tar(blobs, root, {}, monitor, full).error().code(), ErrorCode::Cancelled);
}

TEST_F(BrowseTest, ManifestsNameEveryFileAndSha256sumAgrees) {
    std::filesystem::create_directory(scratch / "live");
    const DirRef root =
        tree(blobs, {file(blobs, "a", noise(300, 1)), file(blobs, "back\\slash", "b"), file(blobs, "new\nline", ""),
                     symlink_to("l", "a"),
                     directory(blobs, "d", {file(blobs, "big", noise(300'000, 2)), file(blobs, "\xff", "bytes")})});
    restore_to(root, scratch / "live");
    std::string lines;
    const JsonWriter::Sink sink = [&](std::string_view part) -> Result<void> {
        lines += part;
        return {};
    };
    EXPECT_TRUE(export_manifest_sha256sum(blobs, root, monitor, sink).ok());
    write_file(scratch / "sums", lines);
    EXPECT_EQ(std::system(("cd " + scratch / "live" + " && sha256sum --quiet --strict -c ../sums").c_str()), 0);

    lines.clear();
    ManifestHeader header;
    header.snapshot_id = Identifier::parse("snap").value();
    header.spec_id = Identifier::parse("spec").value();
    header.tag = Identifier::parse("daily").value();
    EXPECT_TRUE(export_manifest_json(blobs, root, header, JsonLayout::Compact, monitor, sink).ok());
    const Manifest manifest = parse_manifest(lines).value();
    EXPECT_EQ(manifest.header, header);
    ASSERT_EQ(manifest.entries.size(), 5U);
    EXPECT_EQ(manifest.entries[2].path.bytes(), "d/big");
    EXPECT_EQ(manifest.entries[2].size_bytes, 300'000U);
    EXPECT_EQ(manifest.entries[2].sha256, sha256(as_bytes(noise(300'000, 2))));

    const JsonWriter::Sink full = [](std::string_view) -> Result<void> { return Error{ErrorCode::NoSpace, "full"}; };
    EXPECT_EQ(export_manifest_json(blobs, root, header, JsonLayout::Compact, monitor, full).error().code(),
              ErrorCode::NoSpace);
    EXPECT_EQ(export_manifest_sha256sum(blobs, root, monitor, full).error().code(), ErrorCode::NoSpace);
    monitor.cancel = true;
    EXPECT_EQ(export_manifest_sha256sum(blobs, root, monitor, sink).error().code(), ErrorCode::Cancelled);
}

}  // namespace
}  // namespace dr
