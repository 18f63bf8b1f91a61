#include "dr/verify/part_of_file.h"

#include <algorithm>

namespace dr {
namespace {

// A hole costs little, and a piece of one byte some: an endless row of them must still end.
constexpr std::uint64_t kLeastCost = 4096;

std::uint64_t data_in(const ContentPiece& piece) { return piece.kind == ContentPiece::Kind::Hole ? 0 : piece.length; }

Result<std::uint64_t> data_of(BlobSource& source, const Entry& file) {
    std::uint64_t data = 0;
    ContentReader content = content_of(source, file);
    while (const std::optional<ContentPiece> piece = DR_TRY(content.next())) data += data_in(*piece);
    return data;
}

// Counted without holes: most of a disk image may be one.
std::uint64_t begin_of(std::uint64_t data, const PartWanted& wanted) {
    return data <= wanted.max_bytes ? 0 : wanted.rank % (data - wanted.max_bytes);
}

}  // namespace

Result<Entry> part_of(BlobSource& source, const Entry& file, const PartWanted& wanted) {
    Entry part = file;
    part.hard_link = false;
    // Of one blob, or in the entry itself: there is no smaller piece.
    if (file.content.form < FileContent::Form::List) return part;
    part.size = 0;
    part.content = FileContent{};
    part.content.form = FileContent::Form::List;
    std::uint64_t to_skip = begin_of(DR_TRY(data_of(source, file)), wanted);
    std::uint64_t cost = 0;
    ContentReader content = content_of(source, file);
    while (const std::optional<ContentPiece> piece = DR_TRY(content.next())) {
        const std::uint64_t data = data_in(*piece);
        if (to_skip > 0 && to_skip >= data) {
            to_skip -= data;
            continue;
        }
        to_skip = 0;
        cost += std::max(data, kLeastCost);
        if (cost > wanted.max_bytes && part.size > 0) break;
        part.content.extents.push_back(
            {.hole = piece->kind == ContentPiece::Kind::Hole, .chunk = piece->blob, .length = piece->length});
        part.size += piece->length;
    }
    return part;
}

}  // namespace dr
