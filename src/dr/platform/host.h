#pragma once
// HostIdentity: what tells this machine, and this run of it, from every other. It is mixed into fresh keys, so that a
// cloned disk, a copied machine or a stuck random source still draws keys of its own. A part that the system does not
// have is empty: every part is one more safety, none is the only one.

#include <string>

#include "dr/base/bytes.h"

namespace dr {

struct HostIdentity {
    // 16 bytes of the machine id, or empty. Only ever an input to key derivation: never stored, sent or shown.
    Bytes host_secret;
    // 16 bytes that the kernel drew when it started, or empty.
    Bytes boot_id;
    std::string host_name;
};

}  // namespace dr
