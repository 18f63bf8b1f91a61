#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dr/repository/testing/memory_blobs.h"
#include "dr/repository/tree_codec.h"
#include "dr/repository/tree_reader.h"
#include "dr/repository/tree_writer.h"

namespace dr {
namespace {

using testing::MemoryBlobs;

Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

Entry named(std::string name, EntryKind kind) {
    Entry entry;
    entry.name = std::move(name);
    entry.kind = kind;
    return entry;
}

Entry file(std::string name, std::string_view content = "") {
    Entry entry = named(std::move(name), EntryKind::File);
    entry.mode = 0644;
    entry.size = content.size();
    entry.content.form = content.empty() ? FileContent::Form::Empty : FileContent::Form::Inline;
    entry.content.inline_bytes = bytes_of(content);
    entry.content.sha256 = sha256(entry.content.inline_bytes);
    return entry;
}

Entry directory(std::string name, const DirRef& ref) {
    Entry entry = named(std::move(name), EntryKind::Directory);
    entry.mode = 0755;
    entry.directory = ref;
    return entry;
}

std::string numbered(std::size_t number) {
    std::string digits = std::to_string(number);
    return "file-" + std::string(8 - digits.size(), '0') + digits;
}

BlobId some_id(std::uint64_t number) {
    Bytes bytes(8);
    std::memcpy(bytes.data(), &number, 8);
    return BlobId::from(sha256(bytes).bytes());
}

Bytes encode(const Entry& entry) {
    Bytes bytes;
    WireWriter out{bytes};
    write_entry(out, entry);
    return bytes;
}

Result<Entry> decode(ByteSpan bytes) {
    WireReader in{bytes};
    EntryView view;
    read_entry(in, view);
    DR_TRY(in.finish("an entry"));
    return view.copy();
}

// One of each kind and form, with everything set that an entry can have.
std::vector<Entry> all_sorts() {
    std::vector<Entry> entries;
    entries.push_back(file("empty"));
    entries.push_back(file("\xff\n name", "inline"));
    Entry single = file("single");
    single.size = 70'000;
    single.content = {.form = FileContent::Form::Single,
                      .inline_bytes = {},
                      .sha256 = sha256(as_bytes("x")),
                      .extents = {},
                      .lists = {}};
    single.hard_link = true;
    single.device_index = 3;
    single.link_count = 2;
    single.inode_flags = 0x80;
    single.changed_while_read = true;
    single.xattrs = {{"user.a", bytes_of("1")}, {"user.b", {}}};
    single.uid = UINT32_MAX;
    single.gid = 100;
    single.inode = UINT64_MAX;
    single.mtime_seconds = -5;
    single.mtime_nanoseconds = 999'999'999;
    single.ctime_seconds = INT64_MIN;
    entries.push_back(single);
    Entry list = single;
    list.name = "list";
    list.content.form = FileContent::Form::List;
    list.content.extents = {{.hole = true, .chunk = {}, .length = 20'000},
                            {.hole = false, .chunk = some_id(1), .length = 50'000}};
    list.xattrs.clear();
    list.xattrs_in_blob = true;
    list.xattr_blob = {some_id(9), 5000};
    entries.push_back(list);
    Entry lists = list;
    lists.name = "lists";
    lists.content.form = FileContent::Form::ListInBlobs;
    lists.content.extents.clear();
    lists.content.lists = {{some_id(2), 100}, {some_id(3), 200}};
    entries.push_back(lists);
    entries.push_back(directory(
        "dir", {.form = DirRef::Form::Node, .inline_node = {}, .node = {some_id(4), 77}, .files = 3, .bytes = 9}));
    entries.push_back(
        directory("dir-inline",
                  {.form = DirRef::Form::Inline, .inline_node = bytes_of("node"), .node = {}, .files = 1, .bytes = 0}));
    entries.push_back(directory("dir-empty", {}));
    Entry link = named("link", EntryKind::Symlink);
    link.target = "../\xfe dangling";
    entries.push_back(link);
    for (const EntryKind kind : {EntryKind::CharDevice, EntryKind::BlockDevice, EntryKind::Fifo, EntryKind::Socket}) {
        Entry special = named("special" + std::to_string(static_cast<int>(kind)), kind);
        if (kind == EntryKind::CharDevice || kind == EntryKind::BlockDevice) {
            special.device_major = 8;
            special.device_minor = 70'000;
        }
        entries.push_back(special);
    }
    return entries;
}

TEST(TreeCodec, EveryKindOfEntryComesBackAsItWas) {
    for (const Entry& entry : all_sorts()) {
        SCOPED_TRACE(entry.name);
        const Bytes encoded = encode(entry);
        Result<Entry> decoded = decode(encoded);
        ASSERT_TRUE(decoded.ok()) << decoded.error().one_line();
        EXPECT_EQ(decoded.value(), entry);
    }
}

TEST(TreeCodec, AnEntryIsLaidOutAsTheFormatSays) {
    Entry entry = file("ab", "hi");
    entry.uid = 300;
    entry.mtime_seconds = 1;
    entry.ctime_seconds = 3;
    entry.inode = 5;
    const Bytes expected{2, 'a', 'b', 1, 0, 0xa4, 0x03, 0xac, 0x02, 0, 2, 0, 4, 0, 5, 2, 1, 'h', 'i'};
    EXPECT_EQ(encode(entry), expected);
}

TEST(TreeCodec, EveryTruncationIsDamaged) {
    for (const Entry& entry : all_sorts()) {
        const Bytes encoded = encode(entry);
        for (std::size_t size = 0; size < encoded.size(); ++size) {
            EXPECT_FALSE(decode(ByteSpan{encoded}.first(size)).ok()) << entry.name << " cut to " << size;
        }
    }
}

TEST(TreeCodec, FlippedBytesNeverCrashAndNeverReencodeDifferently) {
    std::mt19937 random{1};
    for (const Entry& entry : all_sorts()) {
        const Bytes good = encode(entry);
        for (int round = 0; round < 2000; ++round) {
            Bytes bad = good;
            for (std::size_t flips = 1 + random() % 3; flips > 0; --flips)
                bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
            Result<Entry> decoded = decode(bad);
            if (decoded.ok()) {
                EXPECT_EQ(decode(encode(decoded.value())).value(), decoded.value());
            }
        }
    }
}

TEST(TreeCodec, ValuesBeyondTheLimitsAreDamaged) {
    const auto broken = [](auto change) {
        Entry entry = all_sorts()[3];  // list
        change(entry);
        return !decode(encode(entry)).ok();
    };
    EXPECT_FALSE(broken([](Entry&) {}));
    EXPECT_TRUE(broken([](Entry& e) { e.mode = 010000; }));
    EXPECT_TRUE(broken([](Entry& e) { e.mtime_nanoseconds = 1'000'000'000; }));
    EXPECT_TRUE(broken([](Entry& e) { e.size += 1; }));
    EXPECT_TRUE(broken([](Entry& e) { e.size -= 1; }));
    EXPECT_TRUE(broken([](Entry& e) { e.content.extents[0].length = 0; }));
    EXPECT_TRUE(broken([](Entry& e) {
        e.content.extents[1].length = kMaxBlob + 1;
        e.size = 20'001 + kMaxBlob;
    }));
    EXPECT_TRUE(broken([](Entry& e) { e.xattr_blob.length = kMaxAttributesSize + 1; }));
    EXPECT_TRUE(broken([](Entry& e) { e.xattr_blob.length = 0; }));
    EXPECT_TRUE(broken([](Entry& e) { e.content.form = FileContent::Form::ListInBlobs; }));  // no lists
    EXPECT_TRUE(broken([](Entry& e) {
        e.content.form = FileContent::Form::Single;
        e.size = kMaxBlob + 1;
    }));
    EXPECT_TRUE(broken([](Entry& e) { e.content.form = FileContent::Form::Empty; }));
    EXPECT_TRUE(broken([](Entry& e) {
        e.kind = EntryKind::Symlink;
        e.target = "";
    }));
    EXPECT_TRUE(broken([](Entry& e) {
        e.kind = EntryKind::Symlink;
        e.target = std::string(70'000, 'x');
    }));
    EXPECT_TRUE(broken([](Entry& e) {
        e.kind = EntryKind::Symlink;
        e.target = std::string("a\0b", 3);
    }));
    EXPECT_TRUE(broken([](Entry& e) {
        e.kind = EntryKind::Directory;
        e.directory.files = 1;
    }));
}

TEST(TreeCodec, NamesThatLeaveTheirDirectoryAreDamaged) {
    const Bytes good = encode(file("ab"));
    for (const std::string_view name : {"..", "a/", "/b"}) {
        Bytes bad = good;
        std::memcpy(bad.data() + 1, name.data(), 2);
        EXPECT_FALSE(decode(bad).ok()) << name;
    }
    Bytes with_nul = good;
    with_nul[2] = 0;
    EXPECT_FALSE(decode(with_nul).ok());
    EXPECT_FALSE(is_entry_name(""));
    EXPECT_FALSE(is_entry_name("."));
    EXPECT_FALSE(is_entry_name(std::string(256, 'a')));
    EXPECT_TRUE(is_entry_name(std::string(255, 'a')));
    EXPECT_TRUE(is_entry_name("..."));
}

TEST(TreeCodec, UnknownFormsAreDamaged) {
    EXPECT_FALSE(decode_dir_ref(Bytes{3, 0, 0}).ok());
    EXPECT_FALSE(decode_dir_ref(Bytes{0, 0, 0, 0}).ok());  // bytes left over
    EXPECT_FALSE(decode_dir_ref(Bytes{0, 0}).ok());
    EXPECT_TRUE(decode_dir_ref(Bytes{0, 0, 0}).ok());
    EXPECT_FALSE(decode_extents(Bytes{1, 2, 1}).ok());
    EXPECT_FALSE(decode_extents(Bytes{0xff, 0xff, 0xff, 0x07, 0, 1}).ok());  // a count without items
    EXPECT_FALSE(decode_xattrs(Bytes{1, 0, 0}).ok());                        // no name
    EXPECT_FALSE(decode_xattrs(Bytes{1, 1, 'a', 5, 'x'}).ok());
    for (const Bytes& node : {Bytes{}, Bytes{2, 0, 1}, Bytes{1, 32, 1}, Bytes{1, 0, 0}, Bytes{1, 0, 9}}) {
        EXPECT_FALSE(NodeReader::open(node).ok());
    }
    Bytes bad_flag = encode(file("ab"));
    bad_flag[4] = 32;
    EXPECT_FALSE(decode(bad_flag).ok());
    Bytes bad_kind = encode(file("ab"));
    bad_kind[3] = 8;
    EXPECT_FALSE(decode(bad_kind).ok());
}

class TreeTest : public ::testing::Test {
protected:
    DirRef write(const std::vector<Entry>& entries) {
        DirectoryWriter writer{output_};
        for (const Entry& entry : entries) EXPECT_TRUE(writer.add(entry).ok());
        return writer.finish().value();
    }
    std::vector<Entry> read(const DirRef& ref) {
        DirectoryReader reader{blobs_, ref};
        std::vector<Entry> entries;
        while (std::optional<Entry> entry = reader.next().value()) entries.push_back(std::move(*entry));
        return entries;
    }
    std::vector<Entry> many(std::size_t count) {
        std::vector<Entry> entries;
        for (std::size_t i = 0; i < count; ++i) entries.push_back(file(numbered(i), i % 3 == 0 ? "x" : ""));
        return entries;
    }
    DirRef node(Bytes bytes, std::uint64_t files, std::uint64_t total) {
        const auto length = static_cast<std::uint32_t>(bytes.size());
        return {.form = DirRef::Form::Node,
                .inline_node = {},
                .node = {blobs_.put(BlobType::Tree, std::move(bytes)), length},
                .files = files,
                .bytes = total};
    }
    Error first_error(const DirRef& ref) {
        DirectoryReader reader{blobs_, ref};
        for (;;) {
            Result<std::optional<Entry>> entry = reader.next();
            if (!entry.ok()) return std::move(entry).error();
            if (!entry.value()) return Error{ErrorCode::NotFound, "no error"};
        }
    }

    MemoryBlobs blobs_;
    TreeOutput output_{.sink = blobs_, .namer = blobs_.namer(), .tree_seed = 42};
};

TEST_F(TreeTest, AnEmptyDirectoryIsNothing) {
    const DirRef ref = write({});
    EXPECT_EQ(ref, DirRef{});
    EXPECT_TRUE(read(ref).empty());
    EXPECT_TRUE(blobs_.sequence().empty());
}

TEST_F(TreeTest, ASmallDirectoryIsHeldByItsParent) {
    std::vector<Entry> entries = all_sorts();
    std::ranges::sort(entries, {}, &Entry::name);
    const DirRef ref = write(entries);
    EXPECT_EQ(ref.form, DirRef::Form::Inline);
    EXPECT_EQ(ref.files, 5 + 3 + 1U);
    EXPECT_EQ(read(ref), entries);
    EXPECT_TRUE(blobs_.sequence().empty());
}

TEST_F(TreeTest, ALargeDirectoryComesBackInOrder) {
    const std::vector<Entry> entries = many(30'000);
    const DirRef ref = write(entries);
    EXPECT_EQ(ref.form, DirRef::Form::Node);
    EXPECT_EQ(ref.files, 30'000U);
    EXPECT_EQ(ref.bytes, 10'000U);
    EXPECT_GT(blobs_.sequence().size(), 10U);
    EXPECT_EQ(read(ref), entries);
}

TEST_F(TreeTest, OneNodeBeyondTheInlineLimitIsABlob) {
    for (std::size_t count = 400; count < 800; count += 7) {
        const DirRef ref = write(many(count));
        EXPECT_EQ(read(ref).size(), count);
        if (ref.form == DirRef::Form::Inline) {
            EXPECT_LE(ref.inline_node.size(), kInlineDirectory);
        }
    }
}

TEST_F(TreeTest, ALeafThatEndsWithItsLastEntryIsStillInlined) {
    // Find a name that ends a node: with it as the last entry nothing but a leaf may come out.
    for (std::size_t i = 0; i < 20'000; ++i) {
        const DirRef ref = write({file(numbered(i))});
        ASSERT_EQ(ref.form, DirRef::Form::Inline) << i;
    }
}

TEST_F(TreeTest, AChangeMovesOnlyTheNodesAroundIt) {
    std::vector<Entry> entries = many(50'000);
    write(entries);
    const std::size_t before = blobs_.count(BlobType::Tree);
    entries.insert(entries.begin() + 25'000, file(entries[24'999].name + "a"));
    EXPECT_EQ(read(write(entries)).size(), 50'001U);
    EXPECT_LE(blobs_.count(BlobType::Tree), before + 3);
}

TEST_F(TreeTest, CopiedEntriesGiveTheSameTree) {
    std::vector<Entry> entries = many(5'000);
    const DirRef ref = write(entries);
    DirectoryReader reader{blobs_, ref};
    DirectoryWriter writer{output_};
    while (const EntryView* view = reader.next_view().value()) ASSERT_TRUE(writer.add(*view).ok());
    EXPECT_EQ(writer.finish().value(), ref);
}

TEST_F(TreeTest, EveryNameIsFoundAndNoOther) {
    const std::vector<Entry> entries = many(12'000);
    const DirRef ref = write(entries);
    for (std::size_t i = 0; i < entries.size(); i += 97) {
        EXPECT_EQ(find_entry(blobs_, ref, entries[i].name).value(), entries[i]);
        EXPECT_FALSE(find_entry(blobs_, ref, entries[i].name + "x").value());
    }
    EXPECT_FALSE(find_entry(blobs_, ref, "a").value());
    EXPECT_FALSE(find_entry(blobs_, ref, "zzz").value());
    EXPECT_FALSE(find_entry(blobs_, DirRef{}, "a").value());
    const std::uint64_t reads = blobs_.reads();
    EXPECT_TRUE(find_entry(blobs_, ref, entries[5000].name).value());
    EXPECT_LE(blobs_.reads() - reads, 3U);
}

// Also with far more pieces than a writer leaves in an entry.
TEST_F(TreeTest, ADirectoryOfOneNeedsNoBlob) {
    Entry large = file("large", "!");
    large.size = 0;
    large.content = FileContent{};
    large.content.form = FileContent::Form::List;
    large.content.extents.assign(100'000, {true, {}, 7});
    for (const Extent& extent : large.content.extents) large.size += extent.length;
    const std::size_t reads = blobs_.reads();
    const DirRef one = directory_of_one(large);
    DirectoryReader reader{blobs_, one};
    EXPECT_EQ(reader.next().value(), large);
    EXPECT_FALSE(reader.next().value());
    EXPECT_EQ(blobs_.reads(), reads);

    const Entry inner = directory("a", write({file("b"), file("c")}));
    DirectoryReader outer{blobs_, directory_of_one(inner)};
    EXPECT_EQ(outer.next().value(), inner);
    EXPECT_FALSE(outer.next().value());  // its totals, too
}

TEST_F(TreeTest, APathIsFoundComponentByComponent) {
    const DirRef inner = write({file("deep", "!")});
    const DirRef root = write({directory("a", inner), file("b")});
    const std::string_view found[] = {"a", "deep"};
    const std::string_view through_a_file[] = {"b", "deep"};
    const std::string_view missing[] = {"c", "deep"};
    EXPECT_EQ(find_entry(blobs_, root, found).value()->name, "deep");
    EXPECT_FALSE(find_entry(blobs_, root, through_a_file).value());
    EXPECT_FALSE(find_entry(blobs_, root, missing).value());
}

TEST_F(TreeTest, SeekingGoesOnBehindAName) {
    const std::vector<Entry> entries = many(9'000);
    const DirRef ref = write(entries);
    DirectoryReader reader{blobs_, ref};
    for (const std::size_t at : {8'000UZ, 10UZ, 4'500UZ, 8'998UZ}) {
        ASSERT_TRUE(reader.seek_after(entries[at].name).ok());
        EXPECT_EQ(reader.next().value()->name, entries[at + 1].name);
        ASSERT_TRUE(reader.seek_after(entries[at].name + "!").ok());
        EXPECT_EQ(reader.next().value()->name, entries[at + 1].name);
    }
    ASSERT_TRUE(reader.seek_after("zzz").ok());
    EXPECT_FALSE(reader.next().value());
    ASSERT_TRUE(reader.seek_after("a").ok());
    EXPECT_EQ(reader.next().value()->name, entries[0].name);
}

TEST_F(TreeTest, ASuspendedReaderGoesOnWhereItWas) {
    const std::vector<Entry> entries = many(6'000);
    const DirRef ref = write(entries);
    DirectoryReader reader{blobs_, ref};
    std::size_t seen = 0;
    reader.suspend();
    while (std::optional<Entry> entry = reader.next().value()) {
        ASSERT_EQ(entry->name, entries[seen++].name);
        if (seen % 501 == 0) reader.suspend();
    }
    EXPECT_EQ(seen, entries.size());
}

TEST_F(TreeTest, AWalkGivesEveryEntryAndLeavesEveryDirectory) {
    const DirRef leaf = write({file("x", "1"), file("y")});
    const DirRef root =
        write({directory("a", leaf), file("b"), directory("c", {}), directory("d", write({directory("e", leaf)}))});
    TreeWalk walk{blobs_, root};
    std::string story;
    while (std::optional<TreeStep> step = walk.next().value()) {
        const bool leaving = step->kind == TreeStep::Kind::LeaveDirectory;
        story += (leaving ? "<" : "") + std::string{walk.path()} + ":" + std::to_string(walk.depth()) + " ";
        if (!leaving && walk.path() == "d/e") walk.skip_directory();
    }
    EXPECT_EQ(story, "a:0 a/x:1 a/y:1 <a:0 b:0 c:0 <c:0 d:0 d/e:1 <d:0 ");
    EXPECT_FALSE(walk.next().value());
}

TEST_F(TreeTest, TreesAsDeepAsTheLimitAreWalkedWithoutRecursion) {
    DirRef ref = write({file("bottom")});
    for (std::size_t i = 0; i < kMaxTreeDepth - 1; ++i) ref = write({directory("d", ref), file("e")});
    TreeWalk walk{blobs_, ref};
    std::size_t deepest = 0;
    std::size_t entries = 0;
    while (std::optional<TreeStep> step = walk.next().value()) {
        deepest = std::max(deepest, walk.depth());
        entries += step->kind == TreeStep::Kind::Entry ? 1 : 0;
    }
    EXPECT_EQ(deepest, kMaxTreeDepth - 1);
    EXPECT_EQ(entries, 2 * (kMaxTreeDepth - 1) + 1);

    for (int i = 0; i < 3; ++i) ref = write({directory("d", ref)});
    TreeWalk too_deep{blobs_, ref};
    Result<std::optional<TreeStep>> step = too_deep.next();
    while (step.ok() && step.value()) step = too_deep.next();
    EXPECT_FALSE(step.ok());
}

TEST_F(TreeTest, NodesOutOfOrderAreDamaged) {
    Bytes body{1, 0, 2};
    append(body, encode(file("b")));
    append(body, encode(file("a")));
    EXPECT_EQ(first_error(node(body, 2, 0)).code(), ErrorCode::Damaged);
    Bytes twice{1, 0, 2};
    append(twice, encode(file("b")));
    append(twice, encode(file("b")));
    EXPECT_EQ(first_error(node(twice, 2, 0)).code(), ErrorCode::Damaged);
    EXPECT_EQ(first_error(node({1, 0, 1, 9}, 2, 0)).code(), ErrorCode::Damaged);
}

TEST_F(TreeTest, WrongTotalsLengthsAndLevelsAreDamaged) {
    Bytes leaf{1, 0, 1};
    append(leaf, encode(file("b", "12")));
    EXPECT_EQ(first_error(node(leaf, 1, 2)).code(), ErrorCode::NotFound);
    EXPECT_EQ(first_error(node(leaf, 2, 2)).code(), ErrorCode::Damaged);
    EXPECT_EQ(first_error(node(leaf, 1, 1)).code(), ErrorCode::Damaged);
    DirRef wrong_length = node(leaf, 1, 2);
    ++wrong_length.node.length;
    EXPECT_EQ(first_error(wrong_length).code(), ErrorCode::Damaged);

    const DirRef below = node(leaf, 1, 2);
    const auto parent = [&](std::uint8_t level, std::string_view first_name, int children) {
        Bytes bytes{1, level, static_cast<std::uint8_t>(children)};
        WireWriter out{bytes};
        for (int i = 0; i < children; ++i) {
            out.text(i == 0 ? first_name : "z");
            out.id(below.node.id);
            out.varint(below.node.length);
            out.varint(1);
            out.varint(2);
        }
        return bytes;
    };
    EXPECT_EQ(first_error(node(parent(1, "b", 1), 1, 2)).code(), ErrorCode::NotFound);
    EXPECT_EQ(first_error(node(parent(2, "b", 1), 1, 2)).code(), ErrorCode::Damaged);
    EXPECT_EQ(first_error(node(parent(1, "a", 1), 1, 2)).code(), ErrorCode::Damaged);
    EXPECT_EQ(first_error(node(parent(1, "b", 2), 2, 4)).code(), ErrorCode::Damaged);
    EXPECT_FALSE(find_entry(blobs_, node(parent(2, "b", 1), 1, 2), "b").ok());

    DirRef inlined{.form = DirRef::Form::Inline, .inline_node = parent(1, "b", 1), .node = {}, .files = 1, .bytes = 2};
    EXPECT_EQ(first_error(inlined).code(), ErrorCode::Damaged);
    EXPECT_FALSE(find_entry(blobs_, inlined, "b").ok());
    blobs_.forget(below.node.id);
    EXPECT_EQ(first_error(below).code(), ErrorCode::Damaged);
}

TEST_F(TreeTest, ASinkThatIsFullEndsTheWriting) {
    blobs_.fail_after(1);
    DirectoryWriter writer{output_};
    Result<void> added;
    for (std::size_t i = 0; i < 50'000 && added.ok(); ++i) added = writer.add(file(numbered(i)));
    EXPECT_FALSE(added.ok());
    EXPECT_EQ(added.error().code(), ErrorCode::NoSpace);
}

std::vector<ContentPiece> pieces_of(BlobSource& source, const Entry& entry) {
    ContentReader reader = content_of(source, entry);
    std::vector<ContentPiece> pieces;
    while (std::optional<ContentPiece> piece = reader.next().value()) pieces.push_back(*piece);
    return pieces;
}

TEST_F(TreeTest, ContentOfEveryFormIsGivenInPieces) {
    EXPECT_TRUE(pieces_of(blobs_, file("a")).empty());
    const Entry small = file("a", "abc");
    EXPECT_EQ(pieces_of(blobs_, small),
              (std::vector<ContentPiece>{{ContentPiece::Kind::Inline, 0, 3, small.content.inline_bytes, {}}}));
    Entry single = all_sorts()[2];
    EXPECT_EQ(
        pieces_of(blobs_, single),
        (std::vector<ContentPiece>{
            {ContentPiece::Kind::Blob, 0, 70'000, {}, blobs_.namer().name(BlobType::Data, single.content.sha256)}}));
    Entry list = all_sorts()[3];
    EXPECT_EQ(pieces_of(blobs_, list),
              (std::vector<ContentPiece>{{ContentPiece::Kind::Hole, 0, 20'000, {}, {}},
                                         {ContentPiece::Kind::Blob, 20'000, 50'000, {}, some_id(1)}}));
}

TEST_F(TreeTest, LongListsAndLargeAttributesGoToBlobsAndComeBack) {
    Entry entry = file("large");
    entry.content.form = FileContent::Form::List;
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        entry.content.extents.push_back(
            {.hole = i % 50 == 0, .chunk = i % 50 == 0 ? BlobId{} : some_id(i), .length = 1000 + i});
        entry.size += 1000 + i;
    }
    entry.xattrs = {{"user.big", Bytes(5000, 7)}};
    const Entry whole = entry;
    ASSERT_TRUE(move_large_parts(entry, output_).ok());
    EXPECT_EQ(entry.content.form, FileContent::Form::ListInBlobs);
    EXPECT_GT(entry.content.lists.size(), 5U);
    EXPECT_TRUE(entry.xattrs_in_blob);
    EXPECT_EQ(pieces_of(blobs_, entry), pieces_of(blobs_, whole));
    EXPECT_EQ(xattrs_of(blobs_, entry).value(), whole.xattrs);
    EXPECT_EQ(xattrs_of(blobs_, whole).value(), whole.xattrs);
    EXPECT_EQ(decode(encode(entry)).value(), entry);

    // A change at the front stores one list anew.
    const std::size_t before = blobs_.count(BlobType::Extents);
    Entry changed = whole;
    changed.content.extents[1].chunk = some_id(999'999);
    ASSERT_TRUE(move_large_parts(changed, output_).ok());
    EXPECT_LE(blobs_.count(BlobType::Extents), before + 1);

    Entry small = file("small", "x");
    small.xattrs = {{"user.a", Bytes(10, 7)}};
    const Entry as_it_was = small;
    ASSERT_TRUE(move_large_parts(small, output_).ok());
    EXPECT_EQ(small, as_it_was);
}

TEST_F(TreeTest, ListsThatDoNotAddUpAreDamaged) {
    Entry entry = file("large");
    entry.content.form = FileContent::Form::ListInBlobs;
    Bytes plaintext;
    WireWriter out{plaintext};
    write_extents(out, std::vector<Extent>{{.hole = true, .chunk = {}, .length = 100}});
    entry.content.lists = {{blobs_.put(BlobType::Extents, plaintext), static_cast<std::uint32_t>(plaintext.size())}};
    for (const std::uint64_t size : {99U, 101U}) {
        entry.size = size;
        ContentReader reader = content_of(blobs_, entry);
        Result<std::optional<ContentPiece>> piece = reader.next();
        while (piece.ok() && piece.value()) piece = reader.next();
        EXPECT_FALSE(piece.ok());
    }
    Entry single = file("s");
    single.size = 5;
    EXPECT_FALSE(content_of(blobs_, single).next().ok());
}

}  // namespace
}  // namespace dr
