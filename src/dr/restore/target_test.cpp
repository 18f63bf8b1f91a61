#include "dr/restore/target.h"

#include <gtest/gtest.h>

#include "dr/restore/filter.h"
#include "dr/restore/testing/scratch.h"

namespace dr {
namespace {

using namespace dr::testing;

class TargetTest : public ::testing::Test {
protected:
    TargetTest() {
        std::filesystem::create_directories(scratch / "allowed/inner");
        std::filesystem::create_directories(scratch / "outside");
        std::filesystem::create_directories(scratch / "allowed-not");
    }
    ErrorCode refusal(const std::string& target, bool create = true) const {
        const Result<RestoreRoot> root = RestoreRoot::open(target, RestoreAllowlist{{scratch / "allowed"}}, create);
        return root.ok() ? ErrorCode::Conflict : root.error().code();
    }
    Scratch scratch;
};

TEST_F(TargetTest, TheAllowedDirectoryAndWhatLiesBelowAreOpened) {
    const RestoreAllowlist list{{scratch / "allowed"}};
    for (const char* target : {"allowed", "allowed/", "allowed/inner", "allowed/./inner", "allowed/inner/../inner"}) {
        const Result<RestoreRoot> root = RestoreRoot::open(scratch / target, list, false);
        ASSERT_TRUE(root.ok()) << target << ": " << root.error().what();
        EXPECT_TRUE(root.value().exists());
        EXPECT_GT(root.value().free_bytes(), 0U);
    }
}

TEST_F(TargetTest, AMissingTargetIsMadeOnlyWhenAsked) {
    const RestoreAllowlist list{{scratch / "allowed"}};
    const RestoreRoot looked = RestoreRoot::open(scratch / "allowed/new/deep", list, false).value();
    EXPECT_FALSE(looked.exists());
    EXPECT_EQ(looked.path(), scratch / "allowed/new/deep");
    EXPECT_FALSE(std::filesystem::exists(scratch / "allowed/new"));
    EXPECT_TRUE(RestoreRoot::open(scratch / "allowed/new/deep", list, true).value().exists());
    EXPECT_TRUE(std::filesystem::is_directory(scratch / "allowed/new/deep"));
}

TEST_F(TargetTest, NothingElseIs) {
    std::filesystem::create_directory_symlink(scratch / "outside", scratch / "allowed/link");
    std::filesystem::create_directory_symlink(scratch / "nowhere", scratch / "allowed/dangling");
    std::filesystem::create_symlink("circle", scratch / "allowed/circle");
    for (const char* target : {"outside", "allowed-not", "allowed-not/x", "", "allowed/..", "allowed/../outside",
                               "allowed/link", "allowed/link/new", "allowed/dangling", "allowed/dangling/new",
                               "allowed/new/../../outside", "allowed/new/..", "allowed/circle"}) {
        EXPECT_EQ(refusal(scratch / target), ErrorCode::Refused) << target;
    }
    EXPECT_EQ(refusal("/"), ErrorCode::Refused);
    EXPECT_EQ(refusal("relative-that-is-not-below"), ErrorCode::Refused);
    EXPECT_EQ(refusal(""), ErrorCode::BadRequest);
    EXPECT_EQ(refusal(std::string("x\0y", 3)), ErrorCode::BadRequest);
    EXPECT_TRUE(std::filesystem::is_empty(scratch / "outside"));
    EXPECT_FALSE(std::filesystem::exists(scratch / "nowhere"));
}

TEST_F(TargetTest, AFileIsNoTarget) {
    write_file(scratch / "allowed/file", "x");
    EXPECT_EQ(refusal(scratch / "allowed/file"), ErrorCode::Io);
    EXPECT_EQ(refusal(scratch / "allowed/file/below"), ErrorCode::Io);
}

TEST_F(TargetTest, ALinkInsideTheAllowedDirectoryIsResolvedBeforeItIsJudged) {
    std::filesystem::create_directory_symlink(scratch / "allowed/inner", scratch / "allowed/alias");
    const RestoreRoot root =
        RestoreRoot::open(scratch / "allowed/alias/new", RestoreAllowlist{{scratch / "allowed"}}, true).value();
    EXPECT_EQ(root.path(), scratch / "allowed/inner/new");
}

TEST_F(TargetTest, AnAllowlistThatNamesNothingRealAllowsNothing) {
    for (const std::vector<std::string>& list :
         {std::vector<std::string>{}, {""}, {"relative"}, {scratch / "missing"}, {"."}}) {
        const Result<RestoreRoot> root = RestoreRoot::open(scratch / "allowed", RestoreAllowlist{list}, true);
        ASSERT_FALSE(root.ok());
        EXPECT_EQ(root.error().code(), ErrorCode::Refused);
    }
    // "/" is a configured choice; everything lies below it.
    EXPECT_TRUE(RestoreRoot::open(scratch / "outside", RestoreAllowlist{{"/"}}, false).ok());
    // An allowed directory that is a link means where it leads.
    std::filesystem::create_directory_symlink(scratch / "outside", scratch / "approved");
    EXPECT_TRUE(RestoreRoot::open(scratch / "outside", RestoreAllowlist{{scratch / "approved"}}, false).ok());
}

TEST(RestoreFilter, PathsIncludesAndExcludesMeetInWhatIsSelected) {
    using Answer = RestoreFilter::Answer;
    EXPECT_EQ(RestoreFilter{}.ask("any/thing", false), Answer::All);
    EXPECT_TRUE(RestoreFilter{}.selects_everything());

    const auto path = [](const char* text) { return RelativePath::parse(text).value(); };
    const RestoreFilter paths{{path("a/b"), path("a-b"), path("a/b/c"), path("z")}, {}, {}};
    EXPECT_EQ(paths.paths().size(), 3U);  // a/b/c lies in a/b
    EXPECT_EQ(paths.ask("a", true), Answer::Partly);
    EXPECT_EQ(paths.ask("a", false), Answer::Skip);
    EXPECT_EQ(paths.ask("a/b", true), Answer::All);
    EXPECT_EQ(paths.ask("a/b/x/y", false), Answer::All);
    EXPECT_EQ(paths.ask("a/bc", false), Answer::Skip);
    EXPECT_EQ(paths.ask("a-b/x", false), Answer::All);
    EXPECT_EQ(paths.ask("y", true), Answer::Skip);

    const auto glob = [](const char* text) { return Glob::parse(text).value(); };
    const RestoreFilter globs{{}, {glob("/etc/*.conf")}, {glob("secret*")}};
    EXPECT_EQ(globs.ask("etc", true), Answer::Partly);
    EXPECT_EQ(globs.ask("etc/a.conf", false), Answer::All);
    EXPECT_EQ(globs.ask("etc/secret.conf", false), Answer::Skip);
    EXPECT_EQ(globs.ask("etc/a.log", false), Answer::Skip);
    EXPECT_EQ(globs.ask("usr", true), Answer::Skip);

    const RestoreFilter excluding{{}, {}, {glob("*.log")}};
    EXPECT_EQ(excluding.ask("d", true), Answer::Most);
    EXPECT_EQ(excluding.ask("d/x.log", false), Answer::Skip);
    EXPECT_EQ(excluding.ask("d/x.txt", false), Answer::All);
    EXPECT_TRUE((RestoreFilter{{RelativePath{}, path("a")}, {}, {}}).selects_everything());
}

TEST(RestoreRoot, AnAllowedDirectoryThatIsNotThereIsNamedWithTheLineThatMakesIt) {
    const Scratch scratch;
    const RestoreAllowlist allowed{{scratch / "new machine/restore"}};
    for (const char* target : {"new machine/restore", "new machine/restore/below", "./new machine//restore/"}) {
        const Error error = RestoreRoot::open(scratch / target, allowed, true).error();
        EXPECT_EQ(error.code(), ErrorCode::Refused);
        EXPECT_NE(error.what().find("does not exist"), std::string::npos) << error.what();
        EXPECT_EQ(error.next_step(), "mkdir -p '" + (scratch / "new machine/restore") + "'");
    }
    EXPECT_EQ(RestoreRoot::open(scratch / "new machine", allowed, true).error().what().find("does not exist"),
              std::string::npos);
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

}  // namespace
}  // namespace dr
