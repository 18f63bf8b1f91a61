#include "dr/repository/log_archive.h"

#include <array>
#include <cstdio>

#include "dr/base/check.h"
#include "dr/codec/wire.h"
#include "dr/repository/log_record.h"

namespace dr {
namespace {

constexpr std::uint64_t kMaxArchive = kArchiveEvery * (kMaxRecordFile + sizeof(std::uint32_t));

std::uint64_t first_of(std::uint64_t seq) { return seq - seq % kArchiveEvery; }

}  // namespace

std::string archive_name(std::uint64_t seq) {
    std::array<char, 48> text{};
    (void)std::snprintf(text.data(), text.size(), "log-archive/%020llu",
                        static_cast<unsigned long long>(first_of(seq)));
    return text.data();
}

Result<void> write_archive(ObjectStore& store, std::uint64_t last) {
    DR_CHECK((last + 1) % kArchiveEvery == 0);
    Bytes archive;
    WireWriter out{archive};
    for (std::uint64_t seq = first_of(last); seq <= last; ++seq) {
        const Bytes file = DR_TRY(store.get(record_name(seq), kMaxRecordFile));
        out.u32(static_cast<std::uint32_t>(file.size()));
        out.raw(file);
    }
    return store.put_new(archive_name(last), archive, Durability::Now);
}

Result<Bytes> file_in_archive(ObjectStore& store, std::uint64_t seq) {
    const Bytes archive = DR_TRY(store.get(archive_name(seq), kMaxArchive));
    WireReader in{archive};
    for (std::uint64_t at = first_of(seq); at < seq && in.ok(); ++at) in.raw(in.u32());
    const ByteSpan file = in.raw(in.u32());
    DR_TRY(in.check("the log archive"));
    return Bytes(file.begin(), file.end());
}

}  // namespace dr
