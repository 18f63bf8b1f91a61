#include "cli/child.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

namespace dr::cli {
namespace {

std::string read_all(int fd) {
    std::string text;
    char part[4096];
    for (ssize_t got = 0; (got = ::read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(got));
    return text;
}

TEST(Hook, SucceedsWithExitStatus0Only) {
    EXPECT_TRUE(run_hook({"hook 1", "true"}, 022).ok());
    const Result<void> failed = run_hook({"hook 2", "PASSWORD=hunter2; exit 3"}, 022);
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().code(), ErrorCode::Io);
    EXPECT_EQ(failed.error().what(), "hook 2 ended with exit status 3");
    EXPECT_EQ(run_hook({"hook 3", "kill -9 $$"}, 022).error().what(), "hook 3 was ended by signal 9");
}

TEST(Command, IsNamedWithoutItsSecrets) {
    const auto by_shell = [](const char* text) { return name_of_command({"/bin/sh", "-c", text}); };
    EXPECT_EQ(by_shell("echo hunter2; exit 3"), "the command 'echo'");
    EXPECT_EQ(by_shell("  PGPASSWORD=hunter2 A=b /usr/bin/pg_dump all"), "the command '/usr/bin/pg_dump'");
    EXPECT_EQ(by_shell("pg_dump|gzip"), "the command 'pg_dump'");
    for (const char* text :
         {"", "PW='a hunter2' pg_dump", "PW=\"a hunter2\" pg_dump", "PW=$(echo hunter2 hunter2) pg_dump",
          "PW=`echo hunter2` pg_dump", "PW=a\\ hunter2 pg_dump", "PW=hunter2;pg_dump", "PW=hunter2", "(hunter2)"}) {
        EXPECT_EQ(by_shell(text), "the command") << text;
    }
    EXPECT_EQ(name_of_command({"pg_dump", "--password=hunter2"}), "the command 'pg_dump'");
    EXPECT_EQ(name_of_command({"PGPASSWORD=hunter2", "pg_dump"}), "the command 'pg_dump'");
    EXPECT_EQ(name_of_command({"my program"}), "the command");
}

TEST(OutputOfCommand, IsReadToItsEnd) {
    OutputOfCommand command = OutputOfCommand::start({"printf", "%s|%s", "a b", "c"}, 022).value();
    EXPECT_EQ(read_all(command.fd()), "a b|c");
    EXPECT_TRUE(command.wait().ok());
}

TEST(OutputOfCommand, AFailureIsToldAtTheEnd) {
    OutputOfCommand command = OutputOfCommand::start({"/bin/sh", "-c", "echo half; exit 4"}, 022).value();
    EXPECT_EQ(read_all(command.fd()), "half\n");
    const Result<void> ended = command.wait();
    ASSERT_FALSE(ended.ok());
    EXPECT_NE(ended.error().what().find("exit status 4"), std::string::npos);
    EXPECT_FALSE(ended.error().meaning().empty());
}

TEST(OutputOfCommand, AProgramThatIsNotThereIsSaidToBe) {
    // The thread sanitizer's _exit() writes out what stdio holds, and the child has a copy of what we hold.
    (void)std::fflush(stdout);
    OutputOfCommand command = OutputOfCommand::start({"/no/such/program"}, 022).value();
    EXPECT_EQ(read_all(command.fd()), "");
    EXPECT_NE(command.wait().error().what().find("is it installed?"), std::string::npos);
}

TEST(OutputOfCommand, AnAbandonedProgramIsEnded) {
    {
        OutputOfCommand command = OutputOfCommand::start({"sleep", "1000"}, 022).value();
        EXPECT_GE(command.fd(), 0);
    }
    SUCCEED();  // the destructor came back: nobody waits 1000 seconds
}

TEST(OutputOfCommand, StartsWithTheUmaskOfTheUser) {
    OutputOfCommand command = OutputOfCommand::start({"/bin/sh", "-c", "umask"}, 027).value();
    EXPECT_EQ(read_all(command.fd()), "0027\n");
    EXPECT_TRUE(command.wait().ok());
}

}  // namespace
}  // namespace dr::cli
