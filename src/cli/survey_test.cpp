#include "cli/survey.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace dr::cli {
namespace {

namespace fs = std::filesystem;

class SurveyTest : public testing::Test {
protected:
    SurveyTest() {
        std::string name = (fs::temp_directory_path() / "survey-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        root_ = fs::canonical(name);
        fs::create_directory(root_ / "ws");
    }
    ~SurveyTest() override { fs::remove_all(root_); }

    void put(const std::string& path, const std::string& content) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path, std::ios::binary) << content;
    }
    Result<Survey> find(const BackupSpec& spec, SurveyOptions options = {}) {
        options.read_contents = true;
        const std::string workspace = (root_ / "ws").string();
        const Selection selection = Selection::create(spec, WorkspaceMapping{}, workspace).value();
        SilentMonitor silent;
        return survey(selection, workspace, options, silent);
    }
    static BackupSpec everything() {
        BackupSpec spec;
        spec.spec_id = Identifier::parse("p").value();
        spec.tag = Identifier::parse("t").value();
        return spec;
    }

    fs::path root_;
};

TEST_F(SurveyTest, CountsWhatIsSelectedAndWhatIsLeftOutByReason) {
    put("ws/a.txt", "12345");
    put("ws/deep/er/b.txt", "123");
    put("ws/.env", "TOKEN=x");
    put("ws/x.log", "line");
    put("ws/cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    put("ws/cache/big", "1234567890");
    put("ws/harmless.txt", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n");
    fs::create_symlink("/etc", root_ / "ws/link");
    put("ws/store/pack", "sealed");

    SurveyOptions options;
    options.repository = (root_ / "ws/store").string();
    const Survey found = find(everything(), options).value();
    EXPECT_EQ(found.files, 2U);
    EXPECT_EQ(found.bytes, 8U);
    EXPECT_EQ(found.skipped, (std::map<std::string, std::uint64_t>{
                                 {"secret", 1}, {"log", 1}, {"cache", 1}, {"private_key", 1}, {"repository", 1}}));
    EXPECT_EQ(found.unreadable, 0U);
}

TEST_F(SurveyTest, NamesDatasetsThatMatchNothing) {
    put("ws/data/catalog/LMIS_RETENTION_TS_2026.csv", "x");
    put("ws/data/catalog/other.csv", "x");
    BackupSpec spec = everything();
    spec.datasets = {Identifier::parse("LMIS_RETENTION_TS").value(), Identifier::parse("LMIS_SALARY_TS").value()};
    const Survey found = find(spec).value();
    EXPECT_EQ(found.files, 1U);
    EXPECT_EQ(found.datasets_missing, std::vector<Identifier>{Identifier::parse("LMIS_SALARY_TS").value()});
    EXPECT_TRUE(found.skipped.empty());
}

TEST_F(SurveyTest, GoesOutsideTheWorkspaceWhereThePlanSaysSo) {
    put("outside/a", "1234");
    put("outside/b.log", "1");
    put("single", "12");
    put("ws/inside", "1");
    BackupSpec spec = everything();
    spec.paths = {(root_ / "outside").string(), (root_ / "single").string(), (root_ / "gone").string()};
    const Survey found = find(spec).value();
    EXPECT_EQ(found.files, 2U);
    EXPECT_EQ(found.bytes, 6U);
    EXPECT_EQ(found.skipped, (std::map<std::string, std::uint64_t>{{"log", 1}}));
    EXPECT_EQ(found.unreadable, 1U);  // what is named and not there
}

TEST_F(SurveyTest, StopsWhenAskedTo) {
    put("ws/a", "1");
    SurveyOptions options;
    options.stop = [] { return true; };
    EXPECT_EQ(find(everything(), options).error().code(), ErrorCode::Cancelled);
}

TEST_F(SurveyTest, AWorkspaceThatIsNotThereIsNotFound) {
    fs::remove_all(root_ / "ws");
    EXPECT_EQ(find(everything()).error().code(), ErrorCode::NotFound);
}

TEST_F(SurveyTest, WalksDeeperThanAPathCanBe) {
    int fd = ::open((root_ / "ws").c_str(), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 60; ++i) {
        const std::string name(200, 'd');
        ASSERT_EQ(::mkdirat(fd, name.c_str(), 0755), 0);
        const int below = ::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY);
        ::close(fd);
        fd = below;
    }
    const int file = ::openat(fd, "leaf", O_CREAT | O_WRONLY, 0600);
    ASSERT_EQ(::write(file, "123", 3), 3);
    ::close(file);
    ::close(fd);
    EXPECT_EQ(find(everything()).value().bytes, 3U);
    // Too deep for remove_all as well.
    ASSERT_EQ(std::system(("rm -rf '" + (root_ / "ws").string() + "'").c_str()), 0);
}

}  // namespace
}  // namespace dr::cli
