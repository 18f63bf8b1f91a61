#pragma once
// The keys that packs are read and written with: of a whole repository, and of one session.

#include <atomic>
#include <cstdint>
#include <map>

#include "dr/base/ids.h"
#include "dr/crypto/secret.h"
#include "dr/keys/ring.h"
#include "dr/platform/clock.h"
#include "dr/platform/host.h"
#include "dr/platform/random.h"
#include "dr/repository/blob.h"
#include "dr/repository/pack_format.h"

namespace dr {

// What opens every pack of a repository. With `encryption: none` the ring is plain_ring(). Const use is thread-safe.
struct RepositoryKeys : InLockedMemory {
    RepositoryKeys(bool encrypted_repository, const RepositoryId& id, const Ring& ring);

    bool encrypted;
    RepositoryId repository;
    EpochKeys epochs;  // R; the greatest seals what is new; empty without encryption
    BlobNamer namer;
};

// What seals the packs of one session: two DEKs drawn when it is made (class 1; the other classes), and a number for
// each pack. Borrows all it is given.
class SessionKeys : public InLockedMemory {
public:
    SessionKeys(const RepositoryKeys& keys, std::uint64_t session, const HostIdentity& host, Random& random,
                const Clock& clock);

    const RepositoryKeys& repository_keys() const { return keys_; }
    std::uint64_t session() const { return session_; }
    const Key32& dek(PackClass pack_class) const { return pack_class == PackClass::Data ? data_dek_ : meta_dek_; }

    // The header of the session's next pack: takes a number, then draws salt and clock. The commitment is left to
    // whoever derives the keys. Thread-safe, but equal bytes need calls in an equal order.
    PackHeader next_header(PackClass pack_class);

private:
    Key32 draw(PackClass pack_class, const HostIdentity& host);

    const RepositoryKeys& keys_;
    std::uint64_t session_;
    Random& random_;
    const Clock& clock_;
    Key32 data_dek_;
    Key32 meta_dek_;
    WrappedDek wrapped_data_{};
    WrappedDek wrapped_meta_{};
    std::atomic<std::uint32_t> sequence_{0};
};

}  // namespace dr
