#include "dr/repository/pack_source.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "dr/crypto/sha256.h"
#include "dr/repository/index_merge.h"
#include "dr/repository/pack_reader.h"

namespace dr {
namespace {

// Derived keys of so many packs are kept.
constexpr std::size_t kCiphers = 1024;
constexpr std::size_t kLostFrames = 8192;

Error missing(const BlobId& id) {
    return Error{ErrorCode::Damaged, "blob " + id.short_hex() + " is missing: no pack that counts holds it"};
}

std::uint64_t frame_key(const BlobPlace& place) { return std::uint64_t{place.pack} << 32U | place.frame_offset; }

bool is_frame_of_blobs(FrameType type) { return type == FrameType::Blob || type == FrameType::Solid; }

}  // namespace

// A sector that cannot be read is lost like one that reads wrong.
bool means_damage(const Error& error) {
    return error.code() == ErrorCode::Damaged || error.code() == ErrorCode::NotFound || error.system_errno() == EIO;
}

PackSource::PackSource(World world, std::span<const PackId> runs, PackSourceOptions options)
    : world_(std::move(world)),
      tools_(std::make_shared<FrameTools>(options.idle_buffers)),
      index_(world_.objects, world_.keys, *tools_, options.index),
      ciphers_(kCiphers),
      frames_(options.frame_budget),
      lost_frames_(kLostFrames) {
    index_.add_runs(runs);
}

// --- packs by number

std::uint32_t PackSource::number_of(const PackName& pack) {
    {
        const std::shared_lock lock{names_mutex_};
        if (const auto at = numbers_.find(pack.id); at != numbers_.end()) return at->second;
    }
    const std::unique_lock lock{names_mutex_};
    const auto [at, is_new] = numbers_.try_emplace(pack.id, static_cast<std::uint32_t>(names_.size()));
    if (is_new) names_.push_back(pack);
    return at->second;
}

PackName PackSource::name_of(std::uint32_t pack) const {
    const std::shared_lock lock{names_mutex_};
    DR_CHECK(pack < names_.size());
    return names_[pack];
}

PackId PackSource::pack_id(std::uint32_t pack) const { return name_of(pack).id; }

// --- where blobs lie

BlobPlace PackSource::place_of(const IndexRow& row) {
    return {row.pack, row.frame_offset, row.frame_length, row.ordinal};
}

BlobPlace PackSource::place_of(const IndexedBlob& found) {
    return {number_of(found.pack), found.row.frame_offset, found.row.frame_length, found.row.ordinal};
}

std::optional<BlobPlace> PackSource::find_in_index(const BlobId& id, const BlobIndex::IsLive& counts) {
    const std::optional<IndexedBlob> found = index_.find(id, counts);
    if (!found) return std::nullopt;
    return place_of(*found);
}

Result<BlobPlace> PackSource::locate(const BlobId& id) {
    if (any_damage_) {
        if (const std::optional<BlobPlace> found = find_undamaged(id)) return *found;
    }
    if (const std::optional<BlobPlace> found = find_in_index(id, world_.is_live)) return *found;
    if (world_.is_there) {
        if (const std::optional<BlobPlace> found = find_in_index(id, world_.is_there)) return *found;
    }
    if (const std::optional<BlobPlace> found = DR_TRY(find_in_packs(id))) return *found;
    return missing(id);
}

void PackSource::locate_all(std::span<const BlobId> ids, const Located& located) {
    std::vector<bool> found(ids.size());
    if (!any_damage_) {
        index_.find_ascending(ids, world_.is_live, [&](std::size_t i, const IndexedBlob& row) {
            if (any_damage_) return;  // met since: another copy may be better
            found[i] = true;
            located(i, place_of(row));
        });
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!found[i]) located(i, locate(ids[i]));
    }
}

// A copy outside the packs that turned out damaged, as far as the index knows one.
std::optional<BlobPlace> PackSource::find_undamaged(const BlobId& id) {
    const DamageMet damaged = damage();
    for (const BlobIndex::IsLive& counts : {world_.is_live, world_.is_there}) {
        if (!counts) continue;
        const auto good = [&](const PackId& pack) {
            return counts(pack) && !std::ranges::binary_search(*damaged, pack);
        };
        if (const std::optional<BlobPlace> found = find_in_index(id, good)) return found;
    }
    return std::nullopt;
}

// All that is known of, the likeliest to be good first. An index that is whole names them all; where a part of it
// cannot be read, the packs themselves are asked.
Result<std::vector<BlobPlace>> PackSource::copies_of(const BlobId& id) {
    std::vector<BlobPlace> places;
    for (const IndexedBlob& found : index_.find_all(id, world_.is_there ? world_.is_there : world_.is_live))
        places.push_back(place_of(found));
    if (index_.had_damage()) {
        const std::lock_guard lock{scan_mutex_};
        list_packs();
        for (Scan* const part : {&uncovered_, &covered_}) {
            DR_TRY(scan(*part));
            for (const IndexRow& row : rows_in(*part, id)) places.push_back(place_of(row));
        }
    }
    std::ranges::sort(places);
    const auto same = std::ranges::unique(places);
    places.erase(same.begin(), same.end());
    const DamageMet damaged = damage();
    std::ranges::stable_sort(places, {}, [&](const BlobPlace& place) {
        const PackId pack = pack_id(place.pack);
        return std::pair{std::ranges::binary_search(*damaged, pack), !world_.is_live(pack)};
    });
    return places;
}

PackSource::DamageMet PackSource::damage() const {
    const std::lock_guard lock{damage_mutex_};
    return damage_met_;
}

std::vector<PackId> PackSource::damage_met() const { return *damage(); }

void PackSource::remember_damage(std::uint32_t pack) {
    const PackId id = pack_id(pack);
    const std::lock_guard lock{damage_mutex_};
    if (std::ranges::binary_search(*damage_met_, id)) return;
    std::vector<PackId> met = *damage_met_;
    met.insert(std::ranges::lower_bound(met, id), id);
    damage_met_ = std::make_shared<const std::vector<PackId>>(std::move(met));
    any_damage_ = true;
}

Result<std::vector<PackId>> PackSource::packs_of(const BlobId& id) {
    std::vector<PackId> packs = index_.packs_of(id, world_.is_there ? world_.is_there : world_.is_live);
    if (packs.empty()) packs.push_back(pack_id(DR_TRY(locate(id)).pack));
    return packs;
}

Result<std::optional<BlobPlace>> PackSource::find_in_packs(const BlobId& id) {
    const std::lock_guard lock{scan_mutex_};
    list_packs();
    // A run may name a pack and still not have all its rows: they are unreadable, or a merge dropped them while the
    // pack was condemned and somebody rescued it later. Then only the pack itself knows.
    std::optional<Error> failure;
    for (Scan* const part : {&uncovered_, &covered_}) {
        const Result<void> scanned = scan(*part);
        if (const auto rows = rows_in(*part, id); !rows.empty()) {
            const auto live =
                std::ranges::find_if(rows, [&](const IndexRow& row) { return world_.is_live(pack_id(row.pack)); });
            const IndexRow& row = live != rows.end() ? *live : rows.front();
            return std::optional{place_of(row)};
        }
        if (!scanned.ok() && !failure) failure = scanned.error();
    }
    if (failure) return *failure;
    return std::optional<BlobPlace>{};
}

// Which of the live packs a run names, and which none does.
void PackSource::list_packs() {
    if (std::exchange(packs_listed_, true)) return;
    std::vector<PackId> covered;
    // Where the runs do not even say that, all packs are asked.
    if (const Result<std::vector<PackName>> packs = index_.covered_packs(); packs.ok()) {
        for (const PackName& pack : packs.value()) covered.push_back(pack.id);
        std::ranges::sort(covered);
    }
    for (const PackName& pack : world_.live_packs()) {
        const bool is_covered = std::ranges::binary_search(covered, pack.id);
        (is_covered ? covered_ : uncovered_).packs.push_back(pack);
    }
}

// Packs that are not there or damaged are left out: their blobs are then missing. One that could not be read for the
// moment is asked again the next time, and until then nobody can say that a blob is missing: the error is returned.
Result<void> PackSource::scan(Scan& scan) {
    if (scan.packs.empty()) return {};
    std::optional<Error> failure;
    for (const PackName& pack : std::exchange(scan.packs, {})) {
        const Result<PackContents> contents = read_pack_contents(world_.objects, world_.keys, *tools_, pack);
        if (!contents.ok() && !means_damage(contents.error())) {
            scan.packs.push_back(pack);
            failure = contents.error();
        }
        if (!contents.ok()) continue;
        const std::vector<IndexRow> rows = rows_of_pack(contents.value(), number_of(pack));
        scan.rows.insert(scan.rows.end(), rows.begin(), rows.end());
    }
    std::ranges::sort(scan.rows, row_before);
    if (failure) return *failure;
    return {};
}

std::span<const IndexRow> PackSource::rows_in(const Scan& scan, const BlobId& id) const {
    const auto rows = std::ranges::equal_range(scan.rows, Id16::of(id), {}, &IndexRow::id);
    return {rows.begin(), rows.end()};
}

Result<std::vector<PackId>> PackSource::packs_by_directory(const BlobId& id) {
    const std::lock_guard lock{scan_mutex_};
    list_packs();
    std::vector<PackId> packs;
    for (Scan* const part : {&uncovered_, &covered_}) {
        DR_TRY(scan(*part));
        for (const IndexRow& row : rows_in(*part, id)) packs.push_back(pack_id(row.pack));
    }
    return packs;
}

// --- reading

Result<std::shared_ptr<const FrameCipher>> PackSource::cipher_of(std::uint32_t pack, const std::string& object) {
    if (auto held = ciphers_.find(pack)) return held;
    auto cipher = std::make_shared<const FrameCipher>(DR_TRY(read_pack_cipher(world_.objects, world_.keys, object)));
    ciphers_.put(pack, cipher, 1);
    return cipher;
}

Result<std::shared_ptr<const OpenFrame>> PackSource::open_frame(const BlobPlace& place) {
    if (any_damage_) {
        const std::shared_ptr<const LostFrame> lost = lost_frames_.find(frame_key(place));
        if (lost && lost->length == place.frame_length) return lost->why;
    }
    Result<std::shared_ptr<const OpenFrame>> frame = open_frame_at(place);
    if (frame.ok() || !means_damage(frame.error())) return frame;
    Error why = std::move(frame).error().as(ErrorCode::Damaged);
    lost_frames_.put(frame_key(place), std::make_shared<const LostFrame>(place.frame_length, why), 1);
    remember_damage(place.pack);
    return why;
}

Result<std::shared_ptr<const OpenFrame>> PackSource::open_frame_at(const BlobPlace& place) {
    const std::string object = name_of(place.pack).object();
    const auto cipher = DR_TRY(cipher_of(place.pack, object));
    FramePlain frame =
        DR_TRY(read_frame(world_.objects, *cipher, *tools_, object, place.frame_offset, place.frame_length));
    if (!is_frame_of_blobs(frame.header.type)) {
        return Error{ErrorCode::Damaged, "a frame without blobs lies where blobs should"}.during("reading pack '" +
                                                                                                 object + "'");
    }
    std::vector<ByteSpan> blobs = DR_TRY(split_frame(frame.header.type, frame.plain));
    const auto give_back = [tools = tools_](const OpenFrame* opened) {
        std::unique_ptr<OpenFrame> owned{const_cast<OpenFrame*>(opened)};
        tools->buffers.give(std::move(owned->plain));
    };
    return std::shared_ptr<const OpenFrame>{new OpenFrame{std::move(frame.memory), std::move(blobs)}, give_back};
}

Result<Bytes> PackSource::read(BlobType type, const BlobId& id) {
    const BlobPlace first = DR_TRY(locate(id));
    Result<Bytes> blob = read_at(first, type, id);
    if (blob.ok() || blob.error().code() != ErrorCode::Damaged) return blob;
    for (const BlobPlace& place : DR_TRY(copies_of(id))) {
        if (place == first) continue;
        Result<Bytes> other = read_at(place, type, id);
        if (other.ok()) return other;
        // As long as one copy cannot be read right now, nobody knows that the blob is lost.
        if (other.error().code() != ErrorCode::Damaged) blob = std::move(other);
    }
    return blob;
}

// A frame that opens may still hold something else than the index or the blob's name says.
Result<Bytes> PackSource::read_at(const BlobPlace& place, BlobType type, const BlobId& id) {
    Result<Bytes> blob = blob_at(place, type, id);
    if (!blob.ok() && blob.error().code() == ErrorCode::Damaged) remember_damage(place.pack);
    return blob;
}

Result<Bytes> PackSource::blob_at(const BlobPlace& place, BlobType type, const BlobId& id) {
    const std::uint64_t key = frame_key(place);
    std::shared_ptr<const OpenFrame> frame = frames_.find(key);
    if (frame == nullptr) {
        frame = DR_TRY(open_frame(place));
        frames_.put(key, frame, frame->plain.capacity());
    }
    if (place.ordinal >= frame->blobs.size()) return missing(id);
    const ByteSpan blob = frame->blobs[place.ordinal];
    DR_TRY(check(type, id, blob));
    return Bytes(blob.begin(), blob.end());
}

Result<void> PackSource::check(BlobType type, const BlobId& id, ByteSpan bytes) const {
    if (namer().name(type, sha256(bytes)) == id) return {};
    return Error{ErrorCode::Damaged, "blob " + id.short_hex() + " is not what its name says"};
}

}  // namespace dr
