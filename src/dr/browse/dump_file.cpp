#include <algorithm>
#include <array>

#include "dr/browse/dump.h"
#include "dr/repository/tree_reader.h"

namespace dr {

Result<void> dump_file(BlobSource& source, const Entry& file, const ByteSink& sink) {
    if (file.kind != EntryKind::File) return Error{ErrorCode::BadRequest, "only a regular file can be dumped as it is"};
    static constexpr std::array<std::uint8_t, 1U << 20> kZeros{};
    ContentReader content = content_of(source, file);
    while (const std::optional<ContentPiece> piece = DR_TRY(content.next())) {
        if (piece->kind == ContentPiece::Kind::Inline) {
            DR_TRY(sink(piece->bytes));
        } else if (piece->kind == ContentPiece::Kind::Blob) {
            const Bytes bytes = DR_TRY(source.read(BlobType::Data, piece->blob));
            if (bytes.size() != piece->length)
                return Error{ErrorCode::Damaged, "a blob has another length than the file says"};
            DR_TRY(sink(bytes));
        }
        for (std::uint64_t left = piece->kind == ContentPiece::Kind::Hole ? piece->length : 0; left > 0;) {
            const std::uint64_t part = std::min<std::uint64_t>(left, kZeros.size());
            DR_TRY(sink(ByteSpan{kZeros}.first(static_cast<std::size_t>(part))));
            left -= part;
        }
    }
    return {};
}

}  // namespace dr
