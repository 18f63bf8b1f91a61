#include "dr/repository/tree_writer.h"

#include <cstring>
#include <utility>

#include <xxhash.h>

#include "dr/crypto/sha256.h"

namespace dr {
namespace {

// FORMAT 7, "Shape".
constexpr std::uint8_t kNodeVersion = 1;
constexpr std::uint64_t kBoundaryModulus = 1024;
constexpr std::size_t kNodeEntries = 4096;
constexpr std::size_t kNodeBytes = 512U << 10;
constexpr std::size_t kMaxNodeHead = 12;

// Extent lists end after a chunk whose name says so, about every 512 extents; the bound is for holes and bad luck.
constexpr std::uint32_t kListModulus = 512;
constexpr std::size_t kListExtents = 4096;

bool ends_list(const Extent& extent) {
    std::uint32_t word = 0;
    std::memcpy(&word, extent.chunk.array().data(), sizeof word);
    return !extent.hole && word % kListModulus == 0;
}

Result<void> move_extents(FileContent& content, const TreeOutput& output) {
    std::span<const Extent> left{content.extents};
    while (!left.empty()) {
        std::size_t count = 0;
        do ++count;
        while (count < left.size() && count < kListExtents && !ends_list(left[count - 1]));
        Bytes plaintext;
        WireWriter out{plaintext};
        write_extents(out, left.first(count));
        content.lists.push_back(DR_TRY(store_blob(output, BlobType::Extents, std::move(plaintext))));
        left = left.subspan(count);
    }
    content.extents.clear();
    content.form = FileContent::Form::ListInBlobs;
    return {};
}

}  // namespace

Result<BlobRef> store_blob(const TreeOutput& output, BlobType type, Bytes plaintext) {
    DR_CHECK(!plaintext.empty() && plaintext.size() <= kMaxBlob);
    const auto owner = std::make_shared<const Bytes>(std::move(plaintext));
    const BlobRef ref{.id = output.namer.name(type, sha256(*owner)),
                      .length = static_cast<std::uint32_t>(owner->size())};
    DR_TRY(output.sink.add(type, ref.id, {.bytes = *owner, .owner = owner}));
    return ref;
}

Result<void> move_large_parts(Entry& entry, const TreeOutput& output) {
    if (entry.content.form == FileContent::Form::List && entry.content.extents.size() > kMaxInlineExtents) {
        DR_TRY(move_extents(entry.content, output));
    }
    if (entry.xattrs.empty()) return {};
    Bytes plaintext;
    WireWriter out{plaintext};
    write_xattrs(out, entry.xattrs);
    if (plaintext.size() <= kMaxInlineAttributes) return {};
    entry.xattr_blob = DR_TRY(store_blob(output, BlobType::Attributes, std::move(plaintext)));
    entry.xattrs_in_blob = true;
    entry.xattrs.clear();
    return {};
}

DirRef directory_of_one(const Entry& entry) {
    const bool is_file = entry.kind == EntryKind::File;
    DirRef directory{.form = DirRef::Form::Inline,
                     .inline_node = {},
                     .node = {},
                     .files = is_file ? 1 : entry.directory.files,
                     .bytes = is_file ? entry.size : entry.directory.bytes};
    WireWriter out{directory.inline_node};
    out.u8(kNodeVersion);
    out.u8(0);
    out.varint(1);
    write_entry(out, entry);
    return directory;
}

Result<void> DirectoryWriter::add(const Entry& entry) {
    scratch_.clear();
    WireWriter out{scratch_};
    write_entry(out, entry);
    const bool is_file = entry.kind == EntryKind::File;
    return add_encoded(entry.name, scratch_, is_file ? 1 : entry.directory.files,
                       is_file ? entry.size : entry.directory.bytes);
}

Result<void> DirectoryWriter::add(const EntryView& entry) {
    return add_encoded(entry.name, entry.encoded, entry.total_files(), entry.total_bytes());
}

Result<void> DirectoryWriter::add_encoded(std::string_view name, ByteSpan encoded, std::uint64_t files,
                                          std::uint64_t bytes) {
    if (levels_.empty()) levels_.emplace_back();
    DR_CHECK(levels_[0].last_name.empty() || name > levels_[0].last_name);
    DR_TRY(make_room(0));
    append(levels_[0].body, encoded);
    levels_[0].last_name = name;
    added(0, name, files, bytes);
    return {};
}

// A node that has reached its end is only written when more comes: until then it may turn out to be the whole
// directory, which is inlined, or the last of its level.
Result<void> DirectoryWriter::make_room(std::size_t level) {
    if (levels_[level].ended) DR_TRY(close(level));
    return {};
}

void DirectoryWriter::added(std::size_t level, std::string_view name, std::uint64_t files, std::uint64_t bytes) {
    Level& at = levels_[level];
    if (at.count++ == 0) at.first_name = name;
    at.files += files;
    at.bytes += bytes;
    at.ended = at.count >= kNodeEntries || at.body.size() > kNodeBytes ||
               XXH3_64bits_withSeed(name.data(), name.size(), output_.tree_seed + level) % kBoundaryModulus == 0;
}

// The node of `level` so far, as its bytes.
Bytes DirectoryWriter::node(std::size_t level) const {
    const Level& at = levels_[level];
    Bytes bytes;
    bytes.reserve(at.body.size() + kMaxNodeHead);
    WireWriter out{bytes};
    out.u8(kNodeVersion);
    out.u8(static_cast<std::uint8_t>(level));
    out.varint(at.count);
    out.raw(at.body);
    return bytes;
}

// Writes the node of `level` and enters it into the level above.
Result<void> DirectoryWriter::close(std::size_t level) {
    const BlobRef ref = DR_TRY(store_blob(output_, BlobType::Tree, node(level)));
    if (levels_.size() == level + 1) levels_.emplace_back();
    DR_TRY(make_room(level + 1));

    Level& at = levels_[level];
    WireWriter out{levels_[level + 1].body};
    out.text(at.first_name);
    out.id(ref.id);
    out.varint(ref.length);
    out.varint(at.files);
    out.varint(at.bytes);
    added(level + 1, at.first_name, at.files, at.bytes);
    at.body.clear();
    at.count = 0;
    at.files = at.bytes = 0;
    at.ended = false;
    return {};
}

Result<DirRef> DirectoryWriter::finish() {
    DirRef ref;
    if (levels_.empty()) return ref;
    for (std::size_t level = 0; level + 1 < levels_.size(); ++level) DR_TRY(close(level));
    const std::size_t top = levels_.size() - 1;
    Bytes bytes = node(top);
    ref.files = levels_[top].files;
    ref.bytes = levels_[top].bytes;
    if (top == 0 && bytes.size() <= kInlineDirectory) {
        ref.form = DirRef::Form::Inline;
        ref.inline_node = std::move(bytes);
    } else {
        ref.form = DirRef::Form::Node;
        ref.node = DR_TRY(store_blob(output_, BlobType::Tree, std::move(bytes)));
    }
    levels_.clear();
    return ref;
}

}  // namespace dr
