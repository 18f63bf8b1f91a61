#include "cli/shell.h"

#include <gtest/gtest.h>

#include "cli/advice.h"
#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_random.h"

namespace dr::cli {
namespace {

class ShellTest : public testing::Test {
protected:
    SimClock clock_{Timestamp::from_seconds(1'700'000'000)};
    SeededRandom random_{1};
    HostIdentity host_;
    SiteCalendar calendar_ = SiteCalendar::utc();
    World world_{clock_, random_, host_, calendar_};
    Surroundings surroundings_{{{"QNWIS_DR_CONFIG", "/dev/null"}}, false, 022, clock_};
    Console console_{ConsoleLook{}};
    Shell shell_{world_, surroundings_, console_};
};

TEST_F(ShellTest, ARequestHasOneNameForItsWholeLife) {
    const std::string id = shell_.request_id();
    EXPECT_TRUE(id.starts_with("cli-"));
    EXPECT_EQ(shell_.request_id(), id);
}

TEST_F(ShellTest, ANextLineFindsTheSameRepository) {
    EXPECT_EQ(shell_.command_line("list"), "qnwis_dr list");
    shell_.options.settings.storage_path = "/mnt/my disk";
    shell_.options.settings.key_file = "k.json";
    EXPECT_EQ(shell_.command_line("list"), "qnwis_dr list --storage-path '/mnt/my disk' --key-file k.json");
    EXPECT_EQ(shell_.command_line("list --storage-path /x"), "qnwis_dr list --storage-path /x --key-file k.json");
    EXPECT_EQ(shell_.command_line("restore --overwrite    replaces them"),
              "qnwis_dr restore --overwrite --storage-path '/mnt/my disk' --key-file k.json    replaces them");
    EXPECT_EQ(shell_.command_line("config show"), "qnwis_dr config show");
    EXPECT_EQ(shell_.command_line("keys status"), "qnwis_dr keys status --key-file k.json");
    EXPECT_EQ(shell_.command_line("prune --help"), "qnwis_dr prune --help");
    shell_.options.settings.config = "c.toml";
    EXPECT_EQ(shell_.command_line("plan --spec p --explain"), "qnwis_dr plan --spec p --explain --config c.toml");
    EXPECT_EQ(shell_.command_line("config show --config /dev/null"), "qnwis_dr config show --config /dev/null");
}

TEST_F(ShellTest, BlanksInAQuotedWordEndNoCommand) {
    shell_.options.settings.key_file = "k.json";
    EXPECT_EQ(shell_.command_line("list --storage-path '/mnt/it'\\''s    mine' --json    says    more"),
              "qnwis_dr list --storage-path '/mnt/it'\\''s    mine' --json --key-file k.json    says    more");
}

TEST(Advice, EveryErrorEndsWithWhatItMeansAndWhatToType) {
    for (const ErrorCodeInfo& code : kErrorCodes) {
        const Error bare = with_advice(Error{code.code, "something"}, "qnwis_dr list --json");
        EXPECT_EQ(bare.what(), "something");
        EXPECT_EQ(bare.code(), code.code);
        EXPECT_FALSE(bare.meaning().empty());
        EXPECT_FALSE(bare.next_step().empty());
    }
    EXPECT_EQ(with_advice(Error{ErrorCode::Cancelled, "stopped"}, "qnwis_dr list --json").next_step(),
              "qnwis_dr list --json");
}

TEST(Advice, WhatAnErrorSaysItselfStays) {
    const Error told = with_advice(
        Error{ErrorCode::Damaged, "something"}.means("mine").during("working").next("qnwis_dr version"), "");
    EXPECT_EQ(told.meaning(), "mine");
    EXPECT_EQ(told.next_step(), "qnwis_dr version");
    EXPECT_EQ(told.whiles(), std::vector<std::string>{"working"});
}

TEST_F(ShellTest, DevNullIsAnEmptyConfiguration) {
    const Result<ResolvedSettings> settings = shell_.resolve();
    ASSERT_TRUE(settings.ok());
    EXPECT_EQ(settings.value().config_file, "");
}

TEST_F(ShellTest, ANamedConfigurationMustBeThere) {
    shell_.options.settings.config = "/no/such/file.toml";
    const Result<ResolvedSettings> settings = shell_.resolve();
    ASSERT_FALSE(settings.ok());
    EXPECT_EQ(settings.error().code(), ErrorCode::NotFound);
}

TEST(ShellWords, AreQuotedOnlyWhereNeeded) {
    EXPECT_EQ(shell_quoted("/mnt/backups"), "/mnt/backups");
    EXPECT_EQ(shell_quoted("a b"), "'a b'");
    EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_quoted(""), "''");
    EXPECT_EQ(shell_quoted("$(x)"), "'$(x)'");
}

TEST(Numbers, OfOptionsAreChecked) {
    EXPECT_EQ(parse_number("--n", "10", 0, 10).value(), 10U);
    for (const char* bad : {"", "-1", "11", "1e9999", "nan", "0x1", "1.5", " 1"}) {
        const Result<std::uint64_t> number = parse_number("--n", bad, 0, 10);
        ASSERT_FALSE(number.ok()) << bad;
        EXPECT_TRUE(number.error().what().starts_with("--n ")) << number.error().what();
    }
}

TEST(Timings, AlwaysHaveATotal) {
    const auto text = [](const Timings& timings) {
        return json_text(JsonLayout::Compact, [&](JsonWriter& json) {
            json.begin_object();
            write_timings(json, timings);
            json.end_object();
        });
    };
    EXPECT_EQ(text({{"store", 1.5}, {"total", 2}}), "{\"timings_ms\":{\"store\":1.5,\"total\":2}}\n");
    EXPECT_EQ(text({}), "{\"timings_ms\":{\"total\":0}}\n");
    EXPECT_DOUBLE_EQ(total_seconds({{"total", 1500}}), 1.5);
    EXPECT_DOUBLE_EQ(total_seconds({}), 0);
}

}  // namespace
}  // namespace dr::cli
