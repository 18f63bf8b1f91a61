// Restores of a part of a snapshot.

#include "dr/restore/testing/restore_test.h"

namespace dr {
namespace {

using namespace dr::testing;

TEST_F(RestoreTest, FiltersTakeAPartWithTheDirectoriesAboveIt) {
    const DirRef root =
        tree(blobs, {directory(blobs, "etc",
                               {file(blobs, "app.conf", "c"), file(blobs, "app.log", "l"),
                                directory(blobs, "sub", {file(blobs, "deep.conf", "d"), file(blobs, "x.txt", "x")})},
                               0750),
                     directory(blobs, "usr", {file(blobs, "u", "u")}), directory(blobs, "bare", {})});
    RestoreRequest asked = request();
    asked.filter = RestoreFilter{{RelativePath::parse("etc/sub").value()}, {}, {}};
    EXPECT_EQ(run(asked, root).value().files_restored, 2U);
    EXPECT_EQ(names(scratch / "target"), std::vector<std::string>{"etc"});
    EXPECT_EQ(names(scratch / "target/etc"), std::vector<std::string>{"sub"});
    struct stat info;
    ASSERT_EQ(::stat((scratch / "target/etc").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0750U);

    asked.target_path = scratch / "second";
    asked.filter = RestoreFilter{{}, {Glob::parse("*.conf").value()}, {Glob::parse("deep*").value()}};
    EXPECT_EQ(run(asked, root).value().files_restored, 1U);
    EXPECT_EQ(names(scratch / "second"), std::vector<std::string>{"etc"});
    EXPECT_EQ(names(scratch / "second/etc"), std::vector<std::string>{"app.conf"});

    asked.filter = RestoreFilter{{RelativePath::parse("etc/none").value()}, {}, {}};
    EXPECT_EQ(run(asked, root).error().code(), ErrorCode::NotFound);
}

TEST_F(RestoreTest, AFilterThatSelectsNothingIsAnError) {
    const DirRef root = tree(blobs, {directory(blobs, "d", {file(blobs, "f", "x")})});
    RestoreRequest asked = request();
    for (const bool dry : {false, true}) {
        asked.dry_run = dry;
        asked.filter = RestoreFilter{{}, {Glob::parse("*nomatch*").value()}, {}};
        const Result<RestoreOutcome> outcome = run(asked, root);
        ASSERT_FALSE(outcome.ok());
        EXPECT_EQ(outcome.error().code(), ErrorCode::NotFound);
        EXPECT_TRUE(outcome.error().what().starts_with("no entry matches"));
        EXPECT_TRUE(outcome.error().next_step().starts_with("qnwis_dr ls "));
        asked.filter = RestoreFilter{{RelativePath::parse("d").value()}, {}, {Glob::parse("d").value()}};
        EXPECT_EQ(run(asked, root).error().code(), ErrorCode::NotFound);
    }
    EXPECT_FALSE(exists(scratch / "target"));
    // Nothing is all that there is.
    asked.filter = RestoreFilter{{}, {}, {Glob::parse("*.log").value()}};
    EXPECT_TRUE(run(asked, tree(blobs, {})).ok());
}

TEST_F(RestoreTest, DirectoriesAboveWhatIsSelectedStayAsTheyAre) {
    const DirRef root =
        tree(blobs,
             {directory(blobs, "d", {directory(blobs, "e", {file(blobs, "b", "new"), file(blobs, "c", "c")}, 0755)})});
    RestoreRequest asked = request();
    asked.overwrite = true;
    const auto spoil = [&] {
        std::filesystem::create_directories(scratch / "target/d/e");
        write_file(scratch / "target/d/e/b", "old");
        for (const char* name : {"target/d", "target/d/e"}) ::chmod((scratch / name).c_str(), 0700);
        ::setxattr((scratch / "target/d/e").c_str(), "user.mine", "x", 1, 0);
    };
    const auto mode = [&](const std::string& name) {
        struct stat info{};
        ::stat((scratch / name).c_str(), &info);
        return info.st_mode & 07777;
    };
    const auto path = [](std::string_view text) { return RelativePath::parse(text).value(); };
    spoil();
    const ssize_t attribute = ::getxattr((scratch / "target/d/e").c_str(), "user.mine", nullptr, 0);
    for (const RestoreFilter& filter :
         {RestoreFilter{{path("d/e/b")}, {}, {}}, RestoreFilter{{}, {Glob::parse("b").value()}, {}}}) {
        spoil();
        asked.filter = filter;
        const RestoreOutcome outcome = run(asked, root).value();
        EXPECT_EQ(outcome.files_restored, 1U);
        EXPECT_EQ(outcome.metadata.count, 0U);
        EXPECT_EQ(mode("target/d"), 0700U);
        EXPECT_EQ(mode("target/d/e"), 0700U);
        EXPECT_EQ(::getxattr((scratch / "target/d/e").c_str(), "user.mine", nullptr, 0), attribute);
    }
    // Named itself, and not all of it: that one is brought back, and the one above it is not.
    asked.filter = RestoreFilter{{path("d/e")}, {}, {Glob::parse("c").value()}};
    EXPECT_EQ(run(asked, root).value().metadata.listed, std::vector<std::string>{"d/e"});
    EXPECT_EQ(mode("target/d"), 0700U);
    EXPECT_EQ(mode("target/d/e"), 0755U);
    EXPECT_FALSE(exists(scratch / "target/d/e/c"));
}

TEST_F(RestoreTest, ADirectoryThatIsSelectedComesBackEvenIfAllInItIsExcluded) {
    const DirRef root =
        tree(blobs, {directory(blobs, "logs", {file(blobs, "a.log", "x")}), directory(blobs, "bare", {})});
    RestoreRequest asked = request();
    asked.filter = RestoreFilter{{}, {}, {Glob::parse("*.log").value()}};
    EXPECT_EQ(run(asked, root).value().directories_restored, 2U);
    EXPECT_EQ(names(scratch / "target"), (std::vector<std::string>{"bare", "logs"}));
}

}  // namespace
}  // namespace dr
