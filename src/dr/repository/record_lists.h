#pragma once
// The lists of a record are as long as a backup is large, its body is not: what they take is counted in bytes, and what
// does not fit goes into records before it.

#include <cstddef>

#include "dr/repository/log_record.h"

namespace dr {

// What a refresh or commit takes at most without its lists and its body: fixed fields, two identifiers, counts,
// signature.
inline constexpr std::size_t kRecordOverhead = 1024;

// The bytes of all items; their counts belong to kRecordOverhead.
std::size_t size_of(const RecordLists& lists);

// As many items as take no more than `room` bytes: packs first, then references, then index runs, those that come
// before those that go. `rescue` is not looked at: it is made for the record that it stands in.
RecordLists first_of(const RecordLists& lists, std::size_t room);
// Takes away what first_of() gave.
void remove_first(RecordLists& lists, const RecordLists& first);

}  // namespace dr
