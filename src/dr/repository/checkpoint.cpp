#include "dr/repository/checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "dr/base/check.h"
#include "dr/codec/crc32c.h"
#include "dr/codec/wire.h"
#include "dr/crypto/sha256.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/checkpoint_codec.h"

namespace dr {
namespace {

constexpr std::string_view kMagic = "QDRCHKP1";
constexpr std::string_view kSignedLabel = "qnwis-dr/1/checkpoint";
constexpr std::size_t kMaxRoot = std::size_t{16} << 20;
constexpr std::size_t kMaxPage = std::size_t{64} << 20;
constexpr std::size_t kLeastPage = std::size_t{16} << 10;
constexpr std::size_t kLargePage = std::size_t{256} << 10;
constexpr std::uint32_t kOneInItems = 16;

struct Page {
    Sha256 hash;
    std::uint64_t length = 0;
};
using Pages = std::array<std::vector<Page>, kCheckpointSections>;

struct Root {
    Head head;
    RepositoryId repository;
    PublicKey actor;
    Pages pages;
};

std::string page_name(const Sha256& hash) { return "checkpoints/pages/" + hash.hex(); }

// Cuts items into pages where the content says so: after an item whose checksum is a multiple of kOneInItems, once the
// page is large enough. An item that changes then changes its page only, and items added at the end the last one.
class PageCutter {
public:
    explicit PageCutter(ObjectStore& store) : store_(store) {}

    void add(ByteSpan item) {
        append(page_, item);
        const bool at_boundary = page_.size() >= kLeastPage && crc32c(item) % kOneInItems == 0;
        if (at_boundary || page_.size() >= kLargePage) cut();
    }

    Result<std::vector<Page>> finish() {
        if (!page_.empty()) cut();
        if (failure_) return *failure_;
        return std::exchange(pages_, {});
    }

private:
    void cut() {
        if (page_.size() > kMaxPage && !failure_)
            failure_ = Error{ErrorCode::Unsupported, "an item of the state is longer than a page may be"};
        const Sha256 hash = sha256(page_);
        pages_.push_back({hash, page_.size()});
        if (!failure_) write(page_name(hash));
        page_.clear();
    }
    void write(const std::string& name) {
        // Most pages are those of the checkpoint before. One that rotted would spoil every later checkpoint too.
        const Result<Bytes> there = store_.get(name, kMaxPage);
        if (there.ok() && equal(there.value(), page_)) return;
        // What cannot be read right now may be whole, and older checkpoints need it.
        if (!there.ok() && !means_damage(there.error())) failure_ = there.error();
        if (there.ok() || there.error().code() == ErrorCode::Damaged) {
            if (Result<void> removed = store_.remove(name); !removed.ok()) failure_ = std::move(removed).error();
        }
        if (failure_) return;
        Result<void> put = store_.put_new(name, page_, Durability::Now);
        if (!put.ok() && put.error().code() != ErrorCode::AlreadyExists) failure_ = std::move(put).error();
    }

    ObjectStore& store_;
    Bytes page_;
    std::vector<Page> pages_;
    std::optional<Error> failure_;
};

Bytes signed_message(ByteSpan root) {
    Bytes message;
    append(message, as_bytes(kSignedLabel));
    append(message, root);
    return message;
}

Bytes encode_root(const Root& root, const SigningKey& key) {
    Bytes bytes;
    WireWriter out{bytes};
    out.raw(as_bytes(kMagic));
    out.u64(root.head.seq);
    out.id(root.head.hash);
    out.id(root.repository);
    out.id(key.public_key());
    out.varint(kCheckpointSections);
    for (std::uint8_t section = 1; section <= kCheckpointSections; ++section) {
        const std::vector<Page>& pages = root.pages[section - 1U];
        out.u8(section);
        out.varint(pages.size());
        for (const Page& page : pages) {
            out.id(page.hash);
            out.varint(page.length);
        }
    }
    out.raw(key.sign(signed_message(bytes)));
    return bytes;
}

Result<Root> decode_root(ByteSpan bytes, Signature& signature) {
    constexpr std::size_t kPageItem = 33;
    WireReader in{bytes};
    Root root;
    if (as_text(in.raw(kMagic.size())) != kMagic) in.fail("it does not start as one");
    root.head.seq = in.u64();
    root.head.hash = in.id<RecordHash>();
    root.repository = in.id<RepositoryId>();
    root.actor = in.id<PublicKey>();
    if (in.varint() != kCheckpointSections) in.fail("it has other sections");
    for (std::uint8_t section = 1; section <= kCheckpointSections && in.ok(); ++section) {
        if (in.u8() != section) in.fail("its sections are not in order");
        std::vector<Page>& pages = root.pages[section - 1U];
        pages.resize(in.count(kMaxRoot, kPageItem));
        for (Page& page : pages) {
            page.hash = in.id<Sha256>();
            page.length = in.varint(kMaxPage);
        }
    }
    signature = in.array<64>();
    DR_TRY(in.finish("the checkpoint"));
    return root;
}

Result<Root> read_root(ObjectStore& store, std::uint64_t seq, const std::vector<PublicKey>& trusted) {
    const Bytes bytes = DR_TRY(store.get(checkpoint_name(seq), kMaxRoot));
    Signature signature{};
    Root root = DR_TRY(decode_root(bytes, signature));
    if (std::ranges::count(trusted, root.actor) == 0) {
        return Error{ErrorCode::Refused, "checkpoint " + std::to_string(seq) + " is signed by " +
                                             root.actor.short_hex() + ", whom nobody named"};
    }
    const VerifyKey key = DR_TRY(VerifyKey::create(root.actor));
    if (!key.verify(signed_message(ByteSpan{bytes}.first(bytes.size() - signature.size())), signature)) {
        return Error{ErrorCode::Damaged, "the signature of checkpoint " + std::to_string(seq) + " is wrong"};
    }
    return root;
}

Result<Bytes> read_section(ObjectStore& store, const std::vector<Page>& pages) {
    Bytes items;
    for (const Page& page : pages) {
        const Bytes bytes = DR_TRY(store.get(page_name(page.hash), page.length));
        if (bytes.size() != page.length || sha256(bytes) != page.hash) {
            return Error{ErrorCode::Damaged,
                         "page " + page.hash.short_hex() + " of a checkpoint is not what its name says"};
        }
        append(items, bytes);
    }
    return items;
}

// Left from an end of the log that was lost: nobody would believe it, and it would keep the right one out.
bool is_of_another_history(ObjectStore& store, const std::string& name, const Root& root) {
    const Result<Bytes> bytes = store.get(name, kMaxRoot);
    if (!bytes.ok()) return bytes.error().code() == ErrorCode::Damaged;
    Signature signature{};
    const Result<Root> there = decode_root(bytes.value(), signature);
    return !there.ok() || there.value().head != root.head || there.value().repository != root.repository;
}

}  // namespace

std::string checkpoint_name(std::uint64_t seq) {
    const std::string digits = std::to_string(seq);
    return "checkpoints/" + std::string(20 - digits.size(), '0') + digits;
}

std::optional<std::uint64_t> checkpoint_in_name(std::string_view object_name) {
    std::uint64_t seq = 0;
    const std::string_view digits = object_name.substr(object_name.rfind('/') + 1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), seq).ec != std::errc{}) return std::nullopt;
    const bool possible = seq < UINT64_MAX && (seq + 1) % kCheckpointEvery == 0;
    if (!possible || checkpoint_name(seq) != object_name) return std::nullopt;
    return seq;
}

Result<void> write_checkpoint(ObjectStore& store, const State& state, const SigningKey& key) {
    Root root{state.head(), state.repository(), key.public_key(), {}};
    for (std::uint8_t section = 1; section <= kCheckpointSections; ++section) {
        PageCutter cutter{store};
        CheckpointCodec::encode(state, static_cast<CheckpointSection>(section),
                                [&](ByteSpan item) { cutter.add(item); });
        root.pages[section - 1U] = DR_TRY(cutter.finish());
    }
    const std::string name = checkpoint_name(state.head().seq);
    if (is_of_another_history(store, name, root)) DR_TRY(store.remove(name));
    return store.put_new(name, encode_root(root, key), Durability::Now);
}

Result<Checkpoint> read_checkpoint(ObjectStore& store, std::uint64_t seq, const RepositoryId& repository,
                                   const std::vector<PublicKey>& trusted) {
    const Root root = DR_TRY(read_root(store, seq, trusted));
    // One that was copied here from another place is signed as well.
    if (root.head.seq != seq || root.repository != repository) {
        return Error{ErrorCode::Damaged, "checkpoint " + std::to_string(seq) + " belongs somewhere else"};
    }
    std::array<Bytes, kCheckpointSections> sections;
    for (std::size_t i = 0; i < sections.size(); ++i) sections[i] = DR_TRY(read_section(store, root.pages[i]));
    Checkpoint checkpoint{DR_TRY(CheckpointCodec::decode(sections, root.head, repository)), root.actor};
    if (checkpoint.state.roles_of(root.actor) == 0) {
        return Error{ErrorCode::Refused, "checkpoint " + std::to_string(seq) + " is signed by " +
                                             root.actor.short_hex() + ", who has no role in it"};
    }
    return checkpoint;
}

}  // namespace dr
