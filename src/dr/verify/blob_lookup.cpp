#include "dr/verify/blob_lookup.h"

#include <algorithm>
#include <utility>

#include "dr/repository/index_row.h"
#include "dr/restore/parallel.h"

namespace dr {
namespace {

constexpr std::size_t kMaxRunning = 2;  // batches

}  // namespace

bool concerns_everything(ErrorCode code) {
    return code == ErrorCode::WrongKey || code == ErrorCode::Unavailable || code == ErrorCode::Cancelled;
}

// A blob is known by its number: those that have a name first, then those that are known by their content.
struct BlobLookup::Batch {
    struct Origin {
        std::uint32_t path;  // where it begins in `paths`
        std::uint32_t path_length;
        BlobType type;
    };
    // In the order of the index.
    struct Turn {
        Id16 id;
        std::uint32_t number;
    };

    std::vector<BlobId> ids;
    std::vector<Origin> origins;
    std::vector<Sha256> contents;
    std::vector<Origin> content_origins;
    std::string paths;  // one after the other
    std::size_t last_path = 0;

    std::size_t size() const { return ids.size() + contents.size(); }
    const Origin& origin(std::size_t number) const {
        return number < origins.size() ? origins[number] : content_origins[number - origins.size()];
    }

    Origin origin_at(std::string_view path, BlobType type) {
        if (std::string_view{paths}.substr(last_path) != path) {
            last_path = paths.size();
            paths += path;
        }
        return {static_cast<std::uint32_t>(last_path), static_cast<std::uint32_t>(path.size()), type};
    }
};

BlobLookup::BlobLookup(Parts parts) : parts_(std::move(parts)) {}

BlobLookup::~BlobLookup() {
    stopped_ = true;
    wait_until_at_most(0);
}

BlobLookup::Batch& BlobLookup::batch() {
    if (batch_ == nullptr) batch_ = std::make_unique<Batch>();
    return *batch_;
}

Result<void> BlobLookup::want(std::string_view path, BlobType type, const BlobId& id) {
    batch().origins.push_back(batch().origin_at(path, type));
    batch().ids.push_back(id);
    return start_if_full();
}

Result<void> BlobLookup::want_content(std::string_view path, const Sha256& content) {
    batch().content_origins.push_back(batch().origin_at(path, BlobType::Data));
    batch().contents.push_back(content);
    return start_if_full();
}

Result<void> BlobLookup::start_if_full() {
    if (batch_->size() < parts_.limits.blobs && batch_->paths.size() < parts_.limits.path_bytes) return {};
    wait_until_at_most(std::min<std::size_t>(parts_.pool.workers(), kMaxRunning - 1));
    DR_TRY(check());
    start();
    return {};
}

Result<void> BlobLookup::finish() {
    DR_TRY(check());
    if (batch_ != nullptr) start();
    wait_until_at_most(0);
    return check();
}

void BlobLookup::start() {
    ++running_;
    parts_.pool.submit(Priority::Urgent, [this, held = std::move(batch_)]() mutable {
        look_up(*held);
        held = nullptr;
        --running_;
    });
}

void BlobLookup::wait_until_at_most(std::size_t count) {
    parts_.pool.help_until([this, count] { return running_ <= count; }, Priority::Urgent);
}

Result<void> BlobLookup::check() const {
    if (parts_.cancelled()) return Error{ErrorCode::Cancelled, "the verification was interrupted"};
    const std::scoped_lock lock{mutex_};
    return fatal_ ? Result<void>{*fatal_} : Result<void>{};
}

void BlobLookup::look_up(Batch& batch) {
    std::vector<BlobId> names = std::move(batch.ids);
    const std::size_t named = names.size();
    names.resize(named + batch.contents.size());
    const std::span<BlobId> unnamed = std::span{names}.subspan(named);
    in_parallel(parts_.pool, unnamed.size(), parts_.limits.piece, [&](std::size_t begin, std::size_t end) {
        parts_.source.namer().name_all(std::span{batch.contents}.subspan(begin, end - begin),
                                       unnamed.subspan(begin, end - begin), [](std::size_t) { return BlobType::Data; });
    });
    batch.contents = {};

    std::vector<Batch::Turn> turns(names.size());
    for (std::size_t i = 0; i < turns.size(); ++i) turns[i] = {Id16::of(names[i]), static_cast<std::uint32_t>(i)};
    std::ranges::sort(turns, {}, &Batch::Turn::id);
    in_parallel(parts_.pool, turns.size(), parts_.limits.piece, [&](std::size_t begin, std::size_t end) {
        if (is_stopped()) return;
        std::vector<BlobId> ids(end - begin);
        for (std::size_t i = begin; i < end; ++i) ids[i - begin] = names[turns[i].number];
        parts_.source.locate_all(ids, [&](std::size_t i, const Result<BlobPlace>& place) {
            take(batch, turns[begin + i].number, ids[i], place);
        });
    });
}

void BlobLookup::take(const Batch& batch, std::size_t number, const BlobId& id, const Result<BlobPlace>& place) {
    if (!place.ok()) return lost(batch, number, place.error(), false);
    if (parts_.damaged_packs.empty()) return;
    const PackId pack = parts_.source.pack_id(place.value().pack);
    if (!parts_.damaged_packs.contains(pack) || is_stopped()) return;
    const Result<Bytes> bytes = parts_.source.read(batch.origin(number).type, id);
    if (!bytes.ok()) lost(batch, number, Error{bytes.error()}.during("reading pack " + pack.hex()), true);
}

void BlobLookup::lost(const Batch& batch, std::size_t number, const Error& error, bool read) {
    if (concerns_everything(error.code())) {
        const std::scoped_lock lock{mutex_};
        fatal_ = error;
        stopped_ = true;
        return;
    }
    const Batch::Origin& origin = batch.origin(number);
    parts_.report(std::string_view{batch.paths}.substr(origin.path, origin.path_length), error, read);
}

}  // namespace dr
