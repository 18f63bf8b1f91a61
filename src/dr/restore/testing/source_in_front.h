#pragma once
// For tests: a BlobSource that asks another one for everything. Override what should happen otherwise.

#include "dr/repository/blob_source.h"

namespace dr::testing {

class SourceInFront : public BlobSource {
public:
    explicit SourceInFront(BlobSource& source) : source_(source) {}
    Result<BlobPlace> locate(const BlobId& id) override { return source_.locate(id); }
    PackId pack_id(std::uint32_t pack) const override { return source_.pack_id(pack); }
    Result<std::shared_ptr<const OpenFrame>> open_frame(const BlobPlace& place) override {
        return source_.open_frame(place);
    }
    Result<Bytes> read(BlobType type, const BlobId& id) override { return source_.read(type, id); }
    Result<void> check(BlobType type, const BlobId& id, ByteSpan bytes) const override {
        return source_.check(type, id, bytes);
    }
    const BlobNamer& namer() const override { return source_.namer(); }

private:
    BlobSource& source_;
};

}  // namespace dr::testing
