#include "dr/repository/pack_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace dr {
namespace {

constexpr std::size_t kFirstSlots = 1024;

// Each entry lies a few places from where it belongs: what found its slot taken lies a few slots on.
void sort_what_is_nearly_sorted(std::vector<PackTable::Entry>& entries) {
    for (std::size_t i = 1; i < entries.size(); ++i) {
        const PackTable::Entry entry = entries[i];
        std::size_t at = i;
        for (; at > 0 && entry.id < entries[at - 1].id; --at) entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

}  // namespace

const PackTable::Entry* PackTable::find(const Id16& id) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t at = start_of(id);; at = (at + 1) & (slots_.size() - 1)) {
        const Entry& entry = slots_[at];
        if (entry.packed_slot == 0) return nullptr;
        if (entry.id == id) return &entry;
    }
}

void PackTable::insert(const Id16& id, const FrameSlot& slot) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    // The type is never 0, so that no taken slot looks free.
    place({id, std::uint64_t{slot.frame} << 24U | std::uint64_t{slot.ordinal} << 8U |
                   static_cast<std::uint64_t>(slot.type)});
    ++size_;
}

void PackTable::place(const Entry& entry) {
    std::size_t at = start_of(entry.id);
    while (slots_[at].packed_slot != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = entry;
}

void PackTable::grow() {
    std::vector<Entry> old = std::exchange(slots_, {});
    slots_.resize(old.empty() ? kFirstSlots : old.size() * 2);
    shift_ = 64 - static_cast<unsigned>(std::bit_width(slots_.size() - 1));
    for (const Entry& entry : old) {
        if (entry.packed_slot != 0) place(entry);
    }
}

std::vector<PackTable::Entry> PackTable::take_sorted() {
    std::vector<Entry> entries = std::exchange(slots_, {});
    size_ = 0;
    // What found the last slots taken lies in the first ones, before the first free one.
    std::vector<Entry> wrapped;
    for (Entry& entry : entries) {
        if (entry.packed_slot == 0) break;
        if (entry.id.high >> 63U != 0) wrapped.push_back(std::exchange(entry, {}));
    }
    std::erase_if(entries, [](const Entry& entry) { return entry.packed_slot == 0; });
    entries.insert(entries.end(), wrapped.begin(), wrapped.end());
    sort_what_is_nearly_sorted(entries);
    return entries;
}

}  // namespace dr
