#include "dr/platform/posix/host.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <cstdio>
#include <fstream>

#include "dr/base/hex.h"

namespace dr {
namespace {

// A file with that text, gone with the object.
class TextFile {
public:
    explicit TextFile(const std::string& text)
        : path_(testing::TempDir() + "/host_test_" + std::to_string(text.size())) {
        std::ofstream{path_} << text;
    }
    ~TextFile() { std::remove(path_.c_str()); }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

Bytes machine_id_of(const std::string& text) {
    const TextFile file{text};
    return read_host_identity({.machine_id = file.path(), .boot_id = "/nowhere"}).host_secret;
}

TEST(HostIdentity, ReadsIdentifiersWithAndWithoutDashes) {
    const TextFile machine{"00112233445566778899aabbccddeeff\n"};
    const TextFile boot{"00112233-4455-6677-8899-aabbccddeefe\n"};
    const HostIdentity host = read_host_identity({.machine_id = machine.path(), .boot_id = boot.path()});
    EXPECT_EQ(to_hex(host.host_secret), "00112233445566778899aabbccddeeff");
    EXPECT_EQ(to_hex(host.boot_id), "00112233445566778899aabbccddeefe");
}

TEST(HostIdentity, AMissingFileLeavesItsPartEmpty) {
    const HostIdentity host = read_host_identity({.machine_id = "/nowhere/id", .boot_id = "/nowhere/boot"});
    EXPECT_TRUE(host.host_secret.empty());
    EXPECT_TRUE(host.boot_id.empty());
}

TEST(HostIdentity, WhatIsNoIdentifierLeavesItsPartEmpty) {
    EXPECT_TRUE(machine_id_of("").empty());
    EXPECT_TRUE(machine_id_of("uninitialized\n").empty());
    EXPECT_TRUE(machine_id_of("00112233445566778899aabbccddee\n").empty());
    EXPECT_TRUE(machine_id_of("00112233445566778899aabbccddeeffff\n").empty());
    EXPECT_TRUE(machine_id_of(std::string(4096, 'a')).empty());
    EXPECT_TRUE(read_host_identity({.machine_id = testing::TempDir(), .boot_id = "/"}).host_secret.empty());
}

TEST(HostIdentity, TheNameIsTheNodeNameOfTheSystem) {
    utsname system{};
    ASSERT_EQ(uname(&system), 0);
    EXPECT_EQ(read_host_identity().host_name, system.nodename);
}

TEST(HostIdentity, TheBootIdOfThisSystemHas16Bytes) {
    if (!std::ifstream{"/proc/sys/kernel/random/boot_id"}) GTEST_SKIP() << "no /proc here";
    EXPECT_EQ(read_host_identity().boot_id.size(), 16U);
}

}  // namespace
}  // namespace dr
