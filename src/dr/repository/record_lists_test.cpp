#include "dr/repository/record_lists.h"

#include <gtest/gtest.h>

#include "dr/repository/replay_testing.h"

namespace dr {
namespace {

using namespace replay_testing;

RecordLists long_lists(std::uint64_t packs, std::uint64_t newrefs, std::uint64_t runs) {
    RecordLists made;
    for (std::uint64_t i = 0; i < packs; ++i) made.packs.push_back({pack_id(i), 1, std::uint64_t{100} << i % 50});
    for (std::uint64_t i = 0; i < newrefs; ++i) made.newrefs.push_back(pack_id(1'000'000 + i));
    for (std::uint64_t i = 0; i < runs; ++i) made.runs_added.push_back(pack_id(2'000'000 + i));
    for (std::uint64_t i = 0; i < runs; ++i) made.runs_removed.push_back(pack_id(3'000'000 + i));
    return made;
}

// The largest of everything beside the lists.
Commit largest_commit() {
    Commit made = commit(UINT64_MAX, 1, {});
    made.spec_id = Identifier::parse(std::string(Identifier::kMaxLength, 'a')).value();
    made.tag = made.spec_id;
    made.total_bytes = made.file_count = made.files_unreadable = UINT64_MAX;
    made.retention_days = UINT32_MAX;
    made.body.clear();
    return made;
}

TEST(RecordLists, WhateverTheListsAreTheRecordKeepsItsLimit) {
    RecordLists left = long_lists(9'000, 20'000, 300);
    const RecordLists all = left;
    RecordLists seen;
    int records = 0;
    while (size_of(left) != 0) {
        const RecordLists first = first_of(left, kMaxRecordBody - kRecordOverhead);
        ASSERT_GT(size_of(first), 0U);
        remove_first(left, first);
        LogRecord record;
        Commit made = largest_commit();
        made.lists = first;
        record.payload = made;
        const Result<Bytes> body = encode_record(record, key(1), RepositoryId{});
        ASSERT_TRUE(body.ok()) << body.error().one_line();
        ++records;
        seen.packs.insert(seen.packs.end(), first.packs.begin(), first.packs.end());
        seen.newrefs.insert(seen.newrefs.end(), first.newrefs.begin(), first.newrefs.end());
        seen.runs_added.insert(seen.runs_added.end(), first.runs_added.begin(), first.runs_added.end());
        seen.runs_removed.insert(seen.runs_removed.end(), first.runs_removed.begin(), first.runs_removed.end());
        // What stands for a run is there before the run goes.
        EXPECT_TRUE(seen.runs_removed.empty() || seen.runs_added.size() == 300);
    }
    EXPECT_EQ(seen, all);
    EXPECT_EQ(records, 3);
}

TEST(RecordLists, WithoutRoomNothingIsTaken) {
    EXPECT_EQ(first_of(long_lists(1, 1, 1), 10), RecordLists{});
    EXPECT_EQ(size_of(lists({}, {1}, {2, 3})), 96U);
}

}  // namespace
}  // namespace dr
