#include "cli/passphrase_prompt.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <thread>

#include "dr/platform/posix/file_descriptor.h"

namespace dr::cli {
namespace {

// A terminal with somebody at it.
class Terminal {
public:
    Terminal() {
        int keyboard = -1;
        int end = -1;
        EXPECT_EQ(openpty(&keyboard, &end, nullptr, nullptr, nullptr), 0);
        keyboard_ = FileDescriptor{keyboard};
        end_ = FileDescriptor{end};
    }
    int fd() const { return end_.get(); }
    bool echoes() const {
        termios now{};
        tcgetattr(end_.get(), &now);
        return (now.c_lflag & ECHO) != 0;
    }
    // Reads until `text` was shown.
    std::string wait_for(std::string_view text) {
        while (seen_.find(text) == std::string::npos) {
            char part[256];
            const ssize_t got = ::read(keyboard_.get(), part, sizeof part);
            if (got <= 0) break;
            seen_.append(part, static_cast<std::size_t>(got));
        }
        return seen_;
    }
    // Not before the echo is off: as people do, who read the question first.
    void type(std::string_view text) {
        while (echoes()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        EXPECT_EQ(::write(keyboard_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void hang_up() { keyboard_ = FileDescriptor{}; }

private:
    FileDescriptor keyboard_, end_;
    std::string seen_;
};

TEST(PassphrasePrompt, TakesALineAndEchoesNothing) {
    Terminal terminal;
    std::thread user{[&] {
        terminal.wait_for("passphrase: ");
        terminal.type("correct horse\n");
    }};
    const Result<SecretBytes> typed = ask_passphrase(terminal.fd(), "passphrase", false);
    user.join();
    ASSERT_TRUE(typed.ok());
    EXPECT_EQ(as_text(typed.value().bytes()), "correct horse");
    EXPECT_TRUE(terminal.echoes());
    EXPECT_EQ(terminal.wait_for("\n"), "passphrase: \r\n");
}

TEST(PassphrasePrompt, ANewOneIsTypedTwice) {
    for (const auto& [second, good] : {std::pair{"horse\n", true}, {"house\n", false}}) {
        Terminal terminal;
        std::thread user{[&terminal, text = second] {
            terminal.wait_for("new: ");
            terminal.type("horse\n");
            terminal.wait_for("new again: ");
            terminal.type(text);
        }};
        const Result<SecretBytes> typed = ask_passphrase(terminal.fd(), "new", true);
        user.join();
        EXPECT_EQ(typed.ok(), good);
        if (!good) {
            EXPECT_EQ(typed.error().code(), ErrorCode::BadRequest);
        }
    }
}

TEST(PassphrasePrompt, AnEmptyOneAndTheEndOfInputAreNone) {
    for (const auto& [text, code] : {std::pair{"\n", ErrorCode::WrongKey}, {"\x04", ErrorCode::Cancelled}}) {
        Terminal terminal;
        std::thread user{[&terminal, text = text] {
            terminal.wait_for("p: ");
            terminal.type(text);
        }};
        const Result<SecretBytes> typed = ask_passphrase(terminal.fd(), "p", false);
        user.join();
        ASSERT_FALSE(typed.ok());
        EXPECT_EQ(typed.error().code(), code);
    }
}

}  // namespace
}  // namespace dr::cli
