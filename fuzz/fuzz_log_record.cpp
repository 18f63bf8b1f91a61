// Records of the log are read from storage that anybody may have written to: as a file with two copies, and as a body.
#include "dr/base/check.h"
#include "dr/repository/log_record.h"

namespace {

void check_body(dr::ByteSpan body) {
    const dr::Result<dr::LogRecord> record = dr::decode_record(body);
    if (!record.ok()) {
        DR_CHECK(record.error().code() == dr::ErrorCode::Damaged);
        return;
    }
    // What is read has one spelling: writing it again gives the same bytes but for actor and signature.
    dr::LogRecord again = record.value();
    const dr::Result<dr::Bytes> body_again =
        dr::encode_record(again, dr::SigningKey::from_seed(dr::Key32{}), dr::RepositoryId{});
    DR_CHECK(body_again.ok());
    const dr::Result<dr::LogRecord> twice = dr::decode_record(body_again.value());
    DR_CHECK(twice.ok() && twice.value() == again);
    DR_CHECK(body_again.value().size() == body.size());
    (void)dr::verify_record(record.value(), body, dr::RepositoryId{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const dr::ByteSpan input{data, size};
    check_body(input);
    const dr::Result<dr::ByteSpan> body = dr::body_in_file(input);
    if (body.ok()) check_body(body.value());
    return 0;
}
