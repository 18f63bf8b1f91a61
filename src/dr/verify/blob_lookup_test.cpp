#include "dr/verify/blob_lookup.h"

#include <gtest/gtest.h>

#include <latch>
#include <set>

#include "dr/restore/testing/memory_blobs.h"
#include "dr/restore/testing/source_in_front.h"

namespace dr {
namespace {

using testing::MemoryBlobs;

class LookupTest : public ::testing::TestWithParam<unsigned> {
protected:
    // Of each path a small content; of every fifth a blob of attributes too, and of every seventh nothing is stored.
    static Bytes content(int i) { return Bytes(static_cast<std::size_t>(1 + i % 50), static_cast<std::uint8_t>(i)); }
    static std::string path(int i) { return "directory/" + std::to_string(i); }

    Result<void> look_up(BlobSource& source, int count) {
        BlobLookup lookup{{source,
                           pool,
                           damaged,
                           [this](std::string_view at, const Error& error, bool read) {
                               const std::scoped_lock lock{mutex};
                               EXPECT_EQ(error.code(), ErrorCode::Damaged);
                               (read ? unreadable : lost).insert(std::string{at});
                           },
                           [this] { return cancelled.load(); },
                           {.blobs = 30, .path_bytes = 500, .piece = 4}}};
        for (int i = 0; i < count; ++i) {
            const Sha256 hash = sha256(content(i));
            DR_TRY(lookup.want_content(path(i), hash));
            if (i % 5 == 0)
                DR_TRY(lookup.want(path(i), BlobType::Attributes, source.namer().name(BlobType::Attributes, hash)));
        }
        return lookup.finish();
    }

    MemoryBlobs blobs;
    TaskPool pool{GetParam()};
    std::unordered_set<PackId> damaged;
    std::mutex mutex;
    std::set<std::string> lost;
    std::set<std::string> unreadable;
    std::atomic<bool> cancelled{false};
};
INSTANTIATE_TEST_SUITE_P(Workers, LookupTest, ::testing::Values(1U, 2U, 5U));

TEST_P(LookupTest, NamesWhatIsLostAndNothingElse) {
    for (int i = 0; i < 250; ++i) {
        blobs.store(BlobType::Data, content(i));
        if (i % 5 == 0) blobs.store(BlobType::Attributes, content(i));
    }
    EXPECT_TRUE(look_up(blobs, 250).ok());
    EXPECT_TRUE(lost.empty());

    blobs.forget(blobs.namer().name(BlobType::Data, sha256(content(7))));
    blobs.forget(blobs.namer().name(BlobType::Attributes, sha256(content(205))));
    EXPECT_TRUE(look_up(blobs, 250).ok());
    EXPECT_EQ(lost, (std::set{path(7), path(205)}));
    EXPECT_TRUE(unreadable.empty());
}

TEST_P(LookupTest, ReadsWhatLiesInADamagedPack) {
    for (int i = 0; i < 100; ++i) {
        blobs.store(BlobType::Data, content(i));
        blobs.store(BlobType::Attributes, content(i));
    }
    damaged.insert(PackId{});  // all of them
    blobs.flip(blobs.namer().name(BlobType::Data, sha256(content(33))));
    EXPECT_TRUE(look_up(blobs, 100).ok());
    EXPECT_TRUE(lost.empty());
    EXPECT_EQ(unreadable, std::set{path(33)});
}

TEST_P(LookupTest, OfNothingFindsNothing) {
    EXPECT_TRUE(look_up(blobs, 0).ok());
    EXPECT_TRUE(lost.empty());
}

// A storage that goes away, or a user who does, after so many questions.
class EndingSource final : public testing::SourceInFront {
public:
    EndingSource(BlobSource& source, std::function<Result<void>(int)> before)
        : SourceInFront(source), before_(std::move(before)) {}
    Result<BlobPlace> locate(const BlobId& id) override {
        DR_TRY(before_(++asked));
        return SourceInFront::locate(id);
    }

    std::atomic<int> asked{0};

private:
    std::function<Result<void>(int)> before_;
};

TEST_P(LookupTest, WhatConcernsEverythingEndsIt) {
    for (int i = 0; i < 3000; ++i) blobs.store(BlobType::Data, content(i));
    EndingSource source{blobs, [](int asked) -> Result<void> {
                            if (asked < 100) return {};
                            return Error{ErrorCode::Unavailable, "the storage is gone"};
                        }};
    EXPECT_EQ(look_up(source, 3000).error().code(), ErrorCode::Unavailable);
    EXPECT_LT(source.asked, 1000) << "it goes on asking";
}

TEST_P(LookupTest, StopsWhenAsked) {
    for (int i = 0; i < 3000; ++i) blobs.store(BlobType::Data, content(i));
    EndingSource source{blobs, [this](int asked) -> Result<void> {
                            cancelled = asked >= 100;
                            return {};
                        }};
    EXPECT_EQ(look_up(source, 3000).error().code(), ErrorCode::Cancelled);
    EXPECT_LT(source.asked, 1000) << "it goes on asking";
}

// Who gives up in the middle waits only for what runs.
TEST_P(LookupTest, IsGivenUpWithWhatWaits) {
    for (int i = 0; i < 50; ++i) blobs.store(BlobType::Data, content(i));
    EndingSource source{blobs, [](int) -> Result<void> { return {}; }};
    {
        BlobLookup lookup{{source,
                           pool,
                           damaged,
                           [](std::string_view, const Error&, bool) {},
                           [] { return false; },
                           {.blobs = 1000, .path_bytes = 1U << 20, .piece = 4}}};
        for (int i = 0; i < 50; ++i) ASSERT_TRUE(lookup.want_content(path(i), sha256(content(i))).ok());
    }
    EXPECT_EQ(source.asked, 0);
}

}  // namespace
}  // namespace dr
