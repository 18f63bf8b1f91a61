#include "cli/arguments.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dr::cli {
namespace {

// A program with one of everything.
struct Program {
    Arguments arguments{"a program", "qnwis_dr"};
    std::string config, tag, path, level;
    std::vector<std::string> sets;
    bool json = false, level_given = false;
    std::optional<bool> worm;
    std::string ran;

    Program() {
        Command root = arguments.root();
        root.option("--config", config, Value::File, "configuration");
        root.flag("--json", json, "JSON");
        Command backup = root.command("backup", "back up");
        backup.option("--tag", tag, Value::Name, "tag", Need::Required);
        backup.options("--sets", sets, Value::Name, "sets");
        backup.pair("worm", worm, "lock");
        backup.option_or_flag("--level", level, level_given, Value::Number, "level");
        backup.positional("path", path, Value::File, "path");
        backup.action(acts("backup"));
        Command keys = root.command("keys", "keys");
        keys.command("list", "list them").action(acts("keys list"));
        keys.command("init", "make one").action(acts("keys init"));
    }
    Action acts(std::string name) {
        return [this, name]() -> Result<int> {
            ran = name;
            return 7;
        };
    }
    Result<int> run(std::vector<std::string> words) {
        Arguments::Parsed parsed = DR_TRY(arguments.parse(std::move(words)));
        if (!parsed.help.empty()) return -1;
        return parsed.action();
    }
    Error wrong(std::vector<std::string> words) {
        Result<int> result = run(std::move(words));
        EXPECT_FALSE(result.ok());
        if (result.ok()) return Error{ErrorCode::Io, "it was accepted"};
        EXPECT_EQ(result.error().code(), ErrorCode::BadRequest);
        return std::move(result).error();
    }
};

TEST(Arguments, TheCommandThatWasTypedRuns) {
    Program program;
    EXPECT_EQ(program.run({"keys", "list"}).value(), 7);
    EXPECT_EQ(program.ran, "keys list");
}

TEST(Arguments, OptionsOfEveryCommandStandBeforeOrAfterIt) {
    Program before;
    ASSERT_TRUE(before.run({"--json", "--config", "c", "backup", "--tag", "t"}).ok());
    EXPECT_TRUE(before.json);
    EXPECT_EQ(before.config, "c");
    Program after;
    ASSERT_TRUE(after.run({"backup", "--tag=t", "there", "--config=c", "--json"}).ok());
    EXPECT_TRUE(after.json);
    EXPECT_EQ(after.config, "c");
    EXPECT_EQ(after.path, "there");
    Program deep;
    ASSERT_TRUE(deep.run({"keys", "--json", "init", "--config", "c"}).ok());
    EXPECT_EQ(deep.config, "c");
}

TEST(Arguments, ListsTakeSeveralValuesAndMayBeRepeated) {
    Program program;
    ASSERT_TRUE(program.run({"backup", "--sets", "a", "b", "--tag", "t", "--sets", "c"}).ok());
    EXPECT_EQ(program.sets, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Arguments, AValueMayBeNamedLikeACommandOrLookLikeAnOption) {
    Program program;
    ASSERT_TRUE(program.run({"backup", "--tag", "-5", "--sets", "backup", "keys"}).ok());
    EXPECT_EQ(program.tag, "-5");
    EXPECT_EQ(program.sets, (std::vector<std::string>{"backup", "keys"}));
    Program positional;
    ASSERT_TRUE(positional.run({"backup", "--tag", "t", "keys"}).ok());
    EXPECT_EQ(positional.path, "keys");
}

TEST(Arguments, TheLastOfAPairCountsAndNoneIsNeither) {
    Program none;
    ASSERT_TRUE(none.run({"backup", "--tag", "t"}).ok());
    EXPECT_FALSE(none.worm.has_value());
    Program off;
    ASSERT_TRUE(off.run({"backup", "--tag", "t", "--worm", "--no-worm"}).ok());
    EXPECT_EQ(off.worm, false);
    Program on;
    ASSERT_TRUE(on.run({"backup", "--no-worm", "--tag", "t", "--worm"}).ok());
    EXPECT_EQ(on.worm, true);
}

TEST(Arguments, AnOptionalValueMayBeLeftOut) {
    Program bare;
    ASSERT_TRUE(bare.run({"backup", "--tag", "t", "--level"}).ok());
    EXPECT_TRUE(bare.level_given);
    EXPECT_EQ(bare.level, "");
    Program full;
    ASSERT_TRUE(full.run({"backup", "--level", "3", "--tag", "t"}).ok());
    EXPECT_EQ(full.level, "3");
    Program none;
    ASSERT_TRUE(none.run({"backup", "--tag", "t"}).ok());
    EXPECT_FALSE(none.level_given);
}

TEST(Arguments, AnUnknownOptionComesWithTheNearestOne) {
    Program program;
    const Error error = program.wrong({"backup", "--tga", "t"});
    EXPECT_EQ(error.what(), "'qnwis_dr backup' has no option '--tga'; did you mean '--tag'?");
    EXPECT_EQ(error.next_step(), "qnwis_dr backup --help");
    EXPECT_EQ(Program{}.wrong({"backup", "--tag", "t", "--jsno"}).what(),
              "'qnwis_dr backup' has no option '--jsno'; did you mean '--json'?");
    EXPECT_EQ(Program{}.wrong({"backup", "--tag", "t", "--no-wrm=3"}).what(),
              "'qnwis_dr backup' has no option '--no-wrm'; did you mean '--no-worm'?");
    EXPECT_EQ(Program{}.wrong({"backup", "-x", "--tag", "t"}).what(), "'qnwis_dr backup' has no option '-x'");
}

TEST(Arguments, AnUnknownCommandComesWithTheNearestOne) {
    EXPECT_EQ(Program{}.wrong({"bakcup"}).what(), "'qnwis_dr' has no command 'bakcup'; did you mean 'backup'?");
    EXPECT_EQ(Program{}.wrong({"keys", "lst"}).what(), "'qnwis_dr keys' has no command 'lst'; did you mean 'list'?");
    EXPECT_EQ(Program{}.wrong({}).what(), "'qnwis_dr' needs a command");
    EXPECT_EQ(Program{}.wrong({"keys"}).what(), "'qnwis_dr keys' needs a command");
}

TEST(Arguments, WhatIsMissingOrTooMuchIsNamed) {
    EXPECT_EQ(Program{}.wrong({"backup"}).what(), "'qnwis_dr backup' needs --tag");
    EXPECT_EQ(Program{}.wrong({"backup", "--tag", "t", "one", "two"}).what(), "'qnwis_dr backup' does not take 'two'");
    EXPECT_NE(Program{}.wrong({"backup", "--tag"}).what().find("--tag"), std::string::npos);
    EXPECT_NE(Program{}.wrong({"backup", "--tag", "a", "--tag", "b"}).what().find("--tag"), std::string::npos);
}

TEST(Arguments, WhatWasTypedCannotMoveTheCursor) {
    EXPECT_EQ(Program{}.wrong({"\x1b[2J"}).what(), "'qnwis_dr' has no command '\\x1b[2J'");
}

TEST(Arguments, HelpIsOfTheCommandThatWasTyped) {
    Program program;
    const Arguments::Parsed parsed = program.arguments.parse({"keys", "--help"}).value();
    EXPECT_NE(parsed.help.find("qnwis_dr keys"), std::string::npos);
    EXPECT_NE(parsed.help.find("list them"), std::string::npos);
}

TEST(Arguments, TheDescriptionHoldsEverything) {
    const Program program;
    const DescribedCommand described = program.arguments.describe();
    ASSERT_EQ(described.commands.size(), 2U);
    EXPECT_EQ(described.commands[1].name, "keys");
    EXPECT_EQ(described.commands[1].commands.size(), 2U);
    const DescribedCommand& backup = described.commands[0];
    EXPECT_EQ(backup.positionals, std::vector<std::string>{"FILE"});
    std::vector<std::string> names;
    for (const DescribedOption& option : backup.options)
        names.insert(names.end(), option.names.begin(), option.names.end());
    for (const char* name : {"--help", "--tag", "--sets", "--worm", "--no-worm", "--level"}) {
        EXPECT_NE(std::ranges::find(names, name), names.end()) << name;
    }
}

}  // namespace
}  // namespace dr::cli
