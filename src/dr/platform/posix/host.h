#pragma once
// Reads the HostIdentity of a Linux system.

#include <string>

#include "dr/platform/host.h"

namespace dr {

// Files of one identifier each, in hexadecimal with or without dashes.
struct HostIdentityFiles {
    std::string machine_id = "/etc/machine-id";
    std::string boot_id = "/proc/sys/kernel/random/boot_id";
};

// Never fails: a missing, unreadable or malformed file leaves its part empty. The name is uname's node name.
HostIdentity read_host_identity(const HostIdentityFiles& files = {});

}  // namespace dr
