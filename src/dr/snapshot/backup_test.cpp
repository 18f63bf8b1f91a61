#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "dr/platform/posix/clock.h"
#include "dr/repository/testing/memory_blobs.h"
#include "dr/repository/tree_reader.h"
#include "dr/repository/tree_writer.h"
#include "dr/snapshot/backup.h"
#include "dr/snapshot/file_reader.h"
#include "dr/snapshot/pipeline.h"
#include "dr/snapshot/source_walk.h"
#include "dr/snapshot/tree_assembler.h"

namespace dr {
namespace {

namespace fs = std::filesystem;
using testing::MemoryBlobs;

// A clock ahead of the file system, so that what was just written counts as settled.
class AheadClock final : public Clock {
public:
    Timestamp now() const override { return Timestamp{real_.now().nanoseconds() + ahead_ns}; }
    std::int64_t monotonic_nanoseconds() const override { return real_.monotonic_nanoseconds(); }
    std::int64_t ahead_ns = 10'000'000'000;

private:
    PosixClock real_;
};

class RecordingMonitor final : public Monitor {
public:
    void progress(const Progress& progress) override {
        ++updates;
        last_bytes = progress.bytes_done;
    }
    void warning(std::string_view, const Error&) override { ++warnings; }
    void note(std::string_view) override {}
    bool cancelled() const override { return cancel; }

    std::atomic<int> updates = 0;
    std::atomic<int> warnings = 0;
    std::atomic<std::uint64_t> last_bytes = 0;
    std::atomic<bool> cancel = false;
};

// A file of one page that a program has mapped and writes to.
class MappedFile {
public:
    explicit MappedFile(const fs::path& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT, 0600)) {
        EXPECT_EQ(::ftruncate(fd_, kSize), 0);
        text_ = static_cast<char*>(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
        EXPECT_NE(text_, MAP_FAILED);
    }
    ~MappedFile() {
        ::munmap(text_, kSize);
        ::close(fd_);
    }
    void store(std::string_view text) { std::memcpy(text_, text.data(), text.size()); }
    void sync() { EXPECT_EQ(::msync(text_, kSize, MS_SYNC), 0); }

private:
    static constexpr std::size_t kSize = 4096;
    int fd_;
    char* text_ = nullptr;
};

GearTable gear() {
    std::mt19937_64 random{5};
    GearTable table;
    for (std::uint64_t& value : table) value = random();
    return table;
}

Bytes noise(std::size_t size, unsigned seed) {
    std::mt19937_64 random{seed};
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; i += 8) {
        const std::uint64_t word = random();
        std::memcpy(bytes.data() + i, &word, std::min<std::size_t>(8, size - i));
    }
    return bytes;
}

class BackupTest : public ::testing::Test {
protected:
    void SetUp() override {
        char pattern[] = "/tmp/dr-backup-test-XXXXXX";
        base_ = ::mkdtemp(pattern);
        root_ = base_ / "source";
        fs::create_directory(root_);
        options_.sync_sources = false;  // nothing here is mapped, and others may be writing much on this machine
    }
    void TearDown() override {
        // Deeper than PATH_MAX in some tests.
        const std::string command = "chmod -R u+rwx " + base_.string() + " 2>/dev/null; rm -rf " + base_.string();
        EXPECT_EQ(std::system(command.c_str()), 0);
    }

    void write(const fs::path& path, ByteSpan content) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream out{root_ / path, std::ios::binary};
        out.write(as_text(content).data(), static_cast<std::streamsize>(content.size()));
        ASSERT_TRUE(out.good());
    }
    void write(const fs::path& path, std::string_view content) { write(path, as_bytes(content)); }

    Result<SnapshotContent> try_backup(const ParentTree* parent = nullptr) {
        spec_.default_excludes = default_excludes_;
        const Selection selection = Selection::create(spec_, WorkspaceMapping{}, root_.string()).value();
        const BackupSources sources{
            .selection = selection, .workspace = root_.string(), .repository = repository_, .secrets = secrets_};
        TaskPool pool{workers_};
        return scan_and_store(sources, parent, keys_, blobs_, pool, clock_, monitor_, options_);
    }
    SnapshotContent backup(const ParentTree* parent = nullptr) {
        Result<SnapshotContent> content = try_backup(parent);
        EXPECT_TRUE(content.ok()) << (content.ok() ? "" : content.error().one_line());
        return content.ok() ? std::move(content).value() : SnapshotContent{};
    }
    ParentTree parent_of(const SnapshotContent& content) {
        return {.source = blobs_, .root = content.root, .scan_start = content.scan_start, .private_keys_skipped = true};
    }
    std::optional<Entry> find(const SnapshotContent& content, std::string_view path) {
        std::vector<std::string_view> components;
        for (std::size_t at = 0; at < path.size();) {
            const std::size_t end = std::min(path.find('/', at), path.size());
            components.push_back(path.substr(at, end - at));
            at = end + 1;
        }
        return find_entry(blobs_, content.root, components).value();
    }
    Entry entry(const SnapshotContent& content, std::string_view path) {
        std::optional<Entry> found = find(content, path);
        EXPECT_TRUE(found) << path;
        return found.value_or(Entry{});
    }
    Bytes content_of_file(const Entry& file) {
        Bytes bytes;
        ContentReader reader = content_of(blobs_, file);
        while (std::optional<ContentPiece> piece = reader.next().value()) {
            if (piece->kind == ContentPiece::Kind::Inline) append(bytes, piece->bytes);
            if (piece->kind == ContentPiece::Kind::Hole) bytes.resize(bytes.size() + piece->length);
            if (piece->kind == ContentPiece::Kind::Blob)
                append(bytes, blobs_.read(BlobType::Data, piece->blob).value());
        }
        EXPECT_EQ(sha256(bytes), file.content.form == FileContent::Form::Empty ? sha256({}) : file.content.sha256);
        return bytes;
    }
    std::string start_of(const SnapshotContent& content, std::string_view path) {
        return std::string{as_text(content_of_file(entry(content, path))).substr(0, 5)};
    }
    // True on tmpfs: a page that was written once stays dirty for ever there.
    bool keeps_pages_dirty() const {
        struct statfs status;
        EXPECT_EQ(::statfs(root_.c_str(), &status), 0);
        return status.f_type == TMPFS_MAGIC;
    }
    std::vector<std::string> paths(const SnapshotContent& content) {
        std::vector<std::string> found;
        TreeWalk walk{blobs_, content.root};
        while (std::optional<TreeStep> step = walk.next().value()) {
            if (step->kind == TreeStep::Kind::Entry) found.emplace_back(walk.path());
        }
        return found;
    }
    // Every entry and totals in the tree are as the file system has them.
    void expect_same_as_source(const SnapshotContent& content) {
        std::uint64_t entries = 0;
        TreeWalk walk{blobs_, content.root};
        while (std::optional<TreeStep> step = walk.next().value()) {
            if (step->kind != TreeStep::Kind::Entry) continue;
            ++entries;
            const fs::path path = root_ / std::string{walk.path()};
            struct stat status;
            ASSERT_EQ(::lstat(path.c_str(), &status), 0) << path;
            EXPECT_EQ(step->entry->mode, status.st_mode & 07777) << path;
            EXPECT_EQ(step->entry->mtime_nanoseconds, status.st_mtim.tv_nsec) << path;
            EXPECT_EQ(step->entry->inode, status.st_ino) << path;
            if (!S_ISREG(status.st_mode)) continue;
            std::ifstream in{path, std::ios::binary};
            const std::string text{std::istreambuf_iterator<char>{in}, {}};
            EXPECT_EQ(as_text(content_of_file(step->entry->copy())), text) << path;
        }
        EXPECT_EQ(content.entries, entries);
    }

    fs::path base_;
    fs::path root_;
    BackupSpec spec_;
    bool default_excludes_ = false;
    unsigned workers_ = 2;
    MemoryBlobs blobs_;
    Chunker chunker_{ChunkSizes{.min = 4096, .average = 16384, .max = 65536}, gear()};
    ContentKeys keys_{.chunker = chunker_, .namer = blobs_.namer(), .tree_seed = 7};
    AheadClock clock_;
    RecordingMonitor monitor_;
    BackupOptions options_;
    std::optional<FileIdentity> repository_;
    std::vector<FileIdentity> secrets_;
};

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
    options_.before_open = [&](std::string_view name) {
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
