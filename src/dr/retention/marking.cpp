#include "dr/retention/marking.h"

#include "dr/repository/tree_reader.h"

namespace dr {

// Whatever is read through it was needed: so nodes, extent lists and attribute blobs mark themselves.
class Marker::Watch final : public BlobSource {
public:
    explicit Watch(Marker& marker) : marker_(marker) {}

    Result<BlobPlace> locate(const BlobId& id) override { return marker_.source_.locate(id); }
    Result<std::vector<PackId>> packs_of(const BlobId& id) override { return marker_.source_.packs_of(id); }
    PackId pack_id(std::uint32_t pack) const override { return marker_.source_.pack_id(pack); }
    Result<std::shared_ptr<const OpenFrame>> open_frame(const BlobPlace& place) override {
        return marker_.source_.open_frame(place);
    }
    Result<Bytes> read(BlobType type, const BlobId& id) override {
        DR_TRY(marker_.mark_blob(id));
        return marker_.source_.read(type, id);
    }
    Result<void> check(BlobType type, const BlobId& id, ByteSpan bytes) const override {
        return marker_.source_.check(type, id, bytes);
    }
    const BlobNamer& namer() const override { return marker_.source_.namer(); }

private:
    Marker& marker_;
};

Result<void> Marker::mark_blob(const BlobId& id) {
    // Every copy, not the first one found: each snapshot holds the packs of its own copy only, and one copy must not be
    // let go because another snapshot has its own.
    for (const PackId& pack : DR_TRY(source_.packs_of(id))) packs_.insert(pack);
    return {};
}

Result<void> Marker::mark(const DirRef& root) {
    if (root.form == DirRef::Form::Node && !seen_.insert(root.node.id).second) return {};
    Watch watch{*this};
    TreeWalk walk{watch, root};
    while (true) {
        if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "marking was interrupted"};
        const std::optional<TreeStep> step = DR_TRY(walk.next());
        if (!step) return {};
        if (step->kind != TreeStep::Kind::Entry) continue;
        const EntryView& view = *step->entry;
        if (view.kind == EntryKind::Directory && view.directory.form == DirRef::Form::Node &&
            !seen_.insert(view.directory.node.id).second) {
            walk.skip_directory();
        }
        if (view.xattrs_in_blob) DR_TRY(mark_blob(view.xattr_blob.id));
        if (view.kind != EntryKind::File) continue;
        if (view.form == FileContent::Form::Single) {
            DR_TRY(mark_blob(source_.namer().name(BlobType::Data, view.sha256)));
            continue;
        }
        const Entry file = view.copy();
        ContentReader content = content_of(watch, file);
        while (true) {
            const std::optional<ContentPiece> piece = DR_TRY(content.next());
            if (!piece) break;
            if (piece->kind == ContentPiece::Kind::Blob) DR_TRY(mark_blob(piece->blob));
        }
    }
}

}  // namespace dr
