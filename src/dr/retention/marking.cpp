#include "dr/retention/marking.h"

#include <algorithm>

namespace dr {

// --- sets of packs

void PackMarks::insert(PackNumber pack) {
    if (pack / 64 >= words_.size()) words_.resize(pack / 64 + 1);
    words_[pack / 64] |= std::uint64_t{1} << pack % 64;
}

void PackMarks::insert_all(const PackMarks& other) {
    if (other.words_.size() > words_.size()) words_.resize(other.words_.size());
    for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
}

bool PackMarks::contains(PackNumber pack) const {
    return pack / 64 < words_.size() && (words_[pack / 64] >> pack % 64 & 1) != 0;
}

bool PackMarks::is_within(const PackMarks& other) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
        const std::uint64_t has = i < other.words_.size() ? other.words_[i] : 0;
        if ((words_[i] & ~has) != 0) return false;
    }
    return true;
}

PackMarks marks_of(const PackNumbers& packs) {
    PackMarks marks;
    for (const PackNumber pack : packs) marks.insert(pack);
    return marks;
}

// --- marking

// Whatever is read through it was needed: so nodes, extent lists and attribute blobs mark themselves.
class Marker::Watch final : public BlobSource {
public:
    explicit Watch(Marker& marker) : marker_(marker) {}

    Result<BlobPlace> locate(const BlobId& id) override { return marker_.source_.locate(id); }
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

Marker::Held Marker::mark_in_packset(const std::vector<PackId>& packs) {
    Held held;
    for (const PackId& pack : packs) {
        const std::optional<PackNumber> number = state_.find_pack(pack);
        if (!number || !packset_.contains(*number)) continue;
        walks_.back().packs.insert(*number);
        held.somewhere = true;
        held.live |= state_.packs()[*number].live();
    }
    return held;
}

// Every copy in the packset, not one of them: then two collectors that run beside each other never each take away the
// pack that the other chose.
Result<void> Marker::mark_blob(const BlobId& id) {
    Held held = mark_in_packset(DR_TRY(source_.packs_of(id)));
    // The index need not have all rows. The packs themselves do.
    if (!held.somewhere) held = mark_in_packset(DR_TRY(source_.packs_by_directory(id)));
    walks_.back().complete &= held.somewhere;
    if (held.live) return {};
    const BlobPlace good = DR_TRY(source_.locate(id));
    if (const auto number = state_.find_pack(source_.pack_id(good.pack))) used_.insert(*number);
    return {};
}

// What an earlier walk used in a directory it may have found in packs that this snapshot was not promised.
bool Marker::may_reuse(std::uint32_t walk) {
    if (reuse_[walk] == Reuse::Unknown) {
        const Walk& earlier = walks_[walk];
        const bool fits = earlier.complete && earlier.packs.is_within(packset_);
        reuse_[walk] = fits ? Reuse::Yes : Reuse::No;
        if (fits) walks_.back().packs.insert_all(earlier.packs);
    }
    return reuse_[walk] == Reuse::Yes;
}

bool Marker::was_walked(const BlobId& directory) {
    const auto under_way = static_cast<std::uint32_t>(walks_.size() - 1);
    const auto [at, is_new] = seen_.try_emplace(directory, under_way);
    if (is_new) return false;
    if (at->second == under_way || may_reuse(at->second)) return true;
    at->second = under_way;
    return false;
}

void Marker::begin_walk(const Snapshot& snapshot) {
    reuse_.assign(walks_.size(), Reuse::Unknown);
    walks_.push_back({snapshot.record, {}, true});
    packset_ = marks_of(state_.packset_of(snapshot));
}

Result<void> Marker::mark(const Snapshot& snapshot, const DirRef& root) {
    begin_walk(snapshot);
    DR_TRY(walk_tree(root));
    used_.insert_all(walks_.back().packs);
    return {};
}

Result<void> Marker::walk_tree(const DirRef& root) {
    if (root.form == DirRef::Form::Node && was_walked(root.node.id)) return {};
    Watch watch{*this};
    TreeWalk walk{watch, root};
    while (true) {
        if (monitor_.cancelled()) return Error{ErrorCode::Cancelled, "marking was interrupted"};
        const std::optional<TreeStep> step = DR_TRY(walk.next());
        if (!step) return {};
        if (step->kind != TreeStep::Kind::Entry) continue;
        const EntryView& view = *step->entry;
        if (view.kind == EntryKind::Directory && view.directory.form == DirRef::Form::Node &&
            was_walked(view.directory.node.id)) {
            walk.skip_directory();
        }
        if (view.xattrs_in_blob) DR_TRY(mark_blob(view.xattr_blob.id));
        if (view.kind == EntryKind::File) DR_TRY(mark_content(view));
    }
}

Result<void> Marker::mark_content(const EntryView& view) {
    if (view.form == FileContent::Form::Single) return mark_blob(source_.namer().name(BlobType::Data, view.sha256));
    Watch watch{*this};
    const Entry file = view.copy();
    ContentReader content = content_of(watch, file);
    while (true) {
        const std::optional<ContentPiece> piece = DR_TRY(content.next());
        if (!piece) return {};
        if (piece->kind == ContentPiece::Kind::Blob) DR_TRY(mark_blob(piece->blob));
    }
}

}  // namespace dr
