#pragma once
// What tests of backups share: a source directory, blobs in memory, and words to ask of a snapshot.

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

namespace dr::backup_testing {

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

inline GearTable gear() {
    std::mt19937_64 random{5};
    GearTable table;
    for (std::uint64_t& value : table) value = random();
    return table;
}

inline Bytes noise(std::size_t size, unsigned seed) {
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

}  // namespace dr::backup_testing
