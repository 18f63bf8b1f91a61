#include "dr/repository/pack_keys.h"

namespace dr {

RepositoryKeys::RepositoryKeys(bool encrypted_repository, const RepositoryId& id, const Ring& ring)
    : encrypted(encrypted_repository), repository(id), namer(ring.k_id.bytes()) {
    DR_CHECK(encrypted != ring.epochs.empty());
    for (const auto& [epoch, key] : ring.epochs) epochs.emplace(epoch, key.clone());
}

SessionKeys::SessionKeys(const RepositoryKeys& keys, std::uint64_t session, const HostIdentity& host, Random& random,
                         const Clock& clock)
    : keys_(keys), session_(session), random_(random), clock_(clock) {
    if (!keys.encrypted) return;
    data_dek_ = draw(PackClass::Data, host);
    meta_dek_ = draw(PackClass::Metadata, host);
    const Key32& newest = keys.epochs.rbegin()->second;
    wrapped_data_ = wrap_dek(newest, data_dek_);
    wrapped_meta_ = wrap_dek(newest, meta_dek_);
}

Key32 SessionKeys::draw(PackClass pack_class, const HostIdentity& host) {
    DekInput input{.random = {},
                   .host_secret = host.host_secret,
                   .session = session_,
                   .boot_id = host.boot_id,
                   .clock_nanoseconds = clock_.now().nanoseconds(),
                   .pack_class = static_cast<std::uint8_t>(pack_class),
                   .repository = keys_.repository};
    random_.fill(input.random.mutable_bytes());
    return derive_dek(input);
}

PackHeader SessionKeys::next_header(PackClass pack_class) {
    PackHeader header;
    header.pack_class = pack_class;
    header.encrypted = keys_.encrypted;
    header.sequence = sequence_.fetch_add(1);
    // Wrapping round would repeat a key context; 2^32 packs of 16 MiB are 64 PiB in one session.
    DR_CHECK(header.sequence != UINT32_MAX);
    header.session = session_;
    header.repository = keys_.repository;
    random_.fill(header.salt);
    header.clock_seconds = static_cast<std::uint32_t>(clock_.now().seconds());
    if (!keys_.encrypted) return header;
    header.epoch = keys_.epochs.rbegin()->first;
    header.wrapped_dek = pack_class == PackClass::Data ? wrapped_data_ : wrapped_meta_;
    return header;
}

}  // namespace dr
