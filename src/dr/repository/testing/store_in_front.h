#pragma once
// A store in front of another, for tests that change what one of its functions does.

#include <string>
#include <vector>

#include "dr/storage/object_store.h"

namespace dr::testing_support {

class StoreInFront : public ObjectStore {
public:
    explicit StoreInFront(ObjectStore& inner) : inner_(inner) {}
    using ObjectStore::put_new;
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability durability) override {
        return inner_.put_new(name, parts, durability);
    }
    Result<void> sync() override { return inner_.sync(); }
    Result<void> sync_directory(std::string_view directory) override { return inner_.sync_directory(directory); }
    Result<Bytes> get(std::string_view name, std::uint64_t limit) override { return inner_.get(name, limit); }
    Result<void> get_range(std::string_view name, std::uint64_t offset, MutableByteSpan into) override {
        return inner_.get_range(name, offset, into);
    }
    Result<std::uint64_t> size(std::string_view name) override { return inner_.size(name); }
    Result<std::vector<ObjectInfo>> list(std::string_view prefix) override { return inner_.list(prefix); }
    Result<void> remove(std::string_view name) override { return inner_.remove(name); }
    std::string backend() const override { return inner_.backend(); }
    std::string location() const override { return inner_.location(); }

private:
    ObjectStore& inner_;
};

}  // namespace dr::testing_support
