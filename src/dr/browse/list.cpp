#include "dr/browse/list.h"

#include <unordered_set>

#include "dr/repository/tree_reader.h"

namespace dr {
namespace {

// Ids are uniform: their first 8 bytes tell a billion of them apart well enough for a figure.
std::uint64_t short_id(const BlobId& id) { return std::hash<BlobId>{}(id); }

class Counter {
public:
    explicit Counter(BlobSource& source) : source_(source) {}

    Result<void> add(const DirRef& root) {
        totals_.files += root.files;
        totals_.bytes += root.bytes;
        if (met(root.form, root.node)) return {};
        TreeWalk walk{source_, root};
        while (const std::optional<TreeStep> step = DR_TRY(walk.next())) {
            if (step->kind != TreeStep::Kind::Entry) continue;
            const EntryView& entry = *step->entry;
            if (entry.kind == EntryKind::Directory && met(entry.directory.form, entry.directory.node))
                walk.skip_directory();
            if (entry.kind == EntryKind::File) DR_TRY(add_file(entry));
        }
        return {};
    }
    const TreeTotals& totals() const { return totals_; }

private:
    // True if this node was walked before: all below it has been counted.
    bool met(DirRef::Form form, const BlobRef& node) {
        return form == DirRef::Form::Node && !nodes_.insert(short_id(node.id)).second;
    }

    Result<void> add_file(const EntryView& entry) {
        if (entry.form == FileContent::Form::Empty || entry.form == FileContent::Form::Inline) return {};
        if (entry.form == FileContent::Form::Single) {
            add_blob(source_.namer().name(BlobType::Data, entry.sha256), entry.size);
            return {};
        }
        const Entry file = entry.copy();
        ContentReader content = content_of(source_, file);
        while (const std::optional<ContentPiece> piece = DR_TRY(content.next())) {
            if (piece->kind == ContentPiece::Kind::Blob) add_blob(piece->blob, piece->length);
        }
        return {};
    }

    void add_blob(const BlobId& id, std::uint64_t length) {
        if (!blobs_.insert(short_id(id)).second) return;
        ++totals_.unique_blobs;
        totals_.unique_bytes += length;
    }

    BlobSource& source_;
    TreeTotals totals_;
    std::unordered_set<std::uint64_t> nodes_;
    std::unordered_set<std::uint64_t> blobs_;
};

}  // namespace

Result<Entry> entry_at(BlobSource& source, const DirRef& root, const RelativePath& path) {
    const std::vector<std::string_view> components = path.components();
    std::optional<Entry> entry = DR_TRY(find_entry(source, root, components));
    if (!entry) return Error{ErrorCode::NotFound, "the snapshot has no '" + printable(path) + "'"};
    return *std::move(entry);
}

Result<void> list_entries(BlobSource& source, const DirRef& root, const RelativePath& path, bool recursive,
                          const EntryVisitor& visit) {
    DirRef directory = root;
    std::string prefix;
    if (!path.is_root()) {
        const Entry entry = DR_TRY(entry_at(source, root, path));
        if (entry.kind != EntryKind::Directory) return visit(path.bytes(), entry);
        directory = entry.directory;
        prefix = path.bytes() + "/";
    }
    TreeWalk walk{source, directory};
    while (const std::optional<TreeStep> step = DR_TRY(walk.next())) {
        if (step->kind != TreeStep::Kind::Entry) continue;
        if (!recursive) walk.skip_directory();
        DR_TRY(visit(prefix + std::string{walk.path()}, step->entry->copy()));
    }
    return {};
}

Result<TreeTotals> count_trees(BlobSource& source, std::span<const DirRef> roots) {
    Counter counter{source};
    for (const DirRef& root : roots) DR_TRY(counter.add(root));
    return counter.totals();
}

}  // namespace dr
