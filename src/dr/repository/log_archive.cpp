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

// What lies in log/ or, where that is no record of the number, what an older archive has: it may be the only good copy.
Result<Bytes> file_to_archive(ObjectStore& store, std::uint64_t seq) {
    const auto is_good = [seq](const Bytes& file) {
        const Result<ByteSpan> body = body_in_file(file);
        const Result<LogRecord> record = body.ok() ? decode_record(body.value()) : Result<LogRecord>{body.error()};
        return record.ok() && record.value().seq == seq;
    };
    Result<Bytes> file = store.get(record_name(seq), kMaxRecordFile);
    if (file.ok() && is_good(file.value())) return file;
    Result<Bytes> archived = file_in_archive(store, seq);
    return archived.ok() && is_good(archived.value()) ? archived : file;
}

// Left from an end of the log that was lost, or rotten: it would keep the right one out.
bool is_another(ObjectStore& store, const std::string& name, const Bytes& archive) {
    const Result<Bytes> there = store.get(name, kMaxArchive);
    return there.ok() ? there.value() != archive : there.error().code() == ErrorCode::Damaged;
}

}  // namespace

std::string archive_name(std::uint64_t seq) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "log-archive/%020llu", static_cast<unsigned long long>(first_of(seq)));
    return text.data();
}

Result<void> write_archive(ObjectStore& store, std::uint64_t last) {
    DR_CHECK((last + 1) % kArchiveEvery == 0);
    Bytes archive;
    WireWriter out{archive};
    for (std::uint64_t seq = first_of(last); seq <= last; ++seq) {
        const Bytes file = DR_TRY(file_to_archive(store, seq));
        out.u32(static_cast<std::uint32_t>(file.size()));
        out.raw(file);
    }
    const std::string name = archive_name(last);
    if (is_another(store, name, archive)) DR_TRY(store.remove(name));
    return store.put_new(name, archive, Durability::Now);
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
