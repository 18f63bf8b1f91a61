// What a backup stores of each kind of thing, and how it ends.
#include "dr/snapshot/testing/backup_fixture.h"

namespace dr {
namespace {

using namespace backup_testing;

TEST_F(BackupTest, FilesOfEverySizeComeBackAsTheyWere) {
    for (const std::size_t size : {0U, 1U, 64U, 65U, 4096U, 4097U, 65'536U, 65'537U, 300'000U, 5'000'000U}) {
        write("f" + std::to_string(size), noise(size, static_cast<unsigned>(size)));
    }
    write("a/b/c", "deep");
    fs::create_directories(root_ / "empty/nested");
    const SnapshotContent content = backup();
    expect_same_as_source(content);
    EXPECT_EQ(content.files, 11U);
    EXPECT_EQ(content.files_new, 11U);
    EXPECT_EQ(content.directories, 4U);
    EXPECT_EQ(content.unreadable_count, 0U);
    EXPECT_EQ(content.bytes_read, content.bytes);
    EXPECT_EQ(entry(content, "f64").content.form, FileContent::Form::Inline);
    EXPECT_EQ(entry(content, "f65").content.form, FileContent::Form::Single);
    EXPECT_EQ(entry(content, "f65537").content.form, FileContent::Form::List);
}

TEST_F(BackupTest, AnEmptySourceIsAnEmptyTree) {
    const SnapshotContent content = backup();
    EXPECT_EQ(content.root, DirRef{});
    EXPECT_EQ(content.entries, 0U);
}

TEST_F(BackupTest, AMissingWorkspaceIsAnError) {
    fs::remove_all(root_);
    EXPECT_EQ(try_backup().error().code(), ErrorCode::NotFound);
}

TEST_F(BackupTest, NamesAreBytes) {
    write("new\nline", "1");
    write("\xff\xfe not utf-8", "2");
    write(std::string(255, 'n'), "3");
    write(" ", "4");
    const SnapshotContent content = backup();
    expect_same_as_source(content);
    EXPECT_EQ(content.files, 4U);
    EXPECT_TRUE(std::ranges::is_sorted(paths(content)));
}

TEST_F(BackupTest, SpecialFilesAreRecordedAndNeverOpened) {
    ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0640), 0);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strncpy(address.sun_path, (root_ / "socket").c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
    fs::create_symlink("nowhere/at all", root_ / "dangling");
    fs::create_symlink(std::string(4000, 'x'), root_ / "long");
    const bool devices = ::mknod((root_ / "char").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0;
    if (devices) {
        ASSERT_EQ(::mknod((root_ / "block").c_str(), S_IFBLK | 0600, makedev(8, 70'000)), 0);
    }
    const SnapshotContent content = backup();
    EXPECT_EQ(entry(content, "fifo").kind, EntryKind::Fifo);
    EXPECT_EQ(entry(content, "socket").kind, EntryKind::Socket);
    EXPECT_EQ(entry(content, "dangling").target, "nowhere/at all");
    EXPECT_EQ(entry(content, "long").target.size(), 4000U);
    if (devices) {
        EXPECT_EQ(entry(content, "char").device_minor, 3U);
        EXPECT_EQ(entry(content, "block").device_major, 8U);
        EXPECT_EQ(entry(content, "block").device_minor, 70'000U);
    }
    const ParentTree parent = parent_of(content);
    EXPECT_EQ(backup(&parent).root, content.root);
}

TEST_F(BackupTest, AttributesAclsAndCapabilitiesAreKept) {
    write("file", noise(1000, 1));
    write("dir/inner", "x");
    write("large", noise(100'000, 1));
    if (::setxattr((root_ / "file").c_str(), "user.note", "hello", 5, 0) != 0) GTEST_SKIP() << "no xattrs here";
    ASSERT_EQ(::setxattr((root_ / "large").c_str(), "user.big", Bytes(3000, 'b').data(), 3000, 0), 0);
    const bool acl = std::system(("setfacl -m u:1234:r " + (root_ / "file").string() + " && setfacl -d -m u:1234:rx " +
                                  (root_ / "dir").string())
                                     .c_str()) == 0;
    const bool caps = std::system(("setcap cap_net_raw+ep " + (root_ / "large").string()).c_str()) == 0;
    fs::create_symlink("x", root_ / "link");
    const bool link = ::lsetxattr((root_ / "link").c_str(), "trusted.note", "t", 1, 0) == 0;

    const SnapshotContent content = backup();
    EXPECT_EQ(content.unreadable_count, 0U);
    const auto names = [&](std::string_view path) {
        std::vector<std::string> found;
        for (const ExtendedAttribute& attribute : xattrs_of(blobs_, entry(content, path)).value())
            found.push_back(attribute.name);
        return found;
    };
    const auto has = [&](std::string_view path, std::string_view name) {
        const std::vector<std::string> found = names(path);
        return std::ranges::find(found, name) != found.end();
    };
    EXPECT_TRUE(has("file", "user.note"));
    EXPECT_TRUE(has("large", "user.big"));
    EXPECT_TRUE(entry(content, "large").xattrs_in_blob);
    if (acl) {
        EXPECT_TRUE(has("file", "system.posix_acl_access"));
        EXPECT_TRUE(has("dir", "system.posix_acl_default"));
    }
    if (caps) {
        EXPECT_TRUE(has("large", "security.capability"));
    }
    if (link) {
        EXPECT_TRUE(has("link", "trusted.note"));
    }
}

TEST_F(BackupTest, InodeFlagsThatUsersSetAreKept) {
    write("file", "x");
    const int fd = ::open((root_ / "file").c_str(), O_RDONLY);
    std::uint32_t flags[2] = {FS_NODUMP_FL, 0};
    const bool supported = ::ioctl(fd, FS_IOC_SETFLAGS, flags) == 0;
    ::close(fd);
    if (!supported) GTEST_SKIP() << "no inode flags here";
    EXPECT_EQ(entry(backup(), "file").inode_flags, static_cast<std::uint32_t>(FS_NODUMP_FL));
}

TEST_F(BackupTest, HolesStayHoles) {
    const int fd = ::open((root_ / "sparse").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(::ftruncate(fd, 50 << 20), 0);
    const Bytes data = noise(100'000, 3);
    ASSERT_EQ(::pwrite(fd, data.data(), data.size(), 10 << 20), 100'000);
    ASSERT_EQ(::pwrite(fd, data.data(), data.size(), 30 << 20), 100'000);
    ::close(fd);
    ASSERT_EQ(::truncate((root_ / "sparse").c_str(), 50 << 20), 0);
    std::ofstream{root_ / "hollow"};
    fs::resize_file(root_ / "hollow", 1 << 20);
    const SnapshotContent content = backup();
    const Entry sparse = entry(content, "sparse");
    EXPECT_LT(content.bytes_read, 2U << 20);
    std::uint64_t holes = 0;
    for (const Extent& extent : sparse.content.extents) holes += extent.hole ? extent.length : 0;
    EXPECT_GT(holes, 48U << 20);
    Bytes expected(50 << 20);
    std::ranges::copy(data, expected.begin() + (10 << 20));
    std::ranges::copy(data, expected.begin() + (30 << 20));
    EXPECT_EQ(sparse.content.sha256, sha256(expected));
    EXPECT_EQ(content_of_file(sparse), expected);
    const Entry hollow = entry(content, "hollow");
    EXPECT_EQ(hollow.content.extents, (std::vector<Extent>{{.hole = true, .chunk = {}, .length = 1 << 20}}));
    EXPECT_EQ(hollow.content.sha256, sha256(Bytes(1 << 20)));
}

TEST_F(BackupTest, NamesOfOneFileAreReadOnceAndKnowEachOther) {
    write("a", noise(3000, 1));
    write("large1", noise(200'000, 2));
    fs::create_hard_link(root_ / "a", root_ / "b");
    fs::create_hard_link(root_ / "a", root_ / "z");
    fs::create_directory(root_ / "dir");
    fs::create_hard_link(root_ / "large1", root_ / "dir/large2");
    const SnapshotContent content = backup();
    EXPECT_EQ(content.bytes_read, 203'000U);
    EXPECT_EQ(content.bytes, 3 * 3000 + 2 * 200'000U);
    for (const std::string_view name : {"a", "b", "z"}) {
        const Entry link = entry(content, name);
        EXPECT_TRUE(link.hard_link);
        EXPECT_EQ(link.link_count, 3U);
        EXPECT_EQ(link.inode, entry(content, "a").inode);
    }
    EXPECT_EQ(entry(content, "dir/large2").content, entry(content, "large1").content);
    expect_same_as_source(content);

    const ParentTree parent = parent_of(content);
    const SnapshotContent again = backup(&parent);
    EXPECT_EQ(again.root, content.root);
    EXPECT_EQ(again.bytes_read, 0U);
}

// The name that was to be read for all of them leads to another file, or to none, once it is opened.
TEST_F(BackupTest, ANameThatLeadsElsewhereSaysNothingAboutTheOtherNames) {
    for (const std::size_t size : {10U, 3000U, 200'000U}) {
        SCOPED_TRACE(size);
        const Bytes old_content = noise(size, 1);
        const Bytes new_content = noise(size + 7, 2);
        write("a", old_content);
        write("new", new_content);
        for (const char* name : {"b", "c"}) {
            fs::remove(root_ / name);
            fs::create_hard_link(root_ / "a", root_ / name);
        }
        options_.before_open = [&](std::string_view name) {
            if (name == "a" && fs::exists(root_ / "new")) fs::rename(root_ / "new", root_ / "a");
        };
        const SnapshotContent content = backup();
        options_.before_open = nullptr;
        EXPECT_EQ(content_of_file(entry(content, "a")), new_content);
        EXPECT_FALSE(entry(content, "a").hard_link);
        struct stat status;
        ASSERT_EQ(::lstat((root_ / "a").c_str(), &status), 0);
        EXPECT_EQ(entry(content, "a").inode, status.st_ino);
        for (const char* name : {"b", "c"}) {
            EXPECT_EQ(content_of_file(entry(content, name)), old_content);
            EXPECT_TRUE(entry(content, name).hard_link);
        }
        const ParentTree parent = parent_of(content);
        expect_same_as_source(backup(&parent));
    }
}

TEST_F(BackupTest, ANameThatIsGoneDoesNotTakeTheOthersAlong) {
    for (const std::size_t size : {10U, 3000U, 200'000U}) {
        SCOPED_TRACE(size);
        write("a", noise(size, 1));
        fs::remove_all(root_ / "d");
        fs::create_directory(root_ / "d");
        for (const char* name : {"d/b", "d/c"}) fs::create_hard_link(root_ / "a", root_ / name);
        options_.before_open = [&](std::string_view name) {
            if (name == "a") fs::remove(root_ / "a");
        };
        const SnapshotContent content = backup();
        ASSERT_EQ(content.unreadable.size(), 1U);
        EXPECT_EQ(content.unreadable[0].path, "a");
        EXPECT_EQ(content.files, 2U);
        EXPECT_EQ(content.bytes_read, size);
        EXPECT_EQ(content_of_file(entry(content, "d/b")), noise(size, 1));
        EXPECT_EQ(entry(content, "d/c").content, entry(content, "d/b").content);
    }
}

TEST_F(BackupTest, PathsLongerThanPathMaxAreStored) {
    const std::string name(200, 'd');
    int at = ::open(root_.c_str(), O_RDONLY | O_DIRECTORY);
    for (int depth = 0; depth < 100; ++depth) {
        ASSERT_EQ(::mkdirat(at, name.c_str(), 0755), 0);
        const int below = ::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY);
        ::close(at);
        at = below;
        const int file = ::openat(at, "z", O_WRONLY | O_CREAT, 0600);
        ASSERT_EQ(::write(file, "deep", 4), 4);
        ::close(file);
    }
    ::close(at);
    const SnapshotContent content = backup();
    EXPECT_EQ(content.files, 100U);
    EXPECT_EQ(content.directories, 100U);
    EXPECT_EQ(content.unreadable_count, 0U);
    std::size_t longest = 0;
    for (const std::string& path : paths(content)) longest = std::max(longest, path.size());
    EXPECT_EQ(longest, 100 * 201 + 1U);
    const ParentTree parent = parent_of(content);
    EXPECT_EQ(backup(&parent).root, content.root);
}

TEST_F(BackupTest, VeryDeepTreesAreStoredWithFewOpenDirectories) {
    constexpr int kDepth = 3000;
    int at = ::open(root_.c_str(), O_RDONLY | O_DIRECTORY);
    for (int depth = 0; depth < kDepth; ++depth) {
        ASSERT_EQ(::mkdirat(at, "d", 0755), 0);
        const int below = ::openat(at, "d", O_RDONLY | O_DIRECTORY);
        // Behind the directory, so that the walk comes back to each level after all below it.
        ::close(::openat(at, "z", O_WRONLY | O_CREAT, 0600));
        ::close(at);
        at = below;
    }
    ::close(at);
    const SnapshotContent content = backup();
    EXPECT_EQ(content.files, static_cast<std::uint64_t>(kDepth));
    EXPECT_EQ(content.directories, static_cast<std::uint64_t>(kDepth));
    EXPECT_EQ(content.unreadable_count, 0U);
}

TEST_F(BackupTest, AFullStoreEndsTheBackup) {
    for (int i = 0; i < 2000; ++i) write("f" + std::to_string(i), noise(1000, static_cast<unsigned>(i)));
    blobs_.fail_after(500);
    EXPECT_EQ(try_backup().error().code(), ErrorCode::NoSpace);
}

TEST_F(BackupTest, ADamagedParentIsSaid) {
    for (int i = 0; i < 2000; ++i) write("f" + std::to_string(i), "");
    const SnapshotContent content = backup();
    ASSERT_EQ(content.root.form, DirRef::Form::Node);
    blobs_.forget(content.root.node.id);
    const ParentTree parent = parent_of(content);
    EXPECT_EQ(try_backup(&parent).error().code(), ErrorCode::Damaged);
}

TEST_F(BackupTest, CancellingStopsIt) {
    write("f", noise(1000, 1));
    monitor_.cancel = true;
    EXPECT_EQ(try_backup().error().code(), ErrorCode::Cancelled);
}

TEST_F(BackupTest, ProgressIsShown) {
    for (int i = 0; i < 20; ++i) write("f" + std::to_string(i), noise(1'000'000, static_cast<unsigned>(i)));
    backup();
    EXPECT_GE(monitor_.updates, 1);
}

TEST_F(BackupTest, AStreamIsStoredAsOneFile) {
    for (const std::size_t size : {0U, 10U, 5000U, 1'000'000U}) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const Bytes data = noise(size, 4);
        std::thread writer{[&] {
            for (std::size_t at = 0; at < data.size();) {
                const ssize_t put = ::write(ends[1], data.data() + at, std::min<std::size_t>(777, data.size() - at));
                if (put < 0) break;
                at += static_cast<std::size_t>(put);
            }
            ::close(ends[1]);
        }};
        Result<SnapshotContent> content = store_stream(ends[0], "dump.sql", keys_, blobs_, clock_, monitor_, options_);
        writer.join();
        ::close(ends[0]);
        ASSERT_TRUE(content.ok());
        EXPECT_EQ(content.value().bytes, size);
        EXPECT_EQ(content_of_file(entry(content.value(), "dump.sql")), data);
    }
    EXPECT_EQ(store_stream(0, "a/b", keys_, blobs_, clock_, monitor_, options_).error().code(), ErrorCode::BadRequest);
    EXPECT_EQ(store_stream(-1, "a", keys_, blobs_, clock_, monitor_, options_).error().code(), ErrorCode::Io);
    monitor_.cancel = true;
    EXPECT_EQ(store_stream(0, "a", keys_, blobs_, clock_, monitor_, options_).error().code(), ErrorCode::Cancelled);
}

}  // namespace
}  // namespace dr
