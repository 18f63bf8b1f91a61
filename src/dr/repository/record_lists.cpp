#include "dr/repository/record_lists.h"

#include "dr/codec/wire.h"

namespace dr {
namespace {

std::size_t size_of_item(const PackEntry& pack) { return PackId::kSize + 1 + varint_size(pack.size); }
std::size_t size_of_item(const PackId&) { return PackId::kSize; }

template <typename T>
std::size_t size_of_items(const std::vector<T>& items) {
    std::size_t size = 0;
    for (const T& item : items) size += size_of_item(item);
    return size;
}

template <typename T>
std::vector<T> first_items(const std::vector<T>& items, std::size_t& room) {
    std::vector<T> first;
    for (const T& item : items) {
        if (size_of_item(item) > room) {
            room = 0;  // nothing of a later list goes before the rest of this one
            break;
        }
        room -= size_of_item(item);
        first.push_back(item);
    }
    return first;
}

template <typename T>
void remove_items(std::vector<T>& items, std::size_t count) {
    items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

std::size_t size_of(const RecordLists& lists) {
    return size_of_items(lists.packs) + size_of_items(lists.runs_added) + size_of_items(lists.runs_removed) +
           size_of_items(lists.newrefs) + size_of_items(lists.rescue);
}

RecordLists first_of(const RecordLists& lists, std::size_t room) {
    RecordLists first;
    first.packs = first_items(lists.packs, room);
    first.newrefs = first_items(lists.newrefs, room);
    first.runs_added = first_items(lists.runs_added, room);
    first.runs_removed = first_items(lists.runs_removed, room);
    return first;
}

void remove_first(RecordLists& lists, const RecordLists& first) {
    remove_items(lists.packs, first.packs.size());
    remove_items(lists.newrefs, first.newrefs.size());
    remove_items(lists.runs_added, first.runs_added.size());
    remove_items(lists.runs_removed, first.runs_removed.size());
}

}  // namespace dr
