#pragma once
// Log: the totally ordered, hash-chained, signed records of a repository, and the state they replay to.
//
// Whoever creates log/<n> first has written record n; everyone else sees that, replays it and tries the next number. An
// append is acknowledged only after the bytes were read back from the store. A Log is for one thread at a time; any
// number of them, in any number of processes, may use one store.

#include <functional>
#include <map>
#include <span>

#include "dr/platform/clock.h"
#include "dr/repository/replay.h"
#include "dr/storage/object_store.h"

namespace dr {

struct LogOptions {
    // Checkpoints are believed when signed by genesis' actor or one of these who still has a role.
    std::vector<PublicKey> trusted_actors;
    // A head that this client has verified before, or had from a checkpoint that it believes: signatures of the last
    // records up to it are not checked again while genesis' actor and all trusted ones have a role.
    std::optional<Head> known;
    // Refuse (Forked) another repository than this one.
    std::optional<RepositoryId> expected;
    // What is no record at the end of the log, and what comes after a hole in it, is left out and told by problem()
    // instead of failing: for salvage and for writing admin.void. What the store cannot read still fails.
    bool stop_before_junk = false;
    bool use_checkpoints = true;
};

struct Appended {
    std::uint64_t seq = 0;
    RecordHash hash;
};

class Log {
public:
    // Writes genesis as record 0. AlreadyExists where there is a log already; else as append().
    static Result<Log> create(ObjectStore& store, const Genesis& genesis, const SigningKey& admin, const Clock& clock);

    // Reads the newest checkpoint it may believe and the records after it. NotFound where there is no log, Damaged
    // where a record is, or is missing while later ones are there; Forked for another repository than expected.
    static Result<Log> open(ObjectStore& store, LogOptions options = {});

    const State& state() const { return state_; }
    const RepositoryId& repository() const { return state_.repository(); }
    ObjectStore& store() const { return *store_; }

    // Replays what others appended since. Damaged as open().
    Result<void> refresh();

    // Makes sure that every record replayed so far is durable, also those that others wrote: to be called before acting
    // on them in a way that cannot be undone (deleting, telling somebody). append() does it by itself.
    Result<void> settle();

    // Makes the payload of the next record for the state as it is: called again, after replay, whenever somebody else
    // took the number. What it returns as an error ends the append.
    using Build = std::function<Result<RecordPayload>(const State&)>;

    // Appends one record, durable and read back when it returns. Besides the errors of `build` and of the store:
    // `if_void` when the rules would make the record void, Unsupported where the log holds a required record of an
    // unknown type, Damaged for junk in the log or where its end is missing, BadRequest for a body over the limit.
    // After Io or Unavailable the record may or may not appear later: this Log appends nothing more; open it again and
    // look. Whoever appends what others may make pointless meanwhile asks for another code than Refused, which the
    // store has uses for too.
    Result<Appended> append(const SigningKey& key, const Clock& clock, const Build& build,
                            ErrorCode if_void = ErrorCode::Refused);
    Result<Appended> append(const SigningKey& key, const Clock& clock, RecordPayload payload);

    // Damaged where a pack in the store belongs to a session that the log has not come to, or where one of the 512
    // numbers after the next is taken: the end of the log is missing. Once nothing was found no more is asked. append()
    // does so by itself; whoever writes something else first asks before.
    Result<void> check_end();
    // The same of the packs alone, for a listing of packs/ that was made before the log was last read.
    Result<void> is_within(std::span<const ObjectInfo> packs) const;

    // Reads a record again. NotFound or Damaged.
    Result<LogRecord> read(std::uint64_t seq) const;
    Result<RecordHash> hash_of(std::uint64_t seq) const;
    // Whether the log continues from `earlier`: that record is in its chain. Reads every record since.
    Result<bool> continues(const Head& earlier) const;
    // The commit of a snapshot, proven to be the one that was replayed; its `body` is the sealed one.
    Result<Commit> commit_of(const Snapshot& snapshot) const;

    // With stop_before_junk: what ended the reading.
    const std::optional<Error>& problem() const { return problem_; }
    // The checkpoint that open() used.
    std::optional<std::uint64_t> opened_from() const { return opened_from_; }

private:
    enum class Taken : std::uint8_t { ByUs, ByOthers };
    enum class End : std::uint8_t { Log, Hole, Unsure };

    Log(ObjectStore& store, LogOptions options) : store_(&store), options_(std::move(options)) {}

    Result<void> load();
    Result<void> load_genesis();
    std::vector<std::uint64_t> likely_checkpoints() const;
    std::vector<std::uint64_t> checkpoints_beyond() const;
    Result<void> replay_from(const State& genesis, std::span<const std::uint64_t> checkpoints,
                             std::vector<PublicKey>& trusted);
    Result<std::optional<PublicKey>> load_checkpoint(std::span<const std::uint64_t> numbers,
                                                     const std::vector<PublicKey>& trusted);
    Result<bool> is_in_log(const Head& head) const;
    Result<bool> exists(std::uint64_t seq) const;
    Result<bool> is_beyond(std::uint64_t seq, std::uint64_t reach) const;
    Result<std::uint64_t> find_head() const;
    Result<bool> is_tail_left() const;
    bool all_trusted_have_roles() const;
    void vouch_for_known();
    bool is_vouched_for(std::uint64_t seq, ByteSpan body) const;
    Result<void> replay_all(std::uint64_t reach);
    Result<End> what_ends(std::uint64_t seq, std::uint64_t reach);
    Result<bool> replay_next();
    Result<bool> replay_body(ByteSpan body);
    const VerifyKey* key_of(const PublicKey& actor);
    using Wanted = std::function<bool(ByteSpan body)>;
    Result<Bytes> body_at(std::uint64_t seq, const Wanted& is_wanted = [](ByteSpan) { return true; }) const;

    Result<void> may_append(const RecordPayload& payload) const;
    Result<Taken> take_number(std::uint64_t seq, RecordType type, ByteSpan file);
    void write_caches(const SigningKey& key) const;

    ObjectStore* store_;
    LogOptions options_;
    State state_;
    std::map<PublicKey, VerifyKey> keys_;
    std::vector<RecordHash> vouched_;  // of the records that end in options_.known
    std::uint64_t seen_ = 0;           // a number that was there at opening, the greatest that was found
    bool hole_ = false;                // the log goes on after a record that is missing
    bool whole_ = false;               // neither packs nor later records tell of some that are not there
    bool unsettled_ = false;           // records of others were replayed since log/ was last synced
    std::optional<Error> broken_;
    std::optional<Error> problem_;
    std::optional<std::uint64_t> opened_from_;
};

}  // namespace dr
