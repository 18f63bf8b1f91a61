#include "dr/repository/tree_reader.h"

#include <utility>

namespace dr {
namespace {

// How many of the innermost directories of a walk keep their nodes in memory.
constexpr std::size_t kWalkWindow = 64;

Error damaged(std::string_view problem) {
    return Error{ErrorCode::Damaged, "a directory is damaged: " + std::string{problem}};
}

Result<std::shared_ptr<const Bytes>> read_node(BlobSource& source, const BlobRef& ref) {
    Bytes bytes = DR_TRY(source.read(BlobType::Tree, ref.id));
    if (bytes.size() != ref.length) return damaged("a node is not as long as its parent says");
    return std::make_shared<const Bytes>(std::move(bytes));
}

// The node in which `name` lies if it lies anywhere: the last child that does not start behind it.
Result<std::optional<BlobRef>> child_for(NodeReader& node, std::string_view name) {
    std::optional<BlobRef> found;
    ChildView child;
    while (DR_TRY(node.next(child)) && child.first_name <= name) found = child.node;
    return found;
}

Result<std::optional<Entry>> find_in_leaf(NodeReader& leaf, std::string_view name) {
    EntryView entry;
    while (DR_TRY(leaf.next(entry))) {
        if (entry.name == name) return std::optional{entry.copy()};
        if (entry.name > name) break;
    }
    return std::optional<Entry>{};
}

}  // namespace

DirectoryReader::DirectoryReader(BlobSource& source, const DirRefView& directory, std::shared_ptr<const void> owner)
    : source_(source),
      form_(directory.form),
      inline_node_(directory.inline_node),
      inline_owner_(std::move(owner)),
      node_(directory.node),
      files_left_(directory.files),
      bytes_left_(directory.bytes) {}

DirectoryReader::DirectoryReader(BlobSource& source, const DirRef& directory)
    : DirectoryReader(source, DirRefView{directory}, nullptr) {
    if (form_ != DirRef::Form::Inline) return;
    const auto copy = std::make_shared<const Bytes>(directory.inline_node);
    inline_node_ = *copy;
    inline_owner_ = copy;
}

Result<void> DirectoryReader::start() {
    started_ = true;
    if (form_ == DirRef::Form::Empty) return {};
    if (form_ == DirRef::Form::Inline) return push(inline_node_, inline_owner_, std::nullopt);
    return push_node(node_, std::nullopt);
}

Result<void> DirectoryReader::push_node(const BlobRef& ref, std::optional<std::uint8_t> expected_level) {
    const std::shared_ptr<const Bytes> bytes = DR_TRY(read_node(source_, ref));
    return push(*bytes, bytes, expected_level);
}

Result<void> DirectoryReader::push(ByteSpan bytes, std::shared_ptr<const void> owner,
                                   std::optional<std::uint8_t> expected_level) {
    NodeReader node = DR_TRY(NodeReader::open(bytes));
    if (expected_level && node.level() != *expected_level) return damaged("its levels are not in order");
    // An inline directory is one leaf, so a chain of references cannot hide in memory.
    if (form_ == DirRef::Form::Inline && node.level() != 0) return damaged("an inline directory is not a leaf");
    levels_.push_back({std::move(owner), node});
    return {};
}

// Goes down to the next leaf. False where there is none.
Result<bool> DirectoryReader::descend() {
    while (!levels_.empty()) {
        Level& innermost = levels_.back();
        if (innermost.node.left() == 0) {
            levels_.pop_back();
            continue;
        }
        if (innermost.node.level() == 0) return true;
        ChildView child;
        DR_TRY(innermost.node.next(child));
        // A node says what its first child's first name is once per level: all must agree.
        if (!first_name_.empty() && child.first_name != first_name_)
            return damaged("a node does not start with the name its parent has");
        first_name_ = child.first_name;
        const auto level = static_cast<std::uint8_t>(innermost.node.level() - 1);
        DR_TRY(push_node(child.node, level));
    }
    return false;
}

Result<const EntryView*> DirectoryReader::next_view() {
    if (suspended_) DR_TRY(resume());
    if (!started_) DR_TRY(start());
    if (levels_.empty() || levels_.back().node.left() == 0 || levels_.back().node.level() != 0) {
        if (!DR_TRY(descend())) {
            DR_TRY(check_totals());
            return static_cast<const EntryView*>(nullptr);
        }
    }
    DR_TRY(levels_.back().node.next(view_));
    if (!first_name_.empty()) {
        if (view_.name != first_name_) return damaged("a node does not start with the name its parent has");
        first_name_.clear();
    }
    if (!previous_.empty() && view_.name <= previous_) return damaged("names are not in order");
    previous_.assign(view_.name);
    DR_TRY(count(view_));
    return static_cast<const EntryView*>(&view_);
}

Result<std::optional<Entry>> DirectoryReader::next() {
    const EntryView* view = DR_TRY(next_view());
    if (view == nullptr) return std::optional<Entry>{};
    return std::optional{view->copy()};
}

Result<void> DirectoryReader::count(const EntryView& entry) {
    if (!count_totals_) return {};
    if (entry.total_files() > files_left_ || entry.total_bytes() > bytes_left_)
        return damaged("it holds more than its totals say");
    files_left_ -= entry.total_files();
    bytes_left_ -= entry.total_bytes();
    return {};
}

Result<void> DirectoryReader::check_totals() const {
    if (count_totals_ && (files_left_ != 0 || bytes_left_ != 0)) return damaged("it holds less than its totals say");
    return {};
}

// Descends to the leaf in which `name` would lie, and behind it there. Nodes passed over are not read.
Result<void> DirectoryReader::seek_after(std::string_view name) {
    count_totals_ = false;
    suspended_ = false;
    const std::string wanted{name};
    levels_.clear();
    first_name_.clear();
    previous_.clear();
    DR_TRY(start());
    while (!levels_.empty() && levels_.back().node.level() > 0) {
        // A copy of the position in front of the child: a node is only read forwards.
        NodeReader& node = levels_.back().node;
        NodeReader ahead = node;
        ChildView child;
        std::optional<BlobRef> found;
        while (ahead.left() > 0) {
            DR_TRY(ahead.next(child));
            if (found && child.first_name > wanted) break;
            found = child.node;
            node = ahead;
        }
        const auto level = static_cast<std::uint8_t>(node.level() - 1);
        DR_TRY(push_node(*found, level));
    }
    if (levels_.empty()) return {};
    NodeReader& leaf = levels_.back().node;
    NodeReader ahead = leaf;
    while (ahead.left() > 0) {
        DR_TRY(ahead.next(view_));
        if (view_.name > wanted) break;
        leaf = ahead;
    }
    previous_ = wanted;
    return {};
}

void DirectoryReader::suspend() {
    if (!started_ || suspended_ || form_ == DirRef::Form::Empty) return;
    suspended_ = true;
    levels_.clear();
}

Result<void> DirectoryReader::resume() {
    const bool counted = count_totals_;
    suspended_ = false;
    if (previous_.empty()) {
        started_ = false;
        return {};
    }
    DR_TRY(seek_after(std::string{previous_}));
    count_totals_ = counted;
    return {};
}

Result<std::optional<Entry>> find_entry(BlobSource& source, const DirRef& directory, std::string_view name) {
    if (directory.form == DirRef::Form::Empty) return std::optional<Entry>{};
    if (directory.form == DirRef::Form::Inline) {
        NodeReader leaf = DR_TRY(NodeReader::open(directory.inline_node));
        if (leaf.level() != 0) return damaged("an inline directory is not a leaf");
        return find_in_leaf(leaf, name);
    }
    BlobRef ref = directory.node;
    for (std::optional<std::uint8_t> above;;) {
        const std::shared_ptr<const Bytes> bytes = DR_TRY(read_node(source, ref));
        NodeReader node = DR_TRY(NodeReader::open(*bytes));
        if (above && node.level() + 1 != *above) return damaged("its levels are not in order");
        if (node.level() == 0) return find_in_leaf(node, name);
        above = node.level();
        const std::optional<BlobRef> child = DR_TRY(child_for(node, name));
        if (!child) return std::optional<Entry>{};
        ref = *child;
    }
}

Result<std::optional<Entry>> find_entry(BlobSource& source, const DirRef& root,
                                        std::span<const std::string_view> components) {
    std::optional<Entry> entry;
    DirRef directory = root;
    for (const std::string_view component : components) {
        if (entry && entry->kind != EntryKind::Directory) return std::optional<Entry>{};
        if (entry) directory = std::move(entry->directory);
        entry = DR_TRY(find_entry(source, directory, component));
        if (!entry) break;
    }
    return entry;
}

TreeWalk::TreeWalk(BlobSource& source, const DirRef& root) : source_(source) {
    frames_.push_back({std::make_unique<DirectoryReader>(source, root), 0});
}

Result<void> TreeWalk::enter() {
    if (frames_.size() > kMaxTreeDepth) return damaged("it lies too deep");
    auto reader = std::make_unique<DirectoryReader>(source_, *pending_, std::move(pending_owner_));
    frames_.push_back({std::move(reader), path_.size()});
    pending_.reset();
    if (frames_.size() > kWalkWindow) frames_[frames_.size() - 1 - kWalkWindow].reader->suspend();
    return {};
}

Result<std::optional<TreeStep>> TreeWalk::next() {
    if (pending_) DR_TRY(enter());
    if (frames_.empty()) return std::optional<TreeStep>{};
    Frame& frame = frames_.back();
    path_.resize(frame.path_length);
    step_depth_ = frames_.size() - 1;
    const EntryView* entry = DR_TRY(frame.reader->next_view());
    if (entry == nullptr) {
        frames_.pop_back();
        if (frames_.empty()) return std::optional<TreeStep>{};
        --step_depth_;
        return std::optional{TreeStep{.kind = TreeStep::Kind::LeaveDirectory, .entry = nullptr}};
    }
    if (!path_.empty()) path_ += '/';
    path_ += entry->name;
    if (entry->kind == EntryKind::Directory) {
        pending_ = entry->directory;
        pending_owner_ = frame.reader->owner();
    }
    return std::optional{TreeStep{.kind = TreeStep::Kind::Entry, .entry = entry}};
}

Result<std::optional<ContentPiece>> ContentReader::give(ContentPiece piece) {
    if (piece.length > file_.size - offset_)
        return Error{ErrorCode::Damaged, "the extents of a file are more than its size"};
    piece.offset = offset_;
    offset_ += piece.length;
    return std::optional{piece};
}

Result<std::optional<ContentPiece>> ContentReader::next() {
    const FileContent& content = file_.content;
    switch (content.form) {
        case FileContent::Form::Empty: break;
        case FileContent::Form::Inline:
            if (!std::exchange(done_, true)) {
                return give({.kind = ContentPiece::Kind::Inline,
                             .offset = 0,
                             .length = content.inline_bytes.size(),
                             .bytes = content.inline_bytes,
                             .blob = {}});
            }
            break;
        case FileContent::Form::Single:
            if (!std::exchange(done_, true)) {
                const BlobId id = source_.namer().name(BlobType::Data, content.sha256);
                return give(
                    {.kind = ContentPiece::Kind::Blob, .offset = 0, .length = file_.size, .bytes = {}, .blob = id});
            }
            break;
        case FileContent::Form::List:
        case FileContent::Form::ListInBlobs: return next_extent();
    }
    if (offset_ != file_.size) return Error{ErrorCode::Damaged, "the content of a file is less than its size"};
    return std::optional<ContentPiece>{};
}

Result<std::optional<ContentPiece>> ContentReader::next_extent() {
    const FileContent& content = file_.content;
    if (content.form == FileContent::Form::ListInBlobs) {
        while (next_extent_ == list_.size() && next_list_ < content.lists.size()) {
            const BlobRef& list = content.lists[next_list_++];
            const Bytes plaintext = DR_TRY(source_.read(BlobType::Extents, list.id));
            list_ = DR_TRY(decode_extents(plaintext));
            next_extent_ = 0;
        }
    }
    const std::vector<Extent>& extents = content.form == FileContent::Form::List ? content.extents : list_;
    if (next_extent_ == extents.size()) {
        if (offset_ != file_.size) return Error{ErrorCode::Damaged, "the extents of a file are less than its size"};
        return std::optional<ContentPiece>{};
    }
    const Extent& extent = extents[next_extent_++];
    const auto kind = extent.hole ? ContentPiece::Kind::Hole : ContentPiece::Kind::Blob;
    return give({.kind = kind, .offset = 0, .length = extent.length, .bytes = {}, .blob = extent.chunk});
}

Result<std::vector<ExtendedAttribute>> xattrs_of(BlobSource& source, const Entry& entry) {
    if (!entry.xattrs_in_blob) return entry.xattrs;
    const Bytes plaintext = DR_TRY(source.read(BlobType::Attributes, entry.xattr_blob.id));
    return decode_xattrs(plaintext);
}

}  // namespace dr
