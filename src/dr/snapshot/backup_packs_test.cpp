// A backup into real packs and back: what the parts of an engine promise each other.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "dr/models/selection.h"
#include "dr/platform/posix/clock.h"
#include "dr/repository/pack_source.h"
#include "dr/repository/pack_testing.h"
#include "dr/repository/tree_reader.h"
#include "dr/snapshot/backup.h"

namespace dr {
namespace {

namespace fs = std::filesystem;

class BackupIntoPacks : public ::testing::Test {
protected:
    void SetUp() override {
        char pattern[] = "/tmp/dr-backup-packs-XXXXXX";
        root_ = ::mkdtemp(pattern);
        for (int i = 0; i < 200; ++i)
            write("small/f" + std::to_string(i),
                  testing::text_like(static_cast<std::size_t>(i) * 50, static_cast<std::uint64_t>(i)));
        write("large/noise", testing::noise(9'000'000, 1));
        write("large/text", testing::text_like(5'000'000, 2));
        fs::create_hard_link(root_ / "large/text", root_ / "large/again");
    }
    void TearDown() override { fs::remove_all(root_); }

    void write(const fs::path& path, ByteSpan content) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream out{root_ / path, std::ios::binary};
        out.write(as_text(content).data(), static_cast<std::streamsize>(content.size()));
    }
    // Runs one session of the repository.
    SnapshotContent backup(testing::TestRepository& repository, SinkResult& stored) {
        const Selection selection = Selection::create(BackupSpec{}, WorkspaceMapping{}, root_.string()).value();
        const BackupSources sources{.selection = selection, .workspace = root_.string(), .repository = std::nullopt};
        const Chunker chunker{ChunkSizes{}, gear_};
        const ContentKeys keys{.chunker = chunker, .namer = repository.keys.namer, .tree_seed = 7};
        PackSink sink{repository.sink_world()};
        PosixClock clock;
        SilentMonitor monitor;
        SnapshotContent content =
            scan_and_store(sources, nullptr, keys, sink, repository.pool, clock, monitor, BackupOptions{}).value();
        stored = sink.finish().value();
        return content;
    }
    Bytes content_of_file(BlobSource& source, const Entry& file) {
        Bytes bytes;
        ContentReader reader = content_of(source, file);
        while (std::optional<ContentPiece> piece = reader.next().value()) {
            append(bytes, piece->kind == ContentPiece::Kind::Blob ? source.read(BlobType::Data, piece->blob).value()
                                                                  : Bytes(piece->bytes.begin(), piece->bytes.end()));
        }
        return bytes;
    }

    fs::path root_;
    GearTable gear_ = [] {
        GearTable table;
        std::uint64_t state = 1;
        for (std::uint64_t& value : table) value = state = state * 6364136223846793005U + 1442695040888963407U;
        return table;
    }();
};

TEST_F(BackupIntoPacks, WhatWasStoredIsReadBackByteForByte) {
    testing::TestRepository repository;
    SinkResult stored;
    const SnapshotContent content = backup(repository, stored);
    EXPECT_EQ(content.files, 203U);
    EXPECT_EQ(content.unreadable_count, 0U);
    PackSource source{{.objects = repository.store,
                       .keys = repository.keys,
                       .is_live = [](const PackId&) { return true; },
                       .live_packs = [&] { return repository.stored_packs(); }},
                      stored.runs};
    std::uint64_t files = 0;
    TreeWalk walk{source, content.root};
    while (std::optional<TreeStep> step = walk.next().value()) {
        if (step->kind != TreeStep::Kind::Entry || step->entry->kind != EntryKind::File) continue;
        ++files;
        std::ifstream in{root_ / std::string{walk.path()}, std::ios::binary};
        const std::string text{std::istreambuf_iterator<char>{in}, {}};
        EXPECT_TRUE(as_text(content_of_file(source, step->entry->copy())) == text) << walk.path();
    }
    EXPECT_EQ(files, 203U);
}

TEST_F(BackupIntoPacks, TheBytesInTheStoreDoNotDependOnTheNumberOfThreads) {
    std::map<std::string, Bytes, std::less<>> objects;
    for (const unsigned workers : {1U, 2U, 8U}) {
        testing::TestRepository repository{true, workers};
        SinkResult stored;
        backup(repository, stored);
        if (objects.empty()) objects = repository.store.objects();
        EXPECT_TRUE(repository.store.objects() == objects) << workers;
        EXPECT_GE(objects.size(), 2U);
    }
}

}  // namespace
}  // namespace dr
