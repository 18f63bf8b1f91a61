#include "dr/repository/pack_sink.h"

#include <algorithm>
#include <utility>

#include "dr/codec/wire.h"

namespace dr {
namespace {

// Before the blobs of a solid frame, for their number and lengths.
constexpr std::size_t kLengthsRoom = 64U << 10;

PackClass class_of(BlobType type) { return type == BlobType::Data ? PackClass::Data : PackClass::Metadata; }
std::size_t slot_of(PackClass pack_class) { return pack_class == PackClass::Data ? 0 : 1; }

const BlobIndex::IsLive kAllLive = [](const PackId&) { return true; };

}  // namespace

std::size_t PackSink::Solid::plain_size() const {
    return varint_size(blobs.size()) + lengths_size + memory.size() - kLengthsRoom;
}

PackSink::PackSink(World world, PackSinkOptions options)
    : world_(std::move(world)),
      options_(options),
      pipeline_(world_.objects, world_.pool, world_.keys, options.pipeline),
      own_runs_(world_.objects, world_.keys.repository_keys(), tools_) {
    DR_CHECK(options_.solid_target <= kMaxFramePlain && options_.small_limit <= options_.solid_target / 2);
}

PackSink::~PackSink() = default;

// --- what is stored already

Result<bool> PackSink::is_stored(const BlobId& id) {
    if (const PackTable::Entry* entry = table_.find(Id16::of(id))) {
        const std::uint32_t frame = entry->slot().frame;
        if (frame < adopted_frames_) use_adopted(pipeline_.place_of(frame).pack);
        return true;
    }
    if (own_runs_.run_count() > 0) {
        if (const auto found = own_runs_.find(id, kAllLive)) {
            if (const auto adopted = adopted_numbers_.find(found->pack.id); adopted != adopted_numbers_.end()) {
                use_adopted(adopted->second);
            }
            return true;
        }
    }
    if (world_.index == nullptr) return false;
    const std::optional<IndexedBlob> found = world_.index->find(id, world_.is_live);
    if (found) newrefs_.insert(found->pack.id);
    return found.has_value();
}

void PackSink::use_adopted(std::uint32_t pack) {
    // One that is not there any more was returned by a checkpoint already.
    if (const auto adopted = adopted_.find(pack); adopted != adopted_.end()) adopted->second.used = true;
}

Result<bool> PackSink::reuse(const BlobId& id) { return is_stored(id); }

// --- adding

Result<bool> PackSink::add(BlobType type, const BlobId& id, BlobData data) {
    DR_CHECK(!data.bytes.empty() && data.bytes.size() <= kMaxBlob);
    ++blobs_added_;
    if (DR_TRY(is_stored(id))) {
        bytes_deduplicated_ += data.bytes.size();
        return false;
    }
    if (table_.size() >= options_.spill_rows) DR_TRY(spill());
    ++blobs_stored_;
    bytes_plain_ += data.bytes.size();
    if (data.bytes.size() < options_.small_limit) {
        DR_TRY(add_small(type, id, data.bytes));
    } else {
        DR_TRY(add_large(type, id, std::move(data)));
    }
    return true;
}

Result<void> PackSink::add_large(BlobType type, const BlobId& id, BlobData data) {
    FrameJob job;
    job.frame = pipeline_.new_frame();
    job.pack_class = class_of(type);
    job.type = FrameType::Blob;
    job.plain = data.bytes;
    job.owner = std::move(data.owner);
    job.blobs = {{type, id, static_cast<std::uint32_t>(data.bytes.size())}};
    table_.insert(Id16::of(id), {job.frame, 0, type});
    return pipeline_.submit(std::move(job));
}

Result<void> PackSink::add_small(BlobType type, const BlobId& id, ByteSpan bytes) {
    const PackClass pack_class = class_of(type);
    std::optional<Solid>& solid = solids_[slot_of(pack_class)];
    if (solid) {
        const std::size_t lengths = solid->lengths_size + varint_size(bytes.size());
        const std::size_t plain =
            solid->plain_size() + varint_size(bytes.size()) + bytes.size() + 2 /* a longer count */;
        const bool full = plain > options_.solid_target || lengths + kMaxVarintSize > kLengthsRoom ||
                          solid->blobs.size() == kMaxBlobsInFrame;
        if (full) DR_TRY(close_solid(pack_class));
    }
    if (!solid) {
        solid = Solid{};
        solid->frame = pipeline_.new_frame();
        solid->memory = pipeline_.buffers().take(kLengthsRoom + options_.solid_target);
        solid->memory.set_size(kLengthsRoom);
    }
    table_.insert(Id16::of(id), {solid->frame, static_cast<std::uint16_t>(solid->blobs.size()), type});
    solid->memory.add(bytes);
    solid->lengths_size += varint_size(bytes.size());
    solid->blobs.push_back({type, id, static_cast<std::uint32_t>(bytes.size())});
    return {};
}

Result<void> PackSink::close_solid(PackClass pack_class) {
    std::optional<Solid>& open = solids_[slot_of(pack_class)];
    if (!open) return {};
    Solid solid = std::move(*open);
    open.reset();
    Bytes lengths;
    WireWriter writer{lengths};
    writer.varint(solid.blobs.size());
    for (const DirectoryBlob& blob : solid.blobs) writer.varint(blob.length);
    // The lengths end where the blobs begin, so that the plaintext is one piece.
    const std::size_t start = kLengthsRoom - lengths.size();
    std::memcpy(solid.memory.data() + start, lengths.data(), lengths.size());

    FrameJob job;
    job.frame = solid.frame;
    job.pack_class = pack_class;
    job.type = FrameType::Solid;
    job.plain = solid.memory.bytes().subspan(start);
    job.memory = std::move(solid.memory);
    job.blobs = std::move(solid.blobs);
    return pipeline_.submit(std::move(job));
}

// --- adoption

Result<std::size_t> PackSink::adopt(std::span<const PackName> packs) {
    DR_CHECK(blobs_added_ == 0);
    struct Candidate {
        std::optional<PackContents> contents;
        std::optional<Error> error;  // other than a pack that is not whole
    };
    std::vector<Candidate> candidates(packs.size());
    std::atomic<std::size_t> left{packs.size()};
    for (std::size_t i = 0; i < packs.size(); ++i) {
        world_.pool.submit(Priority::Urgent, [this, &left, &candidate = candidates[i], &name = packs[i]] {
            const auto read = [&]() -> Result<PackContents> {
                DR_TRY(check_pack_slices(world_.objects, name.object()));
                return read_pack_contents(world_.objects, world_.keys.repository_keys(), tools_, name);
            };
            Result<PackContents> contents = read();
            if (contents.ok())
                candidate.contents = std::move(contents).value();
            else if (contents.error().code() == ErrorCode::Io)
                candidate.error = std::move(contents).error();
            --left;
        });
    }
    world_.pool.help_until([&left] { return left == 0; }, Priority::Urgent);
    // Another program wrote them: their names must be durable before a record lists them.
    std::unordered_set<std::uint64_t> sessions;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < packs.size(); ++i) {
        if (candidates[i].error) return *candidates[i].error;
        if (!candidates[i].contents) continue;
        if (sessions.insert(packs[i].session).second) {
            DR_TRY(world_.objects.sync_directory(session_directory_name(packs[i].session)));
        }
        adopt_contents(packs[i], *candidates[i].contents);
        ++taken;
    }
    return taken;
}

void PackSink::adopt_contents(const PackName& name, const PackContents& pack) {
    const StoredPack stored{name.id, static_cast<std::uint8_t>(pack.footer.header.pack_class), pack.footer.pack_size()};
    const std::uint32_t number = pipeline_.add_pack(stored, name.session);
    adopted_.emplace(number, Adopted{});
    adopted_numbers_.emplace(name.id, number);
    for (const DirectoryFrame& directory_frame : pack.frames) {
        const std::uint32_t frame = pipeline_.add_frame({number, directory_frame.offset, directory_frame.length()});
        adopted_frames_ = frame + 1;
        std::uint16_t ordinal = 0;
        for (const DirectoryBlob& blob : directory_frame.blobs) {
            const Id16 id = Id16::of(blob.id);
            if (table_.find(id) == nullptr) table_.insert(id, {frame, ordinal, blob.type});
            ++ordinal;
        }
    }
    returned_packs_ = number + 1;
}

// --- index runs and the end

Result<void> PackSink::flush() {
    DR_TRY(close_solid(PackClass::Data));
    DR_TRY(close_solid(PackClass::Metadata));
    return pipeline_.flush();
}

// Writes all rows of the table; after flush(). Rows of adopted packs that nobody used go into runs only while the
// session goes on and may use them yet: such packs never become live.
Result<std::vector<WrittenRun>> PackSink::write_rows(Durability durability, bool unused_too) {
    // The pipeline is empty: its memory serves the runs now.
    pipeline_.buffers().clear();
    IndexRunWriter writer{world_.objects, world_.keys, pipeline_.names(), durability};
    for (const PackTable::Entry& entry : table_.take_sorted()) {
        const FrameSlot slot = entry.slot();
        const FramePlace place = pipeline_.place_of(slot.frame);
        if (!unused_too && slot.frame < adopted_frames_ && !adopted_.at(place.pack).used) continue;
        DR_TRY(writer.add({.id16 = entry.id.bytes(),
                           .pack = place.pack,
                           .frame_offset = place.offset,
                           .frame_length = place.length,
                           .ordinal = slot.ordinal,
                           .blob_type = static_cast<std::uint8_t>(slot.type)}));
    }
    std::vector<WrittenRun> runs = DR_TRY(writer.finish());
    for (const WrittenRun& run : runs) {
        runs_.push_back(run.id);
        bytes_in_runs_ += run.size;
    }
    pipeline_.forget_frames();
    adopted_frames_ = 0;
    return runs;
}

Result<void> PackSink::spill() {
    DR_TRY(flush());
    for (const WrittenRun& run : DR_TRY(write_rows(Durability::Now, true))) DR_TRY(own_runs_.add_run(run.id));
    return {};
}

Result<SinkResult> PackSink::checkpoint() {
    DR_TRY(spill());
    DR_TRY(world_.objects.sync());
    return take_result();
}

Result<SinkResult> PackSink::finish() {
    DR_TRY(flush());
    DR_TRY(write_rows(Durability::Later, false));
    DR_TRY(world_.objects.sync());
    return take_result();
}

SinkResult PackSink::take_result() {
    SinkResult result;
    const std::vector<StoredPack>& packs = pipeline_.packs();
    for (auto& [number, adopted] : adopted_) {
        if (adopted.used) result.packs.push_back(packs[number]);
    }
    std::ranges::sort(result.packs, {}, &StoredPack::id);
    std::erase_if(adopted_, [](const auto& item) { return item.second.used; });
    result.packs.insert(result.packs.end(), packs.begin() + static_cast<std::ptrdiff_t>(returned_packs_), packs.end());
    returned_packs_ = packs.size();
    result.runs = std::exchange(runs_, {});
    result.newrefs.assign(newrefs_.begin(), newrefs_.end());
    newrefs_.clear();
    std::ranges::sort(result.newrefs);
    result.totals = totals();
    return result;
}

SinkTotals PackSink::totals() const {
    return {.blobs_added = blobs_added_,
            .blobs_stored = blobs_stored_,
            .bytes_deduplicated = bytes_deduplicated_,
            .bytes_plain = bytes_plain_,
            .bytes_stored = pipeline_.bytes_stored() + bytes_in_runs_};
}

}  // namespace dr
