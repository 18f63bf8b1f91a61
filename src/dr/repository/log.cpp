#include "dr/repository/log.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "dr/base/check.h"
#include "dr/base/shell_word.h"
#include "dr/crypto/sha256.h"
#include "dr/repository/blob_source.h"
#include "dr/repository/checkpoint.h"
#include "dr/repository/log_archive.h"
#include "dr/repository/pack_format.h"

namespace dr {
namespace {

// A put whose outcome is not known is made again with the same bytes this often.
constexpr int kTries = 3;
// How far beyond the end a log is looked for when it is opened, later each time it is read on, and once before anything
// is appended. The last reaches furthest: what is appended must never bring a tail that is left into the others' sight.
// It asks for single numbers because log/ is never emptied: with 100,000 records a listing takes a hundred times as
// long.
constexpr std::uint64_t kReachAtOpening = 64;
constexpr std::uint64_t kReachLater = 1;
constexpr std::uint64_t kReachBeforeAppending = 512;
// No log comes to this number. Where a name says otherwise somebody put it there, and replay finds the hole before it.
constexpr std::uint64_t kNoSuchRecord = std::uint64_t{1} << 62;
// Records up to a known head that are read twice, for their hashes first.
constexpr std::uint64_t kMaxVouched = 2 * kCheckpointEvery;
// So many older checkpoints are tried when newer ones are missing, damaged or not believed; then the log is replayed
// from 0.
constexpr std::uint64_t kCheckpointsTried = 32;
// Of so many listed ones it is looked whether the log has their record.
constexpr std::uint64_t kNamesLookedAt = 1024;

Error no_log(const ObjectStore& store) {
    return Error{ErrorCode::NotFound, "there is no repository in '" + store.location() + "'"}.next(
        "qnwis_dr init --storage-path " + shell_quoted(store.location()));
}

Error damaged_at(std::uint64_t seq, std::string_view why) {
    return Error{ErrorCode::Damaged,
                 "record " + std::to_string(seq) + " of the log is damaged or foreign: " + std::string{why}}
        .means("what the log says after it cannot be known; nothing was written");
}

// What to type where the log lacks `seq`, or something lies there that is not the record. This record alone: a copy may
// hold others that were given up since. What is there now is kept beside it, and nothing happens without a copy. How to
// go on without one is no business of one line: another key or machine may still show what lies behind.
std::string bring_back(std::uint64_t seq, const ObjectStore& store) {
    const std::string name = record_name(seq);
    return "cp -a --backup=numbered COPY/" + name + " " + shell_quoted(store.location() + "/" + name) +
           "    with COPY a copy of this storage that has it; where there is none: docs/runbooks/lost-records.md";
}

Error hole_at(std::uint64_t seq, ObjectStore& store) {
    // Of an archive nobody thinks who looks at log/ alone.
    const bool archived = store.size(archive_name(seq)).ok();
    return Error{ErrorCode::Damaged,
                 "record " + std::to_string(seq) + " of the log is missing, and later ones " +
                     (archived ? "were there: '" + archive_name(seq) + "' does not give it back" : "are there")}
        .means(
            "the log has a hole: snapshots committed after it cannot be listed or restored until the record is back; "
            "nothing was written")
        .next(bring_back(seq, store));
}

// Whether two who write the same bytes under one number may both call the record theirs. A session belongs to whoever
// wrote its open, and a clone of this machine with the same key and the same clock writes the same one; genesis says
// who made the repository. All else either holds random bytes or has the same effect whoever wrote it.
bool may_share(RecordType type) { return type != RecordType::Open && type != RecordType::Genesis; }

// Whether `body` says that it is a record of this number. Its signature is not looked at.
bool is_record(ByteSpan body, std::uint64_t seq) {
    const Result<LogRecord> record = decode_record(body);
    return record.ok() && record.value().seq == seq;
}

// Whether `body` says that it is the record after `before`. Its signature is not looked at.
bool follows(ByteSpan body, const Head& before) {
    const Result<LogRecord> record = decode_record(body);
    return record.ok() && record.value().seq == before.seq + 1 && record.value().prev == before.hash;
}

// Whether `body` says that it is record `seq` and comes after another one than `before`.
bool is_of_another_history(ByteSpan body, std::uint64_t seq, const RecordHash& before) {
    const Result<LogRecord> record = decode_record(body);
    return record.ok() && record.value().seq == seq && record.value().prev != before;
}

}  // namespace

// --- opening

Result<Log> Log::open(ObjectStore& store, LogOptions options) {
    Log log{store, std::move(options)};
    DR_TRY(log.load());
    return log;
}

Result<void> Log::load() {
    DR_TRY(load_genesis());
    if (options_.expected && *options_.expected != repository()) {
        return Error{ErrorCode::Forked, "the repository in '" + store_->location() + "' is " +
                                            repository().short_hex() + ", not " + options_.expected->short_hex()};
    }
    seen_ = DR_TRY(find_head());
    const State genesis = state_;
    options_.trusted_actors.push_back(state_.first_admin());
    std::vector<PublicKey> trusted = options_.trusted_actors;
    if (!options_.use_checkpoints) return replay_from(genesis, {}, trusted);

    Result<void> replayed = replay_from(genesis, likely_checkpoints(), trusted);
    const bool stopped = hole_ || (!replayed.ok() && means_damage(replayed.error()));
    const std::vector<std::uint64_t> further = stopped ? checkpoints_beyond() : std::vector<std::uint64_t>{};
    if (further.empty()) return replayed;
    Log beyond = *this;
    Result<void> replayed_beyond = beyond.replay_from(genesis, further, trusted);
    if (!beyond.opened_from_) return replayed;  // none of them was any good: what was read before is more
    *this = std::move(beyond);
    return replayed_beyond;
}

// Starts from the first of `checkpoints` that can be believed, or from genesis. Whose checkpoints those are is in
// `trusted`; who proves to be no longer to be believed is taken out.
Result<void> Log::replay_from(const State& genesis, std::span<const std::uint64_t> checkpoints,
                              std::vector<PublicKey>& trusted) {
    while (true) {
        state_ = genesis;
        opened_from_.reset();
        const std::optional<PublicKey> signer = DR_TRY(load_checkpoint(checkpoints, trusted));
        // What was read may have been written a moment ago by somebody who did not get to sync it.
        unsettled_ = true;
        hole_ = false;
        vouch_for_known();
        Result<void> replayed = replay_all(kReachAtOpening);
        const bool believed = !signer || state_.roles_of(*signer) != 0;
        const bool vouched_well = vouched_.empty() || all_trusted_have_roles();
        if (believed && vouched_well) return replayed;
        // The log says later on that somebody is no longer to be believed: without his checkpoint, then, and without
        // what was pinned, which may rest on him too.
        if (!believed) std::erase(trusted, *signer);
        options_.known.reset();
    }
}

Result<void> Log::load_genesis() {
    Result<Bytes> body = body_at(0);
    if (!body.ok() && body.error().code() == ErrorCode::NotFound)
        return DR_TRY(is_beyond(0, kReachAtOpening)) ? hole_at(0, *store_) : no_log(*store_);
    if (!body.ok()) return std::move(body).error();
    const LogRecord record = DR_TRY(decode_record(body.value()));
    const bool genesis = std::holds_alternative<Genesis>(record.payload) && record.seq == 0 && record.prev.is_zero();
    if (!genesis || !verify_record(record, body.value(), RepositoryId{}))
        return damaged_at(0, "it is no genesis that its actor signed").next(bring_back(0, *store_));
    apply(state_, record, record_hash(body.value()));
    return {};
}

Result<bool> Log::exists(std::uint64_t seq) const {
    const Result<std::uint64_t> size = store_->size(record_name(seq));
    if (!size.ok() && size.error().code() != ErrorCode::NotFound) return size.error();
    return size.ok();
}

// Whether there is a record after the absent `seq`, up to `reach` numbers on.
Result<bool> Log::is_beyond(std::uint64_t seq, std::uint64_t reach) const {
    for (std::uint64_t distance = 1; distance <= reach; ++distance) {
        if (DR_TRY(exists(seq + distance))) return true;
    }
    return false;
}

// The numbers have no gaps, so the last one is found by doubling and halving, without a listing. Where there is a gap
// it is the end of some piece, and replay finds the gap.
Result<std::uint64_t> Log::find_head() const {
    std::uint64_t there = 0;
    std::uint64_t absent = 1;
    while (absent < kNoSuchRecord && DR_TRY(exists(absent))) {
        there = absent;
        absent *= 2;
    }
    while (absent - there > 1) {
        const std::uint64_t middle = there + (absent - there) / 2;
        (DR_TRY(exists(middle)) ? there : absent) = middle;
    }
    return there;
}

// Numbers whose checkpoints may be there, newest first: of the log as find_head() saw it.
std::vector<std::uint64_t> Log::likely_checkpoints() const {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t groups = (seen_ + 1) / kCheckpointEvery; groups > 0; --groups) {
        if (numbers.size() == kCheckpointsTried) break;
        numbers.push_back(groups * kCheckpointEvery - 1);
    }
    return numbers;
}

// A missing record deceives find_head(); checkpoints beyond it may be there all the same. Newest first, and only those
// that the log may go on from: anybody who can write there can put names, and what only an archive has may be left from
// a history that was given up.
std::vector<std::uint64_t> Log::checkpoints_beyond() const {
    const Result<std::vector<ObjectInfo>> listed = store_->list("checkpoints");
    if (!listed.ok()) return {};  // they are caches
    std::vector<std::uint64_t> numbers;
    for (const ObjectInfo& object : listed.value()) {
        const std::optional<std::uint64_t> seq = checkpoint_in_name(object.name);
        if (seq && *seq > state_.head().seq) numbers.push_back(*seq);
    }
    std::ranges::sort(numbers, std::greater{});
    numbers.resize(std::min(numbers.size(), kNamesLookedAt));
    const auto is_there = [this](std::uint64_t seq) { return store_->size(record_name(seq)).ok(); };
    std::erase_if(numbers, [&](std::uint64_t seq) { return !is_there(seq) && !is_there(seq + 1); });
    numbers.resize(std::min(numbers.size(), kCheckpointsTried));
    return numbers;
}

// Starts from the first that can be believed and tells who signed it; nothing where none can.
Result<std::optional<PublicKey>> Log::load_checkpoint(std::span<const std::uint64_t> numbers,
                                                      const std::vector<PublicKey>& trusted) {
    for (const std::uint64_t seq : numbers) {
        // A checkpoint is only a cache: whatever is wrong with it, there is an older one, and at last the log itself.
        Result<Checkpoint> checkpoint = read_checkpoint(*store_, seq, repository(), trusted);
        if (!checkpoint.ok() || !DR_TRY(is_in_log(checkpoint.value().state.head()))) continue;
        state_ = std::move(checkpoint.value().state);
        opened_from_ = seq;
        seen_ = std::max(seen_, seq);
        return std::optional{checkpoint.value().actor};
    }
    return std::optional<PublicKey>{};
}

// Whether the log has this record, or goes on from it where the record itself is lost. Where neither can be read the
// checkpoint may be left from an end of the log that was lost, and what was written there since would be hidden. An
// archive may be left from there as well, so it proves nothing here.
Result<bool> Log::is_in_log(const Head& head) const {
    for (const std::uint64_t seq : {head.seq, head.seq + 1}) {
        const Result<Bytes> file = store_->get(record_name(seq), kMaxRecordFile);
        if (!file.ok() && !means_damage(file.error())) return file.error();
        const Result<ByteSpan> body = file.ok() ? body_in_file(file.value()) : Result<ByteSpan>{file.error()};
        if (!body.ok() || !is_record(body.value(), seq)) continue;
        return seq == head.seq ? record_hash(body.value()) == head.hash : follows(body.value(), head);
    }
    return false;
}

// --- replaying

Result<void> Log::refresh() { return replay_all(kReachLater); }

Result<void> Log::replay_all(std::uint64_t reach) {
    End end = End::Unsure;
    while (end == End::Unsure) {
        while (DR_TRY(replay_next())) {
        }
        end = DR_TRY(what_ends(state_.next_seq(), reach));
    }
    hole_ = end == End::Hole;
    problem_.reset();
    if (hole_) {
        problem_ = hole_at(state_.next_seq(), *store_);
    } else if (!state_.junk().empty()) {
        const std::uint64_t seq = state_.junk().front().seq;
        problem_ = damaged_at(seq, "it does not continue the record before it").next(bring_back(seq, *store_));
    }
    if (problem_ && !options_.stop_before_junk) return *problem_;
    return {};
}

// What it means that `seq`, the next number, was not there a moment ago. Unsure: read on, there is more by now.
Result<Log::End> Log::what_ends(std::uint64_t seq, std::uint64_t reach) {
    const Result<Bytes> archived = file_in_archive(*store_, seq);
    bool none = !archived.ok() && archived.error().code() == ErrorCode::NotFound;
    if (!archived.ok() && !means_damage(archived.error())) return archived.error();
    if (archived.ok()) {
        const Result<ByteSpan> body = body_in_file(archived.value());
        if (body.ok() && DR_TRY(replay_body(body.value()))) return End::Unsure;
        // Left from an end of the log that was lost, and the loss accepted: it tells of no number that was taken since.
        none = body.ok() && is_of_another_history(body.value(), seq, state_.head().hash);
    }
    // Archives are of whole groups: where one is, all its records were.
    if (none && seen_ < seq && !DR_TRY(is_beyond(seq, reach))) return End::Log;
    // Numbers are taken in order: whoever took a later one did so after this one, which must be there now.
    return DR_TRY(exists(seq)) ? End::Unsure : End::Hole;
}

// Whether there was a next number at all.
Result<bool> Log::replay_next() {
    const std::uint64_t seq = state_.next_seq();
    Result<Bytes> file = store_->get(record_name(seq), kMaxRecordFile);
    if (!file.ok() && file.error().code() == ErrorCode::NotFound) return false;
    if (!file.ok() && !means_damage(file.error())) return std::move(file).error();

    unsettled_ = true;
    const Result<ByteSpan> body = file.ok() ? body_in_file(file.value()) : Result<ByteSpan>{file.error()};
    if (body.ok() && DR_TRY(replay_body(body.value()))) return true;
    // The object is no good: perhaps it rotted, or another lies in its place, and the archive has it.
    if (const Result<Bytes> archived = file_in_archive(*store_, seq); archived.ok()) {
        const Result<ByteSpan> found = body_in_file(archived.value());
        if (found.ok() && DR_TRY(replay_body(found.value()))) return true;
    }
    // Others may be able to read it: nobody can say here what lies there.
    if (!file.ok() && file.error().code() != ErrorCode::Damaged)
        return damaged_at(seq, file.error().what()).next(bring_back(seq, *store_));
    // What is larger than any record is not read; its hash is then that of nothing.
    apply_junk(state_, seq, file.ok() ? sha256(file.value()) : Sha256{});
    return true;
}

// Applies the next record; false when `body` is not that: malformed, of another place, or not signed by its actor.
Result<bool> Log::replay_body(ByteSpan body) {
    const Result<LogRecord> record = decode_record(body);
    if (!record.ok() || record.value().seq != state_.next_seq() || record.value().prev != state_.head().hash)
        return false;
    if (!is_vouched_for(record.value().seq, body)) {
        const VerifyKey* key = key_of(record.value().actor);
        if (key == nullptr || !verify_record(record.value(), body, repository(), *key)) return false;
    }
    apply(state_, record.value(), record_hash(body));
    return true;
}

bool Log::all_trusted_have_roles() const {
    return std::ranges::all_of(options_.trusted_actors,
                               [this](const PublicKey& actor) { return state_.roles_of(actor) != 0; });
}

// The chain of hashes from where replay starts to a head that was verified before can be of no other records than were
// verified then. Checking hashes costs a hundredth of checking signatures. The head may have been had from the
// checkpoint of any of the trusted, whether or not that one is still there: it counts while all of them have a role.
void Log::vouch_for_known() {
    vouched_.clear();
    if (!options_.known || options_.known->seq <= state_.head().seq || !all_trusted_have_roles()) return;
    if (options_.known->seq - state_.head().seq > kMaxVouched) return;
    std::vector<RecordHash> chain;
    Head last = state_.head();
    while (last.seq < options_.known->seq) {
        const Result<Bytes> body = body_at(last.seq + 1);
        // Whatever is wrong, replay looks closer.
        if (!body.ok() || !follows(body.value(), last)) return;
        last = {last.seq + 1, record_hash(body.value())};
        chain.push_back(last.hash);
    }
    if (last == *options_.known) vouched_ = std::move(chain);
}

bool Log::is_vouched_for(std::uint64_t seq, ByteSpan body) const {
    const std::uint64_t from_end = options_.known ? options_.known->seq - seq : 0;
    if (vouched_.empty() || seq > options_.known->seq || from_end >= vouched_.size()) return false;
    return record_hash(body) == vouched_[vouched_.size() - 1 - from_end];
}

// Checking that a key is a point of the curve costs as much as checking a signature, and few actors sign much.
const VerifyKey* Log::key_of(const PublicKey& actor) {
    if (const auto found = keys_.find(actor); found != keys_.end()) return &found->second;
    Result<VerifyKey> key = VerifyKey::create(actor);
    if (!key.ok()) return nullptr;
    return &keys_.emplace(actor, std::move(key).value()).first->second;
}

Result<void> Log::settle() {
    if (!unsettled_) return {};
    DR_TRY(store_->sync_directory("log"));
    unsettled_ = false;
    return {};
}

// --- appending

Result<Log> Log::create(ObjectStore& store, const Genesis& genesis, const SigningKey& admin, const Clock& clock) {
    Log log{store, {}};
    LogRecord record;
    record.time = clock.now();
    record.payload = genesis;
    const Bytes body = DR_TRY(encode_record(record, admin, RepositoryId{}));
    if (DR_TRY(log.take_number(0, RecordType::Genesis, record_file(body))) == Taken::ByOthers) {
        return Error{ErrorCode::AlreadyExists, "there is a repository in '" + store.location() + "' already"};
    }
    apply(log.state_, record, record_hash(body));
    return log;
}

Result<Appended> Log::append(const SigningKey& key, const Clock& clock, RecordPayload payload) {
    return append(key, clock, [&payload](const State&) -> Result<RecordPayload> { return payload; });
}

Result<Appended> Log::append(const SigningKey& key, const Clock& clock, const Build& build, ErrorCode if_void) {
    while (true) {
        if (broken_) return *broken_;
        DR_TRY(check_end());
        DR_TRY(refresh());
        LogRecord record;
        record.payload = DR_TRY(build(state_));
        DR_TRY(may_append(record.payload));
        record.seq = state_.next_seq();
        record.prev = state_.head().hash;
        record.time = clock.now();
        const Bytes body = DR_TRY(encode_record(record, key, repository()));
        // Bytes that nobody can read would be junk that stops everybody.
        if (const Result<LogRecord> back = decode_record(body); !back.ok() || back.value() != record) {
            return Error{ErrorCode::BadRequest, "a " + name_of(record.type()) + " record holds what none can" +
                                                    (back.ok() ? "" : ": " + back.error().what())};
        }
        if (const std::optional<std::string> reason = void_reason(state_, record)) {
            return Error{if_void, "a " + name_of(record.type()) + " record would be void: " + *reason};
        }
        // The new record stands on all before it: none of them may vanish from under it.
        DR_TRY(settle());
        if (DR_TRY(take_number(record.seq, record.type(), record_file(body))) == Taken::ByOthers) continue;

        const Appended appended{record.seq, record_hash(body)};
        DR_CHECK(apply(state_, record, appended.hash).applied());
        write_caches(key);
        return appended;
    }
}

// A session's record is durable before its first pack. A pack of a session that the log has not come to therefore
// proves that the end of the log is missing: whoever went on from here would take the numbers of what was acknowledged,
// and its packs would look like nobody's.
Result<void> Log::check_end() {
    while (!whole_) {
        const std::vector<ObjectInfo> packs = DR_TRY(store_->list("packs"));
        DR_TRY(refresh());
        DR_TRY(is_within(packs));
        whole_ = !DR_TRY(is_tail_left());
    }
    return {};
}

// The same of records behind more lost ones than who opens the log looks beyond: once the log came near them they would
// be a hole in it for everybody. True where others only went on meanwhile.
Result<bool> Log::is_tail_left() const {
    const std::uint64_t next = state_.next_seq();
    if (!DR_TRY(is_beyond(next, kReachBeforeAppending))) return false;
    // Numbers are taken in order: if nobody went on, the next one is lost.
    if (DR_TRY(exists(next))) return true;
    return hole_at(next, *store_);
}

Result<void> Log::is_within(std::span<const ObjectInfo> packs) const {
    std::set<std::uint64_t> lost;
    for (const ObjectInfo& object : packs) {
        const std::optional<PackName> pack = pack_in_name(object.name);
        if (pack && pack->session >= state_.next_seq()) lost.insert(pack->session);
    }
    if (lost.empty()) return {};
    const std::string first = session_directory_name(*lost.begin());
    const std::string others = lost.size() == 1 ? "" : " and " + std::to_string(lost.size() - 1) + " more of packs/";
    return Error{ErrorCode::Damaged, "the packs of '" + first + "'" + others +
                                         " are of sessions that the log does not know: it ends at record " +
                                         std::to_string(state_.head().seq)}
        .means(
            "the end of the log is missing, and snapshots that need these packs; the others can be restored, and "
            "nothing was written or removed")
        .next(bring_back(state_.next_seq(), *store_));
}

Result<void> Log::may_append(const RecordPayload& payload) const {
    if (const std::optional<std::uint64_t> unknown = state_.unknown_required()) {
        return Error{ErrorCode::Unsupported,
                     "record " + std::to_string(*unknown) + " of the log is of a type that this version does not know"}
            .means("a newer version wrote to this repository; this one may read it but not write")
            .next("qnwis_dr version");
    }
    if (state_.genesis().arbitration != 1) {
        return Error{ErrorCode::Unsupported,
                     "the repository decides in a way that this version does not know who wins a "
                     "number of the log"}
            .means("this version may read it but not write")
            .next("qnwis_dr version");
    }
    if (hole_) return *problem_;
    if (!state_.junk().empty() && !std::holds_alternative<AdminVoid>(payload)) return *problem_;
    return {};
}

// Puts `file` under the number and reads back who has it. What the put said is a hint only: an error may come after the
// bytes arrived, and "taken" from something below that asked twice. Equal bytes are ours, but for those that must not
// be shared: they are ours unless the store said plainly that the name was taken before we ever tried. (Then a session
// may be left that nobody knows; the next prune ends it.)
Result<Log::Taken> Log::take_number(std::uint64_t seq, RecordType type, ByteSpan file) {
    const std::string name = record_name(seq);
    bool ours_may_be_there = may_share(type);
    std::optional<Error> failure;
    for (int attempt = 0; attempt < kTries; ++attempt) {
        const Result<void> put = store_->put_new(name, file, Durability::Now);
        if (put.ok() || put.error().code() != ErrorCode::AlreadyExists) ours_may_be_there = true;
        const Result<Bytes> back = store_->get(name, kMaxRecordFile);
        if (back.ok() && equal(back.value(), file) && ours_may_be_there) {
            // Seen is not durable yet, unless the put itself said so.
            if (put.ok()) return Taken::ByUs;
            if (const Result<void> synced = store_->sync_directory("log"); synced.ok()) return Taken::ByUs;
        } else if (back.ok() || back.error().code() == ErrorCode::Damaged) {
            return Taken::ByOthers;
        }
        failure = put.ok() ? back.error() : put.error();
        const bool nothing_there = !back.ok() && back.error().code() == ErrorCode::NotFound;
        const bool certain = failure->code() == ErrorCode::NoSpace || failure->code() == ErrorCode::Refused;
        if (nothing_there && certain && attempt == 0) return *failure;
    }
    broken_ = Error{*failure}.means("record " + std::to_string(seq) +
                                    " may or may not appear later; open the repository again to see");
    return *broken_;
}

// Whoever fills a group writes its caches. That this fails is no failure: the next group gets its own.
void Log::write_caches(const SigningKey& key) const {
    const std::uint64_t seq = state_.head().seq;
    // A state with junk left is not kept: the checkpoint would forget it.
    if ((seq + 1) % kCheckpointEvery == 0 && state_.junk().empty()) (void)write_checkpoint(*store_, state_, key);
    if ((seq + 1) % kArchiveEvery == 0) (void)write_archive(*store_, seq);
}

// --- reading again

// The body of a record from its own object or, where that is damaged or not what is wanted, from the archive. Where
// neither is, what is readable is returned, for the caller to refuse.
Result<Bytes> Log::body_at(std::uint64_t seq, const Wanted& is_wanted) const {
    const auto body_of = [](const Bytes& file) -> Result<Bytes> {
        const ByteSpan body = DR_TRY(body_in_file(file));
        return Bytes(body.begin(), body.end());
    };
    Result<Bytes> file = store_->get(record_name(seq), kMaxRecordFile);
    Result<Bytes> body = file.ok() ? body_of(file.value()) : std::move(file);
    if (body.ok() && is_wanted(body.value())) return body;
    if (!body.ok() && !means_damage(body.error())) return body;
    const Result<Bytes> archived = file_in_archive(*store_, seq);
    if (!archived.ok()) return body;
    Result<Bytes> from_archive = body_of(archived.value());
    const bool better = from_archive.ok() && (!body.ok() || is_wanted(from_archive.value()));
    return better ? from_archive : body;
}

Result<LogRecord> Log::read(std::uint64_t seq) const {
    const Bytes body = DR_TRY(body_at(seq));
    LogRecord record = DR_TRY(decode_record(body));
    if (record.seq != seq) return damaged_at(seq, "it is another record");
    return record;
}

Result<RecordHash> Log::hash_of(std::uint64_t seq) const {
    if (seq == state_.head().seq) return state_.head().hash;
    return record_hash(DR_TRY(body_at(seq)));
}

Result<bool> Log::continues(const Head& earlier) const {
    Head last = earlier;
    std::optional<Error> damage;
    for (std::uint64_t seq = earlier.seq + 1; seq <= state_.head().seq; ++seq) {
        last.seq = seq - 1;
        const Result<Bytes> body = body_at(seq, [&](ByteSpan found) { return follows(found, last); });
        if (!body.ok() && !means_damage(body.error())) return body.error();
        // Whatever does not follow is junk that was passed, or proof of a fork: the end of the walk tells which.
        if (body.ok() && follows(body.value(), last)) last.hash = record_hash(body.value());
        if (!body.ok() && !damage) damage = damaged_at(seq, body.error().what());
    }
    const bool arrived = earlier.seq <= state_.head().seq && last.hash == state_.head().hash;
    // A record that rotted proves no other history.
    if (!arrived && damage) return *damage;
    return arrived;
}

Result<Commit> Log::commit_of(const Snapshot& snapshot) const {
    const Result<Bytes> body =
        body_at(snapshot.record, [&](ByteSpan found) { return record_hash(found) == snapshot.record_hash; });
    if (!body.ok() && means_damage(body.error())) return damaged_at(snapshot.record, body.error().what());
    if (!body.ok()) return body.error();
    if (record_hash(body.value()) != snapshot.record_hash)
        return damaged_at(snapshot.record, "it is not the one that was replayed");
    LogRecord record = DR_TRY(decode_record(body.value()));
    Commit* commit = std::get_if<Commit>(&record.payload);
    if (commit == nullptr) return damaged_at(snapshot.record, "it is no commit");
    return std::move(*commit);
}

}  // namespace dr
