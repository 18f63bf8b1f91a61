#include "dr/repository/log_record.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dr/repository/replay_testing.h"

namespace dr {
namespace {

using namespace replay_testing;

std::vector<RecordPayload> every_payload() {
    RecordLists full = lists({1, 2}, {3}, {4});
    full.runs_added = pack_ids({5});
    full.runs_removed = pack_ids({6, 7});
    Commit whole = commit(3, 1, full, false);
    whole.worm = true;
    whole.retain_until = kStart;
    whole.retention_days = 30;
    whole.files_unreadable = 2;
    return {Genesis{Sha256::from(Bytes(32, 1)), {2}, 1, {3}},
            KeyGrant{key(2).public_key(), role::kBackup | role::kGc, "host a"},
            KeySlot{true, "k-0123456789abcdef", PublicKey::from(Bytes(32, 4)), Sha256::from(Bytes(32, 5))},
            KeySlot{false, "k-0123456789abcdef", {}, {}},
            KeyRing{7, Sha256::from(Bytes(32, 6))},
            Open{SessionKind::Gc, 12, {3, 400}},
            Refresh{300, full},
            whole,
            Close{1},
            Abandon{1U << 20},
            Forget{{{7, "older than 30 days"}, {9, ""}}},
            Tighten{{1, 2}, pack_ids({1})},
            Condemn{9, pack_ids({1, 2})},
            Reap{pack_ids({1})},
            Swept{pack_ids({})},
            Runs{pack_ids({1}), pack_ids({2})},
            DamagedPacks{pack_ids({1})},
            VerifiedPacks{pack_ids({1, 2, 3})},
            Hold{7, "case 12"},
            Release{7, "closed"},
            LockExtend{7, kStart},
            AdminVoid{7, Sha256::from(Bytes(32, 8))},
            AdminRollback{7, RecordHash::from(Bytes(32, 9))},
            UnknownPayload{99, {1, 2, 3}}};
}

LogRecord record_of(RecordPayload payload) {
    LogRecord record;
    record.seq = 42;
    record.prev = RecordHash::from(Bytes(32, 7));
    record.time = kStart;
    record.payload = std::move(payload);
    return record;
}

const RepositoryId kRepository = RepositoryId::from(Bytes(32, 0xaa));

TEST(LogRecord, EveryTypeIsReadAsItWasWritten) {
    std::size_t type = 0;
    for (const RecordPayload& payload : every_payload()) {
        LogRecord record = record_of(payload);
        const Bytes body = encode_record(record, key(1), kRepository).value();
        const Result<LogRecord> read = decode_record(body);
        ASSERT_TRUE(read.ok()) << name_of(record.type()) << ": " << read.error().one_line();
        EXPECT_EQ(read.value(), record) << name_of(record.type());
        EXPECT_TRUE(verify_record(read.value(), body, kRepository));
        type = std::max(type, payload.index());
    }
    EXPECT_EQ(type + 1, std::variant_size_v<RecordPayload>) << "a type is not tried";
}

TEST(LogRecord, EqualRecordsAreEqualBytes) {
    LogRecord one = record_of(Close{1});
    LogRecord two = record_of(Close{1});
    EXPECT_EQ(encode_record(one, key(1), kRepository).value(), encode_record(two, key(1), kRepository).value());
}

TEST(LogRecord, AnythingCutOffOrAddedIsDamage) {
    for (const RecordPayload& payload : every_payload()) {
        LogRecord record = record_of(payload);
        Bytes body = encode_record(record, key(1), kRepository).value();
        for (std::size_t size = 0; size < body.size(); ++size) {
            EXPECT_EQ(decode_record(ByteSpan{body}.first(size)).error().code(), ErrorCode::Damaged);
        }
        body.push_back(0);
        EXPECT_EQ(decode_record(body).error().code(), ErrorCode::Damaged);
    }
}

TEST(LogRecord, NoFlippedBitPassesTheSignature) {
    for (const RecordPayload& payload : every_payload()) {
        LogRecord record = record_of(payload);
        Bytes body = encode_record(record, key(1), kRepository).value();
        const std::size_t step = body.size() > 400 ? 37 : 5;
        for (std::size_t bit = 0; bit < body.size() * 8; bit += step) {
            body[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
            const Result<LogRecord> read = decode_record(body);
            EXPECT_FALSE(read.ok() && verify_record(read.value(), body, kRepository)) << "bit " << bit;
            body[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        }
    }
}

TEST(LogRecord, ASignatureIsForOneRepositoryAndOneActor) {
    LogRecord record = record_of(Close{1});
    const Bytes body = encode_record(record, key(1), kRepository).value();
    EXPECT_FALSE(verify_record(record, body, RepositoryId{}));
    EXPECT_FALSE(verify_record(record, body, kRepository, VerifyKey::create(key(2).public_key()).value()));
    LogRecord other = record;
    other.actor = key(2).public_key();
    EXPECT_FALSE(verify_record(other, body, kRepository));
    other.actor = PublicKey{};
    EXPECT_FALSE(verify_record(other, body, kRepository));
    EXPECT_FALSE(verify_record(record, ByteSpan{body}.first(10), kRepository));
}

TEST(LogRecord, WhatWouldNotBeReadIsNotWritten) {
    LogRecord large = record_of(Reap{std::vector<PackId>(kMaxRecordBody / 32)});
    EXPECT_EQ(encode_record(large, key(1), kRepository).error().code(), ErrorCode::BadRequest);
    const std::string text(kMaxReason + 1, 'x');
    for (const RecordPayload& payload :
         {RecordPayload{Hold{1, text}}, RecordPayload{Release{1, text}}, RecordPayload{Forget{{{1, text}}}},
          RecordPayload{KeyGrant{{}, 1, text}}, RecordPayload{KeySlot{true, text, {}, {}}}}) {
        LogRecord record = record_of(payload);
        EXPECT_EQ(encode_record(record, key(1), kRepository).error().code(), ErrorCode::BadRequest);
    }
}

TEST(LogRecord, BytesWithASecondMeaningAreRefused) {
    LogRecord record = record_of(commit(1, 1, {}));
    const Bytes body = encode_record(record, key(1), kRepository).value();
    const auto with = [&](std::size_t at, std::uint8_t byte) {
        Bytes changed = body;
        changed[at] = byte;
        return decode_record(changed).ok();
    };
    EXPECT_TRUE(with(2, 0)) << "not required is a flag that may be";
    EXPECT_FALSE(with(0, 2)) << "version";
    EXPECT_FALSE(with(1, 0)) << "type";
    EXPECT_FALSE(with(2, 2)) << "flags";
    EXPECT_FALSE(with(3, 1)) << "reserved";
    const auto tag = std::search(body.begin(), body.end(), std::begin("daily"), std::end("daily") - 1);
    ASSERT_NE(tag, body.end());
    EXPECT_FALSE(with(static_cast<std::size_t>(tag - body.begin()), '\x1b')) << "a terminal would obey it";
    EXPECT_EQ(decode_record(Bytes(kMaxRecordBody + 1)).error().code(), ErrorCode::Damaged);
}

TEST(LogRecord, NamesOfTypes) {
    EXPECT_EQ(name_of(RecordType::Genesis), "genesis");
    EXPECT_EQ(name_of(RecordType::LockExtend), "lock.extend");
    EXPECT_EQ(name_of(RecordType::AdminRollback), "admin.rollback");
    EXPECT_EQ(name_of(static_cast<RecordType>(99)), "type 99");
    EXPECT_EQ(record_name(42), "log/00000000000000000042");
}

// --- files

TEST(RecordFile, OneDamagedCopyIsEnoughToRead) {
    const Bytes body(1000, 0x33);
    const Bytes file = record_file(body);
    for (std::size_t at = 0; at < file.size(); at += 7) {
        Bytes damaged = file;
        damaged[at] ^= 0x40;
        const Result<ByteSpan> read = body_in_file(damaged);
        ASSERT_TRUE(read.ok()) << at;
        EXPECT_TRUE(equal(read.value(), body)) << at;
    }
    Bytes zeros = file;
    std::fill_n(zeros.begin(), file.size() / 2, std::uint8_t{0});
    EXPECT_TRUE(equal(body_in_file(zeros).value(), body));
    EXPECT_TRUE(equal(body_in_file(ByteSpan{file}.first(file.size() / 2)).value(), body))
        << "torn after the first copy";
}

TEST(RecordFile, TwoDamagedCopiesAreDamage) {
    Bytes file = record_file(Bytes(100, 1));
    file[50] ^= 1;
    file[file.size() - 1] ^= 1;
    EXPECT_EQ(body_in_file(file).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(body_in_file({}).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(body_in_file(Bytes(100)).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(body_in_file(Bytes(kMaxRecordFile + 1)).error().code(), ErrorCode::Damaged);
    EXPECT_EQ(body_in_file(record_file({})).error().code(), ErrorCode::Damaged);
}

}  // namespace
}  // namespace dr
