#include "cli/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "cli/progress.h"
#include "dr/platform/posix/clock.h"
#include "dr/platform/posix/file_descriptor.h"
#include "dr/platform/sim/sim_clock.h"

namespace dr::cli {
namespace {

std::string read_all(int fd) {
    std::string text;
    char part[4096];
    for (ssize_t got = 0; (got = ::read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(got));
    return text;
}

// A console whose outputs are pipes, or one terminal.
class Outputs {
public:
    explicit Outputs(bool terminal = false) {
        if (terminal) {
            int main_end = -1;
            int end = -1;
            winsize size{};
            size.ws_col = 100;
            EXPECT_EQ(openpty(&main_end, &end, nullptr, nullptr, &size), 0);
            err_read_ = FileDescriptor{main_end};
            err_write_ = FileDescriptor{end};
            ::fcntl(main_end, F_SETFL, O_NONBLOCK);
        } else {
            make_pipe(err_read_, err_write_);
        }
        make_pipe(out_read_, out_write_);
    }
    ConsoleLook look(bool color = false) const {
        return {out_write_.get(), err_write_.get(), false, ::isatty(err_write_.get()) == 1, color};
    }
    std::string out() {
        out_write_ = FileDescriptor{};
        return read_all(out_read_.get());
    }
    std::string err() {
        if (::isatty(err_write_.get()) == 1) return read_all(err_read_.get());
        err_write_ = FileDescriptor{};
        return read_all(err_read_.get());
    }
    void close_reader() { out_read_ = FileDescriptor{}; }

private:
    static void make_pipe(FileDescriptor& read_end, FileDescriptor& write_end) {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        read_end = FileDescriptor{ends[0]};
        write_end = FileDescriptor{ends[1]};
    }
    FileDescriptor out_read_, out_write_, err_read_, err_write_;
};

Error full_error() {
    return Error{ErrorCode::Damaged, "cannot restore 'a\x1b[2J'"}
        .means("first\nsecond")
        .during("restoring")
        .during("running")
        .next("qnwis_dr list");
}

TEST(Console, AnErrorHasTheLinesOfTheStyle) {
    Outputs outputs;
    {
        Console console{outputs.look()};
        console.show(full_error());
    }
    EXPECT_EQ(outputs.err(),
              "qnwis_dr: cannot restore 'a\\x1b[2J'\n  means  first\n         second\n  while  restoring\n  while  "
              "running\n  next   qnwis_dr list\n");
}

TEST(Console, ColorIsOnlyTheNameOfTheProgram) {
    Outputs outputs;
    {
        Console console{outputs.look(true)};
        console.show(Error{ErrorCode::Io, "no"});
    }
    EXPECT_EQ(outputs.err(), "\x1b[1;31mqnwis_dr:\x1b[0m no\n");
}

TEST(Console, QuietLeavesOutWhatIsOnlySaid) {
    Outputs outputs;
    {
        Console console{outputs.look()};
        console.set_quiet(true);
        console.say("said");
        console.print("printed");
        console.complain("complained");
    }
    EXPECT_EQ(outputs.out(), "printed\n");
    EXPECT_EQ(outputs.err(), "complained\n");
}

TEST(Console, LargeOutputComesInOrder) {
    Outputs outputs;
    std::string written;
    std::string seen;
    std::thread reader;
    {
        Console console{outputs.look()};
        EXPECT_FALSE(console.wrote());
        for (const std::size_t size : {10U, 70'000U, 1U, 200U})
            written += std::string(size, static_cast<char>('a' + size % 26));
        ASSERT_TRUE(console.write(std::string_view{written}.substr(0, 10)).ok());
        // Pipes hold 64 KiB: more than that needs a reader beside it.
        const int fd = ::dup(outputs.look().out);
        ::fcntl(fd, F_SETPIPE_SZ, 1 << 20);
        ASSERT_TRUE(console.write(std::string_view{written}.substr(10)).ok());
        EXPECT_TRUE(console.wrote());
        ::close(fd);
    }
    EXPECT_EQ(outputs.out(), written);
}

TEST(Console, AReaderThatWentAwayIsNoticed) {
    std::signal(SIGPIPE, SIG_IGN);
    Outputs outputs;
    Console console{outputs.look()};
    outputs.close_reader();
    console.print("nobody hears this");
    EXPECT_FALSE(console.flush().ok());
    EXPECT_TRUE(console.reader_gone());
    EXPECT_FALSE(console.write("nor this").ok());
}

TEST(Console, AFullDiskIsAnErrorAndNoMissingReader) {
    const FileDescriptor full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    ASSERT_TRUE(full.is_open());
    ConsoleLook look;
    look.out = full.get();
    Console console{look};
    console.print("no room");
    const Result<void> flushed = console.flush();
    ASSERT_FALSE(flushed.ok());
    EXPECT_EQ(flushed.error().code(), ErrorCode::NoSpace);
    EXPECT_FALSE(console.reader_gone());
}

TEST(Console, AStatusLineIsClearedBeforeAnythingElse) {
    Outputs outputs{true};
    Console console{outputs.look()};
    EXPECT_EQ(console.width(), 100U);
    console.status("half");
    console.complain("line");
    console.status("");
    EXPECT_EQ(outputs.err(), "\rhalf\x1b[K\r\x1b[Kline\r\n");
}

TEST(Console, WithoutATerminalThereIsNoStatusLine) {
    Outputs outputs;
    Console console{outputs.look()};
    console.status("half");
    EXPECT_EQ(outputs.err(), "");
    EXPECT_EQ(console.width(), 80U);
}

TEST(Console, SafeLinesKeepSingleBackslashes) {
    EXPECT_EQ(safe_line("a\\b"), "a\\b");
    EXPECT_EQ(safe_line("a\\\\b"), "a\\\\b");
    EXPECT_EQ(safe_line("tab\there \xff end\\"), "tab\\there \\xff end\\");
}

ProgressView half_way() {
    ProgressView view;
    view.phase = "storing";
    view.bytes_done = 512U << 20;
    view.bytes_total = 1U << 30;
    view.files_done = 1234;
    view.recent_rate = 100e6;
    return view;
}

TEST(ProgressText, ShowsShareRateAndTimeLeftFirst) {
    EXPECT_EQ(progress_text(half_way(), 0), "storing  50 %  100.0 MB/s  ETA 0:05  512.0 MiB of 1.0 GiB  1,234 files");
    EXPECT_EQ(progress_text(half_way(), 120),
              "storing  50 %  100.0 MB/s  ETA 0:05  [==========          ]  512.0 MiB of 1.0 GiB  1,234 files");
}

TEST(ProgressText, NeverFillsTheLastColumn) {
    for (unsigned width = 2; width < 130; ++width) EXPECT_LT(progress_text(half_way(), width).size(), width);
    EXPECT_EQ(progress_text(half_way(), 45), "storing  50 %  100.0 MB/s  ETA 0:05");
}

TEST(ProgressText, SaysSoWhenTheTotalIsNotKnown) {
    ProgressView view = half_way();
    view.bytes_total = 0;
    EXPECT_EQ(progress_text(view, 0), "storing  -- %  100.0 MB/s  ETA --:--  512.0 MiB  1,234 files");
    view = half_way();
    view.recent_rate = 0;
    EXPECT_NE(progress_text(view, 0).find("ETA --:--"), std::string::npos);
}

TEST(ProgressText, ReachesAHundredOnlyAtTheEnd) {
    ProgressView view = half_way();
    view.bytes_done = view.bytes_total - 1;
    EXPECT_NE(progress_text(view, 0).find(" 99 %"), std::string::npos);
    view.bytes_done = view.bytes_total;
    EXPECT_NE(progress_text(view, 0).find("100 %"), std::string::npos);
    view.bytes_done = view.bytes_total * 3;  // a workspace that grew meanwhile
    EXPECT_NE(progress_text(view, 0).find("100 %"), std::string::npos);
    view.bytes_done = 0;
    view.bytes_total = std::uint64_t{1} << 60;
    view.files_total = 2000;
    EXPECT_NE(progress_text(view, 0).find("  0 %  100.0 MB/s  ETA 99:59:59"), std::string::npos);
    EXPECT_NE(progress_text(view, 0).find("1,234 of 2,000 files"), std::string::npos);
}

TEST(ConsoleMonitor, ATerminalIsDrawnThoughNothingNewIsReported) {
    Outputs outputs{true};
    Console console{outputs.look()};
    const PosixClock clock;
    ConsoleMonitor monitor{console, clock};
    monitor.progress({"storing", 50, 100, 1, 2});
    std::this_thread::sleep_for(std::chrono::milliseconds{900});
    monitor.finish();
    const std::string text = outputs.err();
    std::size_t updates = 0;
    for (std::size_t at = text.find("\rstoring"); at != std::string::npos; at = text.find("\rstoring", at + 1))
        ++updates;
    EXPECT_GE(updates, 2U);
    EXPECT_LE(updates, 9U);
    EXPECT_TRUE(text.ends_with("\r\x1b[K"));
}

TEST(ConsoleMonitor, ElsewhereALineComesEvery10Seconds) {
    Outputs outputs;
    Console console{outputs.look()};
    SimClock clock{Timestamp{}};
    ConsoleMonitor monitor{console, clock};
    monitor.progress({"storing", 0, 100, 0, 0});
    clock.advance(11'000'000'000);
    monitor.progress({"storing", 50, 100, 0, 0});
    std::this_thread::sleep_for(std::chrono::milliseconds{700});
    monitor.finish();
    EXPECT_EQ(outputs.err(), "storing  50 %  0.0 MB/s  ETA 0:11  50 B of 100 B\n");
}

TEST(ConsoleMonitor, WarningsAreCountedAndTheFirst50Shown) {
    Outputs outputs;
    Console console{outputs.look()};
    console.set_quiet(true);  // warnings come all the same
    const PosixClock clock;
    ConsoleMonitor monitor{console, clock};
    for (int i = 0; i < 60; ++i) monitor.warning("file" + std::to_string(i), Error{ErrorCode::Io, "no"});
    monitor.list("file0", "no");  // named already
    monitor.note("quiet drops this");
    EXPECT_EQ(monitor.warnings(), 60U);
    EXPECT_FALSE(monitor.cancelled());
    monitor.finish();
    const std::string text = outputs.err();
    EXPECT_EQ(std::ranges::count(text, '\n'), 50);
    EXPECT_TRUE(text.starts_with("warning: 'file0': no\n"));
}

TEST(ConsoleMonitor, AnExpectedTotalCountsWhereTheVerbKnowsNone) {
    Outputs outputs{true};
    Console console{outputs.look()};
    const PosixClock clock;
    ConsoleMonitor monitor{console, clock};
    EXPECT_FALSE(monitor.has_total());
    monitor.progress({"storing", 25, 0, 1, 0});
    monitor.expect(100, 4);
    EXPECT_TRUE(monitor.has_total());
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
    monitor.list("x", "gone");
    monitor.note("a note");
    monitor.finish();
    const std::string text = outputs.err();
    EXPECT_NE(text.find("storing  25 %"), std::string::npos);
    EXPECT_NE(text.find("1 of 4 files"), std::string::npos);
    EXPECT_NE(text.find("warning: 'x': gone"), std::string::npos);
    EXPECT_NE(text.find("a note"), std::string::npos);
}

TEST(ConsoleLook, ColorNeedsATerminalThatWantsIt) {
    const ConsoleLook look = look_at_terminal({{"TERM", "xterm"}, {"NO_COLOR", "1"}});
    EXPECT_FALSE(look.color);
}

}  // namespace
}  // namespace dr::cli
