// Backups beside a parent snapshot, and of sources that change meanwhile.
#include "dr/snapshot/testing/backup_fixture.h"

namespace dr {
namespace {

using namespace backup_testing;

TEST_F(BackupTest, WhatHasNotChangedIsNotReadAndItsDirectoriesAreTakenOver) {
    for (int i = 0; i < 50; ++i)
        write("dir" + std::to_string(i % 5) + "/f" + std::to_string(i), noise(2000, static_cast<unsigned>(i)));
    write("large", noise(500'000, 99));
    const SnapshotContent first = backup();
    const std::size_t added = blobs_.sequence().size();
    const ParentTree parent = parent_of(first);
    const SnapshotContent second = backup(&parent);
    EXPECT_EQ(second.root, first.root);
    EXPECT_EQ(second.bytes_read, 0U);
    EXPECT_EQ(second.files_unmodified, 51U);
    EXPECT_EQ(second.entries, first.entries);
    EXPECT_EQ(second.directories, first.directories);
    EXPECT_EQ(blobs_.sequence().size(), added);
}

TEST_F(BackupTest, AnIncrementalTreeIsWhatAFullOneWouldBe) {
    for (int i = 0; i < 300; ++i) {
        std::string name = std::to_string(i);
        name.insert(0, 3 - name.size(), '0');
        write("dir" + std::to_string(i % 7) + "/sub" + std::to_string(i % 3) + "/f" + name,
              noise(100 + static_cast<std::size_t>(i), static_cast<unsigned>(i)));
    }
    fs::create_directories(root_ / "gone/empty");
    SnapshotContent before = backup();
    const std::vector<std::function<void()>> changes{
        [&] { write("dir3/sub1/f010", noise(50, 1000)); },               // changed in the middle
        [&] { fs::remove(root_ / "dir0/sub0/f000"); },                   // first of a directory gone
        [&] { fs::remove(root_ / "dir6/sub2/f293"); },                   // last gone
        [&] { write("dir2/sub1/a-new", "new"); },                        // a new first
        [&] { write("zz/new/dir", "new"); },                             // new directories
        [&] { fs::remove_all(root_ / "gone"); },                         //
        [&] { fs::permissions(root_ / "dir4", fs::perms::owner_all); },  // metadata of a directory only
        [&] { fs::permissions(root_ / "dir5/sub0", fs::perms::owner_all); },
        [&] {
            fs::remove_all(root_ / "dir1/sub0");
            write("dir1/sub0", "a file now");
        },
        [&] {
            fs::remove(root_ / "dir1/sub0");
            fs::create_directory(root_ / "dir1/sub0");
        },
        [&] { fs::rename(root_ / "dir2/sub0", root_ / "dir2/sub9"); },
        [&] { fs::remove_all(root_ / "dir6"); },
        [&] { fs::create_hard_link(root_ / "dir0/sub1/f028", root_ / "dir0/link"); },
        [&] {},
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        SCOPED_TRACE("change " + std::to_string(i));
        changes[i]();
        const ParentTree parent = parent_of(before);
        const SnapshotContent incremental = backup(&parent);
        const SnapshotContent full = backup();
        EXPECT_EQ(incremental.root, full.root);
        EXPECT_EQ(incremental.entries, full.entries);
        EXPECT_EQ(incremental.directories, full.directories);
        EXPECT_EQ(incremental.files_new + incremental.files_changed + incremental.files_unmodified, full.files);
        EXPECT_LT(incremental.bytes_read, 20'000U);
        before = incremental;
    }
}

// A tree with directories of several nodes, files of every form, and attributes in a blob of their own.
TEST_F(BackupTest, WhatADamagedParentDoesNotKnowAnyMoreIsReadAgain) {
    for (int i = 0; i < 3000; ++i) write("wide/name-" + std::to_string(i), "content " + std::to_string(i));
    for (int i = 0; i < 400; ++i) write("deep/er/name-" + std::to_string(i), noise(100, static_cast<unsigned>(i)));
    write("list", noise(300'000, 1));
    write("long-list", noise(4'000'000, 2));
    write("single", noise(1000, 3));
    const SnapshotContent before = backup();
    std::vector<std::pair<BlobType, BlobId>> stored = blobs_.all();
    std::map<BlobType, int> broken;
    for (const auto& [type, id] : stored) {
        // All trees and lists, and some of the data.
        if (type == BlobType::Data && id.array()[0] % 64 != 0) continue;
        SCOPED_TRACE("without blob " + id.hex() + " of type " + std::to_string(static_cast<int>(type)));
        const Bytes lost = blobs_.read(type, id).value();
        blobs_.forget(id);
        ++broken[type];

        ParentTree parent = parent_of(before);
        if (type == BlobType::Tree) {
            EXPECT_EQ(try_backup(&parent).error().code(), ErrorCode::Damaged);
        }
        parent.is_damaged = true;
        monitor_.warnings = 0;
        const SnapshotContent after = backup(&parent);
        EXPECT_EQ(after.root, before.root);
        EXPECT_EQ(after.unreadable_count, 0U);
        EXPECT_EQ(after.entries, before.entries);
        EXPECT_GT(after.files_unmodified + (type == BlobType::Tree ? 1U : 0U), 0U);
        EXPECT_EQ(monitor_.warnings > 0, type == BlobType::Tree);
        EXPECT_TRUE(blobs_.read(type, id).ok()) << "it was stored again";
        blobs_.put(type, lost);
    }
    EXPECT_GT(broken[BlobType::Tree], 3);
    EXPECT_GT(broken[BlobType::Extents], 0);
    EXPECT_GT(broken[BlobType::Data], 0);
    expect_same_as_source(before);
}

TEST_F(BackupTest, AFileWrittenWhileItWasScannedIsReadAgainNextTime) {
    write("f", "one");
    clock_.ahead_ns = 0;  // the file is as young as the scan
    const SnapshotContent first = backup();
    const ParentTree parent = parent_of(first);
    const SnapshotContent second = backup(&parent);
    EXPECT_EQ(second.files_changed, 1U);
    EXPECT_EQ(second.bytes_read, 3U);
    EXPECT_EQ(second.root, first.root);
}

// A page that is dirty may be written again and again without a sign: only the first store after it was written out
// changes the file's times.
TEST_F(BackupTest, WhatAProgramWritesThroughAMappingIsSeenByTheNextBackup) {
    if (keeps_pages_dirty()) GTEST_SKIP() << "this file system writes nothing out";
    options_.sync_sources = true;
    MappedFile file{root_ / "mapped"};
    file.store("FIRST");
    const SnapshotContent first = backup();
    EXPECT_EQ(start_of(first, "mapped"), "FIRST");

    file.store("SECND");
    const ParentTree after_first = parent_of(first);
    const SnapshotContent second = backup(&after_first);
    EXPECT_EQ(start_of(second, "mapped"), "SECND");

    file.sync();
    const ParentTree after_second = parent_of(second);
    EXPECT_EQ(start_of(backup(&after_second), "mapped"), "SECND");
}

// The page is dirty again when the file is read, so what is stored to it afterwards leaves no sign either.
TEST_F(BackupTest, AMappedFileThatIsWrittenWhileItIsScannedIsReadAgainNextTime) {
    if (keeps_pages_dirty()) GTEST_SKIP() << "this file system writes nothing out";
    options_.sync_sources = true;
    MappedFile file{root_ / "mapped"};
    file.store("FIRST");
    clock_.ahead_ns = 0;
    options_.before_open = [&](std::string_view) { file.store("SECND"); };
    const SnapshotContent first = backup();
    options_.before_open = nullptr;
    EXPECT_EQ(start_of(first, "mapped"), "SECND");

    file.store("THIRD");
    clock_.ahead_ns = 10'000'000'000;
    const ParentTree after_first = parent_of(first);
    const SnapshotContent second = backup(&after_first);
    EXPECT_EQ(start_of(second, "mapped"), "THIRD");

    file.store("FOURT");
    const ParentTree after_second = parent_of(second);
    const SnapshotContent third = backup(&after_second);
    EXPECT_EQ(start_of(third, "mapped"), "FOURT");
    const ParentTree after_third = parent_of(third);
    EXPECT_EQ(backup(&after_third).files_unmodified, 1U);
}

TEST_F(BackupTest, MappingsBelowAMountPointAreSeenToo) {
    fs::create_directory(root_ / "mount");
    const fs::path image = base_ / "image";
    const std::string make = "truncate -s 8M " + image.string() + " && mkfs.ext4 -q " + image.string() +
                             " && mount -o loop " + image.string() + " " + (root_ / "mount").string();
    if (std::system(("(" + make + ") 2>/dev/null").c_str()) != 0) GTEST_SKIP() << "cannot mount";
    options_.sync_sources = true;
    {
        MappedFile file{root_ / "mount/mapped"};
        file.store("FIRST");
        const SnapshotContent first = backup();
        file.store("SECND");
        const ParentTree parent = parent_of(first);
        EXPECT_EQ(start_of(backup(&parent), "mount/mapped"), "SECND");
    }
    EXPECT_EQ(::umount((root_ / "mount").c_str()), 0);
}

TEST_F(BackupTest, TheSequenceOfBlobsDoesNotDependOnTheNumberOfThreads) {
    for (int i = 0; i < 1500; ++i)
        write("small/" + std::to_string(i / 100) + "/f" + std::to_string(i),
              noise(static_cast<std::size_t>(i) * 3, static_cast<unsigned>(i)));
    for (int i = 0; i < 5; ++i) write("large" + std::to_string(i), noise(3'000'000, static_cast<unsigned>(i)));
    std::vector<BlobId> sequence;
    DirRef root;
    for (const unsigned workers : {1U, 2U, 8U}) {
        workers_ = workers;
        const std::size_t before = blobs_.sequence().size();
        const SnapshotContent content = backup();
        const std::vector<BlobId> all = blobs_.sequence();
        const std::vector<BlobId> now{all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
        if (sequence.empty()) {
            sequence = now;
            root = content.root;
        }
        EXPECT_EQ(now, sequence) << workers;
        EXPECT_EQ(content.root, root) << workers;
    }
}

// The task that read the last file ends beside the one that stored it: one that comes back after the run is seen by the
// sanitizers, though it takes luck to meet one.
TEST_F(BackupTest, NoTaskComesBackOnceTheRunHasEnded) {
    write("d/a", noise(100, 1));
    for (unsigned i = 0; i < 4; ++i) write("large-" + std::to_string(i), noise(30'000, i));
    const Selection selection = Selection::create(spec_, WorkspaceMapping{}, root_.string()).value();
    const BackupSources sources{.selection = selection, .workspace = root_.string(), .repository = repository_};
    const TreeOutput output{.sink = blobs_, .namer = keys_.namer, .tree_seed = keys_.tree_seed};
    TaskPool pool{8};
    for (int round = 0; round < 500; ++round) {
        ReadContext context{keys_, options_};
        const std::unique_ptr<SourceWalk> walk = SourceWalk::open(sources, nullptr, context).value();
        TreeAssembler assembler{output, nullptr, monitor_};
        const auto pipeline = std::make_unique<Pipeline>(Pipeline::Parts{.walk = *walk,
                                                                         .assembler = assembler,
                                                                         .sink = blobs_,
                                                                         .context = context,
                                                                         .pool = pool,
                                                                         .clock = clock_,
                                                                         .monitor = monitor_});
        ASSERT_TRUE(pipeline->run().ok());
    }
}

TEST_F(BackupTest, AFileThatNeverHoldsStillIsStoredAsReadAndReported) {
    write("small", noise(1000, 1));
    write("large", noise(100'000, 2));
    write("still", "x");
    std::atomic<int> opened = 0;  // the calling thread works too
    options_.after_open = [&](std::string_view name) {
        if (name == "still") return;
        ++opened;
        std::ofstream out{root_ / std::string{name}, std::ios::app};
        out << "more";
    };
    workers_ = 1;
    const SnapshotContent content = backup();
    EXPECT_EQ(opened, 8);
    EXPECT_EQ(content.unreadable_count, 2U);
    EXPECT_EQ(content.files, 3U);
    for (const std::string_view name : {"small", "large"}) {
        const Entry file = entry(content, name);
        EXPECT_TRUE(file.changed_while_read);
        content_of_file(file);
    }
    EXPECT_FALSE(entry(content, "still").changed_while_read);
    options_.after_open = nullptr;
    const ParentTree parent = parent_of(content);
    const SnapshotContent again = backup(&parent);
    EXPECT_EQ(again.files_changed, 2U);
    EXPECT_EQ(again.unreadable_count, 0U);
    expect_same_as_source(again);
}

TEST_F(BackupTest, AFileThatChangesOnceIsReadAgain) {
    write("small", noise(1000, 1));
    write("large", noise(100'000, 2));
    std::atomic<int> opened = 0;
    options_.after_open = [&](std::string_view name) {
        if (++opened > 2) return;
        fs::resize_file(root_ / std::string{name}, name == "small" ? 70'000 : 10);
    };
    const SnapshotContent content = backup();
    EXPECT_EQ(content.unreadable_count, 0U);
    expect_same_as_source(content);
}

// Its size and its inode tell nothing.
TEST_F(BackupTest, ASmallFileThatIsRewrittenInPlaceWhileItIsReadIsReadAgain) {
    write("small", noise(1000, 1));
    fs::last_write_time(root_ / "small", fs::file_time_type::clock::now() - std::chrono::hours{1});
    int opened = 0;
    options_.after_open = [&](std::string_view) {
        if (++opened == 1) write("small", noise(1000, 2));
    };
    const SnapshotContent content = backup();
    EXPECT_EQ(opened, 2);
    EXPECT_EQ(content.unreadable_count, 0U);
    EXPECT_FALSE(entry(content, "small").changed_while_read);
    expect_same_as_source(content);
}

TEST_F(BackupTest, WritersBesideABackupNeverBreakIt) {
    for (int i = 0; i < 20; ++i) write("f" + std::to_string(i), noise(50'000, static_cast<unsigned>(i)));
    std::atomic<bool> stop = false;
    std::thread writer{[&] {
        std::mt19937 random{1};
        while (!stop) {
            const fs::path path = root_ / ("f" + std::to_string(random() % 20));
            std::error_code ignored;
            switch (random() % 4) {
                case 0: fs::remove(path, ignored); break;
                case 1: fs::resize_file(path, random() % 100'000, ignored); break;
                case 2: fs::rename(path, root_ / ("f" + std::to_string(random() % 20)), ignored); break;
                default: std::ofstream{path, std::ios::app} << std::string(random() % 50'000, 'w');
            }
        }
    }};
    for (int round = 0; round < 20; ++round) {
        const SnapshotContent content = backup();
        TreeWalk walk{blobs_, content.root};
        while (std::optional<TreeStep> step = walk.next().value()) {
            if (step->kind == TreeStep::Kind::Entry) content_of_file(step->entry->copy());
        }
    }
    stop = true;
    writer.join();
}

TEST_F(BackupTest, WhatVanishesOrCannotBeReadIsReported) {
    write("a-vanishes", noise(100, 1));
    write("b-large-vanishes", noise(100'000, 1));
    write("c-becomes-fifo", noise(100, 1));
    write("d-becomes-link", noise(100, 1));
    write("e-stays", "x");
    std::atomic<int> opened = 0;
    options_.before_open = [&](std::string_view name) {
        ++opened;
        if (name == "e-stays") return;
        fs::remove(root_ / std::string{name});
        if (name == "c-becomes-fifo") {
            ASSERT_EQ(::mkfifo((root_ / "c-becomes-fifo").c_str(), 0600), 0);
        }
        if (name == "d-becomes-link") fs::create_symlink("e-stays", root_ / "d-becomes-link");
    };
    const SnapshotContent content = backup();
    EXPECT_EQ(paths(content), std::vector<std::string>{"e-stays"});
    ASSERT_EQ(content.unreadable.size(), 4U);
    EXPECT_EQ(content.unreadable[0], (UnreadableFile{"a-vanishes", "it vanished before it could be read"}));
    EXPECT_EQ(content.unreadable[1].path, "b-large-vanishes");
    EXPECT_EQ(content.unreadable[2].reason, "it is no longer a regular file");
    EXPECT_EQ(content.unreadable[3].reason, "it became a symbolic link while it was read");
    EXPECT_EQ(content.entries, 1U);
    EXPECT_EQ(monitor_.warnings, 4);
    EXPECT_EQ(opened, 5) << "what cannot be opened or read is not tried again";
}

TEST_F(BackupTest, AnotherUserStoresWhatItMayAndReportsTheRest) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
    write("open", "x");
    write("secret", "x");
    write("closed/inner", "x");
    fs::permissions(root_ / "open", fs::perms::others_read, fs::perm_options::add);
    fs::permissions(root_ / "secret", fs::perms::owner_all);
    fs::permissions(root_ / "closed", fs::perms::owner_all);
    fs::permissions(base_, fs::perms::all);
    fs::permissions(root_, fs::perms::all);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
        const SnapshotContent content = backup();
        bool good = content.unreadable_count == 2 && content.files == 1 && content.unreadable[0].path == "closed" &&
                    content.unreadable[1].path == "secret";
        good = good && find(content, "closed") && find(content, "open");
        ::_exit(good ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace dr
