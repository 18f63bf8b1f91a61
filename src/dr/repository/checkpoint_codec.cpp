#include "dr/repository/checkpoint_codec.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "dr/base/check.h"

namespace dr {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20;

// Ascending numbers: the first, then each one's distance from the one before, less one.
void write_ascending(WireWriter& out, const PackNumbers& numbers) {
    out.varint(numbers.size());
    std::uint64_t next = 0;
    for (const PackNumber number : numbers) {
        out.varint(number - next);
        next = std::uint64_t{number} + 1;
    }
}

PackNumbers read_ascending(WireReader& in, std::size_t end) {
    const std::size_t count = in.count(UINT32_MAX);
    PackNumbers numbers;
    numbers.reserve(count);
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        next += in.varint(UINT32_MAX);
        if (next >= end) return in.fail("it names a pack that is not there"), PackNumbers{};
        numbers.push_back(static_cast<PackNumber>(next++));
    }
    return numbers;
}

void write_numbers(WireWriter& out, const std::vector<std::uint64_t>& numbers) {
    out.varint(numbers.size());
    for (const std::uint64_t number : numbers) out.varint(number);
}

std::vector<std::uint64_t> read_numbers(WireReader& in) {
    std::vector<std::uint64_t> numbers(in.count(UINT32_MAX));
    for (std::uint64_t& number : numbers) number = in.varint();
    return numbers;
}

bool read_flag(WireReader& in) { return in.varint(1) == 1; }

Identifier read_identifier(WireReader& in) {
    const std::string_view text = in.text(Identifier::kMaxLength);
    if (text.empty()) return {};
    Result<Identifier> identifier = Identifier::parse(text);
    if (identifier.ok()) return std::move(identifier).value();
    in.fail("it is no identifier");
    return {};
}

// The lists by which sets were made smaller, each once, in the order of the sets that use them.
class Reductions {
public:
    explicit Reductions(const PackSets& sets) {
        for (const PackSets::Node& node : sets.nodes()) {
            if (node.removed && places_.try_emplace(node.removed.get(), lists_.size() + 1).second)
                lists_.push_back(node.removed.get());
        }
    }
    const std::vector<const PackNumbers*>& lists() const { return lists_; }
    std::size_t place(const PackSets::Node& node) const { return node.removed ? places_.at(node.removed.get()) : 0; }

private:
    std::unordered_map<const PackNumbers*, std::size_t> places_;  // from 1
    std::vector<const PackNumbers*> lists_;
};

// --- items, written and read side by side

void write(WireWriter& out, const PackState& pack) {
    out.id(pack.id);
    out.u8(pack.pack_class);
    out.varint(pack.session);
    out.varint(pack.size);
    out.varint(pack.listed);
    out.varint(pack.condemned);
    out.varint(pack.damaged);
    out.varint(pack.verified);
    out.varint(pack.reaped);
    out.varint(pack.swept ? 1 : 0);
}
PackState read_pack(WireReader& in) {
    PackState pack;
    pack.id = in.id<PackId>();
    pack.pack_class = in.u8();
    pack.session = in.varint();
    pack.size = in.varint();
    pack.listed = in.varint();
    pack.condemned = in.varint();
    pack.damaged = in.varint();
    pack.verified = in.varint();
    pack.reaped = in.varint();
    pack.swept = read_flag(in);
    return pack;
}

void write(WireWriter& out, const Session& session) {
    out.varint(session.id);
    out.u8(static_cast<std::uint8_t>(session.kind));
    out.id(session.actor);
    out.varint(session.view);
    out.varint(session.root);
    out.i64(session.opened.nanoseconds());
    out.varint(session.root_packset);
    write_ascending(out, session.pending);
    write_numbers(out, session.adopted);
}
Session read_session(WireReader& in, std::size_t packs, std::size_t sets) {
    Session session;
    session.id = in.varint();
    const std::uint8_t kind = in.u8();
    if (kind < 1 || kind > 3) in.fail("a session kind is not known");
    session.kind = static_cast<SessionKind>(kind);
    session.actor = in.id<PublicKey>();
    session.view = in.varint();
    session.root = in.varint();
    session.opened = Timestamp{in.i64()};
    session.root_packset = static_cast<PackSets::Id>(in.varint(sets));
    session.pending = read_ascending(in, packs);
    session.adopted = read_numbers(in);
    return session;
}

void write(WireWriter& out, const Snapshot& snapshot) {
    out.varint(snapshot.record);
    out.id(snapshot.record_hash);
    out.varint(snapshot.session);
    out.varint(snapshot.parent);
    out.raw(snapshot.id.bytes);
    out.text(snapshot.spec_id.text());
    out.text(snapshot.tag.text());
    out.i64(snapshot.created_at.nanoseconds());
    out.varint(snapshot.total_bytes);
    out.varint(snapshot.file_count);
    out.varint(snapshot.files_unreadable);
    out.id(snapshot.manifest_hash);
    out.varint(snapshot.encrypted ? 1 : 0);
    out.varint(snapshot.retention_days);
    out.varint(snapshot.worm ? 1 : 0);
    out.i64(snapshot.retain_until.nanoseconds());
    out.i64(snapshot.trusted_time.nanoseconds());
    out.id(snapshot.actor);
    out.raw(snapshot.signature);
    out.varint(snapshot.held ? 1 : 0);
    out.text(snapshot.hold_reason);
    out.varint(snapshot.packset);
}
Snapshot read_snapshot(WireReader& in, std::size_t sets) {
    Snapshot snapshot;
    snapshot.record = in.varint();
    snapshot.record_hash = in.id<RecordHash>();
    snapshot.session = in.varint();
    snapshot.parent = in.varint();
    snapshot.id.bytes = in.array<16>();
    snapshot.spec_id = read_identifier(in);
    snapshot.tag = read_identifier(in);
    snapshot.created_at = Timestamp{in.i64()};
    snapshot.total_bytes = in.varint();
    snapshot.file_count = in.varint();
    snapshot.files_unreadable = in.varint();
    snapshot.manifest_hash = in.id<Sha256>();
    snapshot.encrypted = read_flag(in);
    snapshot.retention_days = static_cast<std::uint32_t>(in.varint(UINT32_MAX));
    snapshot.worm = read_flag(in);
    snapshot.retain_until = Timestamp{in.i64()};
    snapshot.trusted_time = Timestamp{in.i64()};
    snapshot.actor = in.id<PublicKey>();
    snapshot.signature = in.array<64>();
    snapshot.held = read_flag(in);
    snapshot.hold_reason = in.text(kMaxReason);
    snapshot.packset = static_cast<PackSets::Id>(in.varint(sets));
    return snapshot;
}

}  // namespace

// Gives one item after the other.
class CheckpointWriter {
public:
    CheckpointWriter(const State& state, const CheckpointCodec::AddItem& add) : state_(state), add_(add) {}

    void write_section(CheckpointSection section) {
        switch (section) {
            case CheckpointSection::Core: return core();
            case CheckpointSection::Actors:
                return each(state_.actors_, [](WireWriter& out, const auto& actor) {
                    out.id(actor.first);
                    out.varint(actor.second.roles);
                    out.text(actor.second.name);
                });
            case CheckpointSection::Slots:
                return each(state_.slots_, [](WireWriter& out, const auto& slot) {
                    out.text(slot.first);
                    out.id(slot.second.slot_public);
                    out.id(slot.second.file);
                });
            case CheckpointSection::Sessions:
                return each(state_.sessions_, [](WireWriter& out, const auto& session) { write(out, session.second); });
            case CheckpointSection::Adoptions:
                return each(state_.adoptions_, [](WireWriter& out, const auto& adoption) {
                    out.varint(adoption.first);
                    write_numbers(out, adoption.second);
                });
            case CheckpointSection::Packs:
                return each(state_.packs_, [](WireWriter& out, const PackState& pack) { write(out, pack); });
            case CheckpointSection::Absences:
                return each(state_.rescued_, [](WireWriter& out, const auto& absence) {
                    out.varint(absence.pack);
                    out.varint(absence.from);
                    out.varint(absence.to);
                });
            case CheckpointSection::Runs: return runs();
            case CheckpointSection::Reductions:
                return each(Reductions{state_.packsets_}.lists(),
                            [](WireWriter& out, const PackNumbers* list) { write_ascending(out, *list); });
            case CheckpointSection::Packsets: return packsets();
            case CheckpointSection::Snapshots:
                return each(state_.snapshots_,
                            [](WireWriter& out, const auto& snapshot) { write(out, snapshot.second); });
            case CheckpointSection::ForgottenIds: return forgotten_ids();
            case CheckpointSection::Voids:
                return each(state_.voids_, [](WireWriter& out, const VoidRecord& record) {
                    out.varint(record.seq);
                    out.text(record.reason);
                });
            case CheckpointSection::Rollbacks:
                return each(state_.rollbacks_, [](WireWriter& out, const Rollback& rollback) {
                    out.varint(rollback.names.seq);
                    out.id(rollback.names.hash);
                    out.id(rollback.record_hash);
                });
        }
    }

private:
    void each(const auto& values, const auto& write_one) {
        Bytes item;
        for (const auto& value : values) {
            item.clear();
            WireWriter out{item};
            write_one(out, value);
            add_(item);
        }
    }

    void core() {
        each(std::array{&state_}, [](WireWriter& out, const State* state) {
            out.id(state->genesis_.repository_json);
            out.raw(state->genesis_.chunker_commitment);
            out.u8(state->genesis_.arbitration);
            out.raw(state->genesis_.random);
            out.id(state->first_admin_);
            out.i64(state->trusted_time_.nanoseconds());
            out.varint(state->ring_ ? state->ring_->number : 0);
            out.id(state->ring_ ? state->ring_->file : Sha256{});
            out.varint(state->unknown_required_.value_or(0));
        });
    }

    void runs() {
        std::vector<PackId> sorted(state_.runs_.begin(), state_.runs_.end());
        std::ranges::sort(sorted);
        each(sorted, [](WireWriter& out, const PackId& run) { out.id(run); });
    }

    void packsets() {
        const Reductions reductions{state_.packsets_};
        each(state_.packsets_.nodes(), [&](WireWriter& out, const PackSets::Node& node) {
            out.varint(node.base);
            out.varint(reductions.place(node));
            write_ascending(out, node.added);
        });
    }

    void forgotten_ids() {
        std::vector<std::pair<SnapshotId, std::uint64_t>> gone;
        for (const auto& id : state_.snapshot_ids_) {
            if (!state_.snapshots_.contains(id.second)) gone.push_back(id);
        }
        // By record: what is new stands at the end, and older pages stay as they are.
        std::ranges::sort(gone, {}, &std::pair<SnapshotId, std::uint64_t>::second);
        each(gone, [](WireWriter& out, const auto& id) {
            out.raw(id.first.bytes);
            out.varint(id.second);
        });
    }

    const State& state_;
    const CheckpointCodec::AddItem& add_;
};

class CheckpointReader {
public:
    explicit CheckpointReader(const std::array<Bytes, kCheckpointSections>& sections) : sections_(sections) {}

    Result<State> read(const Head& head, const RepositoryId& repository) {
        state_.started_ = true;
        state_.repository_ = repository;
        state_.head_ = head;
        DR_TRY(core());
        DR_TRY(keys());
        DR_TRY(packs());
        DR_TRY(packsets());
        DR_TRY(sessions());
        DR_TRY(snapshots());
        DR_TRY(history());
        return std::move(state_);
    }

private:
    // Reads items until the section ends.
    Result<void> each(CheckpointSection section, const auto& read_one) {
        const std::size_t place = static_cast<std::size_t>(section) - 1;
        WireReader in{sections_[place]};
        while (!in.at_end()) read_one(in);
        return in.finish("section " + std::to_string(place + 1) + " of the checkpoint");
    }

    // Keys of maps and numbers of records ascend; anything else would be another spelling of the same state.
    template <typename Map>
    static void add_last(WireReader& in, Map& map, typename Map::key_type key, typename Map::mapped_type value) {
        if (!map.empty() && !(map.rbegin()->first < key)) return in.fail("its items are not in order");
        map.emplace_hint(map.end(), std::move(key), std::move(value));
    }

    Result<void> core() {
        bool found = false;
        DR_TRY(each(CheckpointSection::Core, [&](WireReader& in) {
            if (std::exchange(found, true)) return in.fail("there are two cores");
            state_.genesis_.repository_json = in.id<Sha256>();
            state_.genesis_.chunker_commitment = in.array<32>();
            state_.genesis_.arbitration = in.u8();
            state_.genesis_.random = in.array<16>();
            state_.first_admin_ = in.id<PublicKey>();
            state_.trusted_time_ = Timestamp{in.i64()};
            RingInfo ring;
            ring.number = static_cast<std::uint32_t>(in.varint(UINT32_MAX));
            ring.file = in.id<Sha256>();
            if (ring.number != 0) state_.ring_ = ring;
            if (const std::uint64_t unknown = in.varint(); unknown != 0) state_.unknown_required_ = unknown;
        }));
        if (!found) return Error{ErrorCode::Damaged, "the checkpoint has no core"};
        return {};
    }

    Result<void> keys() {
        DR_TRY(each(CheckpointSection::Actors, [&](WireReader& in) {
            const PublicKey key = in.id<PublicKey>();
            Actor actor;
            actor.roles = static_cast<std::uint32_t>(in.varint(role::kAll));
            actor.name = in.text(kMaxReason);
            add_last(in, state_.actors_, key, std::move(actor));
        }));
        return each(CheckpointSection::Slots, [&](WireReader& in) {
            Slot slot;
            slot.id = in.text(kMaxSlotId);
            slot.slot_public = in.id<PublicKey>();
            slot.file = in.id<Sha256>();
            add_last(in, state_.slots_, slot.id, slot);
        });
    }

    Result<void> packs() {
        const std::size_t packs_at = static_cast<std::size_t>(CheckpointSection::Packs) - 1;
        constexpr std::size_t kLeastItem = 42;
        state_.packs_.reserve(sections_[packs_at].size() / kLeastItem);
        DR_TRY(each(CheckpointSection::Packs, [&](WireReader& in) { state_.packs_.push_back(read_pack(in)); }));
        for (PackNumber number = 0; number < state_.packs_.size(); ++number) {
            if (state_.find_pack(state_.packs_[number].id))
                return Error{ErrorCode::Damaged, "the checkpoint has a pack twice"};
            state_.pack_numbers_.add(state_.packs_, number);
        }
        DR_TRY(each(CheckpointSection::Absences, [&](WireReader& in) {
            State::Interval absence;
            absence.pack = static_cast<PackNumber>(in.varint(UINT32_MAX));
            absence.from = in.varint();
            absence.to = in.varint();
            if (absence.pack >= state_.packs_.size()) return in.fail("it names a pack that is not there");
            state_.rescued_.push_back(absence);
        }));
        return each(CheckpointSection::Runs, [&](WireReader& in) { state_.runs_.insert(in.id<PackId>()); });
    }

    Result<void> packsets() {
        std::vector<std::shared_ptr<const PackNumbers>> lists;
        DR_TRY(each(CheckpointSection::Reductions, [&](WireReader& in) {
            lists.push_back(std::make_shared<PackNumbers>(read_ascending(in, state_.packs_.size())));
        }));
        return each(CheckpointSection::Packsets, [&](WireReader& in) {
            PackSets::Node node;
            node.base = static_cast<PackSets::Id>(in.varint(UINT32_MAX));
            const std::size_t list = static_cast<std::size_t>(in.varint(lists.size()));
            node.added = read_ascending(in, state_.packs_.size());
            if (list != 0) node.removed = lists[list - 1];
            if (!state_.packsets_.restore(std::move(node))) in.fail("a packset rests on one that is not there");
        });
    }

    Result<void> sessions() {
        const std::size_t sets = state_.packsets_.nodes().size();
        DR_TRY(each(CheckpointSection::Sessions, [&](WireReader& in) {
            Session session = read_session(in, state_.packs_.size(), sets);
            const std::uint64_t id = session.id;
            add_last(in, state_.sessions_, id, std::move(session));
        }));
        return each(CheckpointSection::Adoptions, [&](WireReader& in) {
            const std::uint64_t session = in.varint();
            add_last(in, state_.adoptions_, session, read_numbers(in));
        });
    }

    Result<void> snapshots() {
        const std::size_t sets = state_.packsets_.nodes().size();
        DR_TRY(each(CheckpointSection::Snapshots, [&](WireReader& in) {
            Snapshot snapshot = read_snapshot(in, sets);
            const std::uint64_t record = snapshot.record;
            know(in, snapshot.id, record);
            add_last(in, state_.snapshots_, record, std::move(snapshot));
        }));
        return each(CheckpointSection::ForgottenIds, [&](WireReader& in) {
            SnapshotId id;
            id.bytes = in.array<16>();
            know(in, id, in.varint());
        });
    }

    void know(WireReader& in, const SnapshotId& id, std::uint64_t record) {
        if (!state_.snapshot_ids_.emplace(id, record).second) in.fail("a snapshot id is there twice");
    }

    Result<void> history() {
        DR_TRY(each(CheckpointSection::Voids, [&](WireReader& in) {
            VoidRecord record;
            record.seq = in.varint();
            record.reason = in.text(kMaxText);
            state_.voids_.push_back(std::move(record));
        }));
        return each(CheckpointSection::Rollbacks, [&](WireReader& in) {
            Rollback rollback;
            rollback.names.seq = in.varint();
            rollback.names.hash = in.id<RecordHash>();
            rollback.record_hash = in.id<RecordHash>();
            state_.rollbacks_.push_back(rollback);
        });
    }

    const std::array<Bytes, kCheckpointSections>& sections_;
    State state_;
};

void CheckpointCodec::encode(const State& state, CheckpointSection section, const AddItem& add) {
    DR_CHECK(!state.empty() && state.junk().empty());
    CheckpointWriter{state, add}.write_section(section);
}

Result<State> CheckpointCodec::decode(const std::array<Bytes, kCheckpointSections>& sections, const Head& head,
                                      const RepositoryId& repository) {
    return CheckpointReader{sections}.read(head, repository);
}

}  // namespace dr
