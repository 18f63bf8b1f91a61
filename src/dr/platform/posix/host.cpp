#include "dr/platform/posix/host.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>

#include "dr/base/hex.h"

namespace dr {
namespace {

constexpr std::size_t kIdentifierSize = 16;

// The start of a small file; empty where it cannot be read.
std::string read_start(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return {};
    std::array<char, 128> text;
    const ssize_t got = read(file, text.data(), text.size());
    close(file);
    return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : std::string{};
}

// systemd writes "uninitialized" into a machine id that is still to be drawn: that is no identifier either.
Bytes read_identifier(const std::string& path) {
    std::string text = read_start(path);
    std::erase_if(text, [](char c) { return c == '-' || c == '\n'; });
    Result<Bytes> parsed = parse_hex(text);
    if (!parsed.ok() || parsed.value().size() != kIdentifierSize) return {};
    return std::move(parsed).value();
}

}  // namespace

HostIdentity read_host_identity(const HostIdentityFiles& files) {
    utsname system{};
    const bool named = uname(&system) == 0;
    return HostIdentity{
        .host_secret = read_identifier(files.machine_id),
        .boot_id = read_identifier(files.boot_id),
        .host_name = named ? std::string(system.nodename) : std::string{},
    };
}

}  // namespace dr
