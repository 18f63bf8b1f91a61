#include "dr/repository/pins.h"

#include <algorithm>
#include <charconv>

#include "dr/base/hex.h"
#include "dr/base/shell_word.h"
#include "dr/crypto/sha256.h"

namespace dr {
namespace {

constexpr std::string_view kFirstLine = "qnwis-dr-pin 1";
constexpr std::size_t kMaxPinFile = 64 << 10;

Error no_pin(std::string_view why) { return Error{ErrorCode::Damaged, "the pin is damaged: " + std::string{why}}; }

// Takes "<key> <value>\n" off the front of `text`.
Result<std::string_view> take_line(std::string_view& text, std::string_view key) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return no_pin("it ends too early");
    std::string_view line = text.substr(0, end);
    if (!line.starts_with(key) || !line.substr(key.size()).starts_with(' '))
        return no_pin("there is no " + std::string{key});
    text.remove_prefix(end + 1);
    return line.substr(key.size() + 1);
}

template <typename Number>
Result<Number> take_number(std::string_view& text, std::string_view key) {
    const std::string_view digits = DR_TRY(take_line(text, key));
    Number value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem != std::errc{} || end != digits.data() + digits.size())
        return no_pin("its " + std::string{key} + " is no number");
    return value;
}

template <typename Id>
Result<Id> take_id(std::string_view& text, std::string_view key) {
    Result<Id> id = Id::parse(DR_TRY(take_line(text, key)));
    if (!id.ok()) return no_pin("its " + std::string{key} + " is no id");
    return id;
}

std::string described(const Head& head, Timestamp time) {
    return "record " + std::to_string(head.seq) + " (" + head.hash.short_hex() + ", " + time.human() + ")";
}

std::string quoted(std::string_view location) { return "'" + std::string{location} + "'"; }

Error forked(const Pin& before, const Pin& now, std::string_view how) {
    return Error{ErrorCode::Forked, "the repository in " + quoted(now.location) + " " + std::string{how}}
        .means("last seen here: " + described(before.head, before.time) + "; it now ends with " +
               described(now.head, now.time) + ": somebody put an older copy or another history there")
        .next("qnwis_dr list --accept-history --storage-path " + shell_quoted(now.location) +
              "    shows what is there, and believes it from now on");
}

Error another(const Pin& before, const Pin& now) {
    return Error{ErrorCode::Forked, "the repository in " + quoted(now.location) + " is " + now.repository.short_hex() +
                                        ", another one than was seen there before"}
        .means("this machine knows " + before.repository.short_hex() + " there, last seen at " +
               described(before.head, before.time) +
               ": another disk may be mounted, or somebody put another repository in its place")
        .next("qnwis_dr list --accept-history --storage-path " + shell_quoted(now.location) +
              "    shows what is there, and believes it from now on");
}

// Whether an admin has signed, in this very history, that it is meant although the pinned record is not in it: the
// rollback names a record of this history. One that was there when the pin was made excuses nothing: else whoever holds
// the storage could cut the log off right behind it at any later time.
Result<bool> rolled_back(const Log& log, const Pin& before) {
    for (const Rollback& rollback : log.state().rollbacks()) {
        if (std::ranges::count(before.rollbacks, rollback.record_hash) != 0) continue;
        if (DR_TRY(log.continues({rollback.names.seq, rollback.names.hash}))) return true;
    }
    return false;
}

}  // namespace

std::string print_pin(const Pin& pin) {
    std::string text{kFirstLine};
    text += "\nlocation " + to_base64(as_bytes(pin.location));
    text += "\nrepository " + pin.repository.hex();
    text += "\nhead " + std::to_string(pin.head.seq);
    text += "\nhash " + pin.head.hash.hex();
    text += "\ntime " + std::to_string(pin.time.nanoseconds()) + "\n";
    for (const RecordHash& rollback : pin.rollbacks) text += "rollback " + rollback.hex() + "\n";
    for (const PublicKey& actor : pin.actors) text += "actor " + actor.hex() + "\n";
    return text;
}

Result<Pin> parse_pin(std::string_view text) {
    if (!text.starts_with(kFirstLine) || !text.substr(kFirstLine.size()).starts_with('\n'))
        return no_pin("it does not start as one");
    text.remove_prefix(kFirstLine.size() + 1);
    Pin pin;
    const Result<Bytes> location = parse_base64(DR_TRY(take_line(text, "location")));
    if (!location.ok()) return no_pin("its location is no base64");
    pin.location = as_text(location.value());
    pin.repository = DR_TRY(take_id<RepositoryId>(text, "repository"));
    pin.head.seq = DR_TRY(take_number<std::uint64_t>(text, "head"));
    pin.head.hash = DR_TRY(take_id<RecordHash>(text, "hash"));
    pin.time = Timestamp{DR_TRY(take_number<std::int64_t>(text, "time"))};
    while (text.starts_with("rollback ")) pin.rollbacks.push_back(DR_TRY(take_id<RecordHash>(text, "rollback")));
    while (!text.empty()) pin.actors.push_back(DR_TRY(take_id<PublicKey>(text, "actor")));
    return pin;
}

std::string Pins::file_name(std::string_view location) {
    return "pin-" + to_hex(ByteSpan{sha256(as_bytes(location)).array()}.first(16));
}

Result<std::optional<Pin>> Pins::find(std::string_view location) const {
    Result<std::unique_ptr<DiskFile>> file = disk_.open(file_name(location));
    if (!file.ok() && file.error().code() == ErrorCode::NotFound) return std::optional<Pin>{};
    if (!file.ok()) return std::move(file).error();
    Bytes bytes(kMaxPinFile);
    bytes.resize(DR_TRY(file.value()->read_at(0, bytes)));
    Pin pin = DR_TRY(parse_pin(as_text(bytes)));
    if (pin.location != location) return no_pin("it is that of another location");
    return std::optional{std::move(pin)};
}

Result<PinCheck> Pins::check(const Log& log) const {
    const State& state = log.state();
    PinCheck result;
    result.now = {log.store().location(), state.repository(), state.head(), state.trusted_time(), {}, {}};
    result.before = DR_TRY(find(result.now.location));
    // Spent rollbacks stay spent, also those that a later one cut away.
    if (result.before) result.now.rollbacks = result.before->rollbacks;
    for (const Rollback& rollback : state.rollbacks()) {
        if (std::ranges::count(result.now.rollbacks, rollback.record_hash) == 0)
            result.now.rollbacks.push_back(rollback.record_hash);
    }
    result.first_sight = !result.before;
    if (result.first_sight) return result;

    const Pin& before = *result.before;
    result.now.actors = before.actors;
    if (before.repository != state.repository()) return another(before, result.now);
    if (DR_TRY(log.continues(before.head))) return result;
    if (DR_TRY(rolled_back(log, before))) return result;
    const bool older = before.head.seq > state.head().seq;
    return forked(before, result.now,
                  older ? "is older than when it was last seen" : "has another history than when it was last seen");
}

Result<void> Pins::check_empty(std::string_view location) const {
    const std::optional<Pin> before = DR_TRY(find(location));
    if (!before) return {};
    return Error{ErrorCode::Forked, "the storage in " + quoted(location) + " is empty, but repository " +
                                        before->repository.short_hex() + " was there before"}
        .means("last seen here: " + described(before->head, before->time) +
               "; its disk may not be mounted, or this is a new one; nothing was written")
        .next("qnwis_dr init --accept-history --storage-path " + shell_quoted(location) +
              "    if a new repository is meant to be there");
}

Result<void> Pins::remember(const PinCheck& checked) {
    if (!checked.has_news()) return {};
    // One that cannot be read is replaced by who was told to.
    const Result<std::optional<Pin>> there = find(checked.now.location);
    if (there.ok() && there.value() != checked.before)
        return Error{ErrorCode::Conflict, "another process changed the pin of " + quoted(checked.now.location)};
    return save(checked.now);
}

Result<void> Pins::trust(std::string_view location, const PublicKey& actor) {
    std::optional<Pin> pin = DR_TRY(find(location));
    if (!pin) return Error{ErrorCode::NotFound, "nothing is pinned for '" + std::string{location} + "'"};
    if (std::ranges::count(pin->actors, actor) != 0) return {};
    pin->actors.push_back(actor);
    return save(*pin);
}

// The new file is durable before it takes the name of the old one, so there is always one that is whole.
Result<void> Pins::save(const Pin& pin) {
    const std::string name = file_name(pin.location);
    const std::string text = print_pin(pin);
    if (text.size() > kMaxPinFile) return Error{ErrorCode::BadRequest, "a pin with so many actors is too large"};
    std::string temporary;
    std::unique_ptr<DiskFile> file;
    for (int number = 0; !file; ++number) {
        temporary = name + ".new-" + std::to_string(number);
        Result<std::unique_ptr<DiskFile>> created = disk_.create(temporary);
        if (created.ok()) file = std::move(created).value();
        // Somebody else is writing this pin, or was killed while doing so.
        else if (created.error().code() != ErrorCode::AlreadyExists || number == 100)
            return std::move(created).error();
    }
    Result<void> written = file->write(as_bytes(text));
    if (written.ok()) written = file->sync();
    if (written.ok()) written = disk_.rename(temporary, name);
    if (!written.ok()) {
        (void)disk_.unlink(temporary);
        return written;
    }
    return disk_.sync_directory("");
}

}  // namespace dr
