#include "dr/snapshot/chunk_cutter.h"

#include <algorithm>
#include <array>

#include "dr/base/check.h"

namespace dr {
namespace {

constexpr std::array<std::uint8_t, 64 << 10> kZeros{};

}  // namespace

MutableByteSpan ChunkCutter::room(std::uint64_t expected) {
    const std::size_t left = pending();
    if (buffer_ == nullptr || buffer_->capacity() == end_) {
        // Chunks that the sink still holds stay in the old buffer; only the unfinished one moves.
        const bool small = expected != 0 && left + expected < buffers_.capacity() / 2;
        std::shared_ptr<Buffer> fresh =
            small ? std::make_shared<Buffer>(left + static_cast<std::size_t>(expected)) : buffers_.take();
        if (left != 0) std::memcpy(fresh->data(), buffer_->data() + begin_, left);
        buffer_ = std::move(fresh);
        begin_ = 0;
        end_ = left;
    }
    DR_CHECK(end_ < buffer_->capacity());
    return {buffer_->data() + end_, buffer_->capacity() - end_};
}

void ChunkCutter::filled(std::size_t bytes) {
    end_ += bytes;
    DR_CHECK(end_ <= buffer_->capacity());
}

std::optional<StoredBlob> ChunkCutter::next(bool run_ended, bool last) {
    if (pending() == 0) return std::nullopt;
    const ByteSpan window{buffer_->data() + begin_, pending()};
    const std::size_t length = chunker_.next_cut(window, run_ended);
    if (length == 0) return std::nullopt;
    const ByteSpan chunk = window.first(length);
    Sha256 chunk_hash;
    hash(chunk, extents_.empty() && last && length == window.size(), chunk_hash);
    StoredBlob blob{.id = namer_.name(BlobType::Data, chunk_hash), .data = {.bytes = chunk, .owner = buffer_}};
    extents_.push_back({.hole = false, .chunk = blob.id, .length = length});
    begin_ += length;
    size_ += length;
    return blob;
}

void ChunkCutter::hash(ByteSpan chunk, bool whole_file, Sha256& chunk_hash) {
    if (whole_file) {
        chunk_hash = sha256(chunk);
        only_ = chunk_hash;
        return;
    }
    update_both(file_, chunk, chunk_, chunk);
    chunk_hash = chunk_.finish();
}

void ChunkCutter::hole(std::uint64_t length) {
    DR_CHECK(pending() == 0);
    for (std::uint64_t left = length; left > 0;) {
        const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(left, kZeros.size()));
        file_.update(ByteSpan{kZeros}.first(part));
        left -= part;
    }
    size_ += length;
    if (!extents_.empty() && extents_.back().hole) {
        extents_.back().length += length;
    } else if (length > 0) {
        extents_.push_back({.hole = true, .chunk = {}, .length = length});
    }
}

FileContent ChunkCutter::finish(std::uint64_t& size) {
    DR_CHECK(pending() == 0);
    FileContent content;
    size = size_;
    content.sha256 = only_ ? *only_ : file_.finish();
    if (extents_.size() == 1 && !extents_[0].hole) {
        content.form = FileContent::Form::Single;
    } else if (!extents_.empty()) {
        content.form = FileContent::Form::List;
        content.extents = std::move(extents_);
    }
    reset();
    return content;
}

void ChunkCutter::reset() {
    buffer_.reset();
    begin_ = end_ = 0;
    size_ = 0;
    extents_.clear();
    file_.reset();
    chunk_.reset();
    only_.reset();
}

}  // namespace dr
