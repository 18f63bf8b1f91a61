#include "dr/repository/replay.h"

#include <algorithm>
#include <bit>

namespace dr {

// --- finding packs

namespace {

std::size_t hash_of(const PackId& id) { return std::hash<PackId>{}(id); }

}  // namespace

std::optional<PackNumber> PackIndex::find(const std::vector<PackState>& packs, const PackId& id) const {
    if (slots_.empty()) return std::nullopt;
    for (std::size_t at = hash_of(id);; ++at) {
        const PackNumber entry = slots_[at & (slots_.size() - 1)];
        if (entry == 0) return std::nullopt;
        if (packs[entry - 1].id == id) return entry - 1;
    }
}

void PackIndex::enter(const std::vector<PackState>& packs, PackNumber number) {
    std::size_t at = hash_of(packs[number].id);
    while (slots_[at & (slots_.size() - 1)] != 0) ++at;
    slots_[at & (slots_.size() - 1)] = number + 1;
}

void PackIndex::add(const std::vector<PackState>& packs, PackNumber number) {
    // At most half full, so that runs of taken slots stay short.
    if (slots_.size() < 2 * std::size_t{number + 1}) {
        slots_.assign(std::bit_ceil(std::max<std::size_t>(16, 4 * packs.size())), 0);
        for (PackNumber older = 0; older < number; ++older) enter(packs, older);
    }
    enter(packs, number);
}

// --- questions

std::uint64_t State::next_seq() const {
    if (!started_) return 0;
    // Either may be the later one: an admin.void after two pieces of junk leaves the second one behind it.
    return std::max(head_.seq, junk_.empty() ? 0 : junk_.back().seq) + 1;
}

std::uint32_t State::roles_of(const PublicKey& actor) const {
    const auto found = actors_.find(actor);
    return found == actors_.end() ? 0 : found->second.roles;
}

const Snapshot* State::snapshot_at(std::uint64_t record) const {
    const auto found = snapshots_.find(record);
    return found == snapshots_.end() ? nullptr : &found->second;
}

const Snapshot* State::newest(std::string_view spec_id, std::string_view tag) const {
    for (auto at = snapshots_.rbegin(); at != snapshots_.rend(); ++at) {
        if (at->second.spec_id.text() == spec_id && at->second.tag.text() == tag) return &at->second;
    }
    return nullptr;
}

namespace {

Error no_snapshot(std::string_view name, std::string_view why) {
    return Error{ErrorCode::NotFound,
                 "there is no snapshot '" + std::string{name.substr(0, 160)} + "'" + std::string{why}}
        .next("qnwis_dr list");
}

bool is_hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The least id that starts with `digits`: where ids with that prefix begin.
SnapshotId first_with(std::string_view digits) {
    std::string padded{digits};
    padded.resize(32, '0');
    SnapshotId id;
    std::ranges::copy(parse_hex(padded).value(), id.bytes.begin());
    return id;
}

}  // namespace

Result<const Snapshot*> State::find_snapshot(std::string_view name) const {
    constexpr std::string_view kLatest = "latest";
    if (name == kLatest) {
        if (snapshots_.empty()) return no_snapshot(name, ": there are none at all");
        return &snapshots_.rbegin()->second;
    }
    if (name.starts_with("latest:")) {
        const std::string_view tag = name.substr(kLatest.size() + 1);
        for (auto at = snapshots_.rbegin(); at != snapshots_.rend(); ++at) {
            if (at->second.tag.text() == tag) return &at->second;
        }
        return no_snapshot(name, ": none has this tag");
    }
    if (name.empty() || name.size() > 32 || !is_hex(name))
        return no_snapshot(name, ": an id has up to 32 digits 0-9 and a-f");

    const Snapshot* found = nullptr;
    bool forgotten = false;
    for (auto at = snapshot_ids_.lower_bound(first_with(name));
         at != snapshot_ids_.end() && at->first.hex().starts_with(name); ++at) {
        const Snapshot* snapshot = snapshot_at(at->second);
        if (snapshot != nullptr && found != nullptr) {
            return Error{ErrorCode::BadRequest,
                         "several snapshots have an id that starts with '" + std::string{name} + "'"}
                .next("qnwis_dr list");
        }
        if (snapshot != nullptr)
            found = snapshot;
        else
            forgotten = true;
    }
    if (found == nullptr) return no_snapshot(name, forgotten ? ": it was forgotten" : "");
    return found;
}

bool State::session_holds_packs(std::uint64_t session) const {
    if (sessions_.contains(session)) return true;
    return std::ranges::any_of(sessions_,
                               [&](const auto& open) { return std::ranges::count(open.second.adopted, session) != 0; });
}

std::optional<PackNumber> State::find_pack(const PackId& id) const { return pack_numbers_.find(packs_, id); }

bool State::is_live(const PackId& id) const {
    const std::optional<PackNumber> number = find_pack(id);
    return number && packs_[*number].live();
}

bool State::is_there(const PackId& id) const {
    const std::optional<PackNumber> number = find_pack(id);
    return number && packs_[*number].there();
}

bool State::was_live(PackNumber pack, std::uint64_t view) const {
    const PackState& now = packs_[pack];
    const auto since = [view](std::uint64_t seq) { return seq != 0 && seq <= view; };
    if (now.listed > view || since(now.condemned) || since(now.damaged) || since(now.reaped)) return false;
    return std::ranges::none_of(
        rescued_, [&](const Interval& past) { return past.pack == pack && past.from <= view && view < past.to; });
}

std::vector<PackNumber> State::live_packs() const {
    std::vector<PackNumber> found;
    for (PackNumber pack = 0; pack < packs_.size(); ++pack) {
        if (packs_[pack].live()) found.push_back(pack);
    }
    return found;
}

std::vector<PackNumber> State::packs_there() const {
    std::vector<PackNumber> found = live_packs();
    for (PackNumber pack = 0; pack < packs_.size(); ++pack) {
        if (packs_[pack].there() && !packs_[pack].live()) found.push_back(pack);
    }
    return found;
}

bool State::is_whole(const Snapshot& snapshot) const {
    // Hardly ever is any pack damaged: no need to put the set together then.
    if (std::ranges::all_of(packs_, &PackState::live)) return true;
    return std::ranges::all_of(packset_of(snapshot), [this](PackNumber pack) { return packs_[pack].live(); });
}

std::vector<std::uint64_t> State::homes_of(const PackState& pack) const {
    std::vector<std::uint64_t> homes{pack.session};
    if (const auto found = adoptions_.find(pack.session); found != adoptions_.end()) {
        homes.insert(homes.end(), found->second.begin(), found->second.end());
    }
    return homes;
}

std::vector<bool> State::needed_packs() const {
    std::vector<PackSets::Id> sets;
    for (const auto& [record, snapshot] : snapshots_) sets.push_back(snapshot.packset);
    for (const auto& [id, session] : sessions_) sets.push_back(session.root_packset);
    const std::vector<std::uint32_t> holders = packsets_.first_holders(sets, packs_.size());
    std::vector<bool> needed(packs_.size());
    for (std::size_t pack = 0; pack < packs_.size(); ++pack) needed[pack] = holders[pack] != PackSets::kNone;
    for (const auto& [id, session] : sessions_) {
        for (const PackNumber pack : session.pending) needed[pack] = true;
    }
    return needed;
}

PackNumbers State::unneeded_packs() const {
    const std::vector<bool> needed = needed_packs();
    PackNumbers found;
    for (PackNumber pack = 0; pack < packs_.size(); ++pack) {
        if (!needed[pack] && packs_[pack].condemned == 0 && packs_[pack].reaped == 0) found.push_back(pack);
    }
    return found;
}

std::vector<Timestamp> State::retained_until() const {
    std::vector<const Snapshot*> retained;
    for (const auto& [record, snapshot] : snapshots_) {
        if (snapshot.retain_until.nanoseconds() != 0) retained.push_back(&snapshot);
    }
    // The first set that holds a pack then has the latest date of all that do.
    std::ranges::sort(retained, std::ranges::greater{},
                      [](const Snapshot* snapshot) { return snapshot->retain_until; });
    std::vector<PackSets::Id> sets;
    for (const Snapshot* snapshot : retained) sets.push_back(snapshot->packset);
    const std::vector<std::uint32_t> holders = packsets_.first_holders(sets, packs_.size());
    std::vector<Timestamp> dates(packs_.size());
    for (std::size_t pack = 0; pack < packs_.size(); ++pack) {
        if (holders[pack] != PackSets::kNone) dates[pack] = retained[holders[pack]]->retain_until;
    }
    return dates;
}

}  // namespace dr
