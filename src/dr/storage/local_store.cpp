#include "dr/storage/local_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "dr/base/check.h"
#include "dr/base/hex.h"
#include "dr/storage/object_name.h"

namespace dr {
namespace {

// Bytes that wait lie in the page cache; what must be bounded is how many files are open.
constexpr std::size_t kMaxOutstanding = 32;
// The system starts writing a piece out while we bring the next, so little is left to do when the file is synced.
constexpr std::size_t kPiece = std::size_t{8} << 20;

std::uint64_t total(std::span<const ByteSpan> parts) {
    std::uint64_t bytes = 0;
    for (const ByteSpan part : parts) bytes += part.size();
    return bytes;
}

Result<void> write_parts(DiskFile& file, std::span<const ByteSpan> parts) {
    std::uint64_t written = 0;
    for (ByteSpan part : parts) {
        while (!part.empty()) {
            const ByteSpan piece = part.first(std::min(part.size(), kPiece));
            DR_TRY(file.write(piece));
            if (piece.size() == kPiece) file.start_writeback(written, piece.size());
            written += piece.size();
            part = part.subspan(piece.size());
        }
    }
    return {};
}

Result<void> check_readable_name(std::string_view name) {
    DR_TRY(check_object_name(name));
    if (name.starts_with(kTemporaryDirectory) && name.substr(kTemporaryDirectory.size()).starts_with('/')) {
        return Error{ErrorCode::BadRequest, "'" + std::string{name} + "' would be a temporary file, not an object"};
    }
    return {};
}

// Whether a file in tmp/ has a name that create_temporary() gives. Others may lie there too: marks of open sessions.
bool is_put_in_progress(std::string_view name) {
    constexpr std::size_t kToken = 16;
    return name.size() > kToken && name[kToken] == '-' && parse_hex(name.substr(0, kToken)).ok();
}

Error taken(std::string_view name) {
    return Error{ErrorCode::AlreadyExists, "there is a '" + std::string{name} + "' already"};
}

}  // namespace

std::unique_ptr<LocalStore> LocalStore::open(Disk& disk, Random& random, LocalStoreOptions options) {
    return std::unique_ptr<LocalStore>{new LocalStore{nullptr, disk, random, std::move(options)}};
}

std::unique_ptr<LocalStore> LocalStore::open(std::unique_ptr<Disk> disk, Random& random, LocalStoreOptions options) {
    Disk& borrowed = *disk;
    return std::unique_ptr<LocalStore>{new LocalStore{std::move(disk), borrowed, random, std::move(options)}};
}

LocalStore::LocalStore(std::unique_ptr<Disk> owned, Disk& disk, Random& random, LocalStoreOptions options)
    : owned_(std::move(owned)), disk_(disk), options_(std::move(options)), token_(to_hex(random.array<8>())) {}

LocalStore::~LocalStore() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    changed_.notify_all();
    threads_.clear();
    std::unique_lock lock{mutex_};
    while (!queue_.empty()) publish_queued(lock);
}

Result<void> LocalStore::put_new(std::string_view name, std::span<const ByteSpan> parts, Durability durability) {
    DR_TRY(check_readable_name(name));
    DR_TRY(writable());
    DR_TRY(prepare_directory(directory_of(name)));
    DR_TRY(reserve(name, durability));
    Result<Pending> pending = write_temporary(name, parts);
    if (durability == Durability::Later) {
        if (pending.ok()) return enqueue(std::move(pending).value());
        const std::lock_guard lock{mutex_};
        reserved_.erase(std::string{name});
    }
    if (!pending.ok()) return std::move(pending).error();
    DR_TRY(publish(pending.value()));
    return sync_noted(noted_above(name));
}

// A Later put learns at once that its name is taken, where that can be known; the link decides in the end. Whoever is
// about to publish the name holds it reserved until it is there, so looking after reserving misses nobody here.
Result<void> LocalStore::reserve(std::string_view name, Durability durability) {
    {
        const std::lock_guard lock{mutex_};
        if (reserved_.contains(name)) return taken(name);
        if (durability == Durability::Now) return {};
        reserved_.emplace(name);
    }
    if (!disk_.stat(name).ok()) return {};
    note_changed(directory_of(name));
    const std::lock_guard lock{mutex_};
    reserved_.erase(std::string{name});
    return taken(name);
}

Result<std::unique_ptr<DiskFile>> LocalStore::create_temporary(std::string& path) {
    while (true) {
        {
            const std::lock_guard lock{mutex_};
            path = std::string{kTemporaryDirectory} + "/" + token_ + "-" + std::to_string(next_temporary_++);
        }
        Result<std::unique_ptr<DiskFile>> file = disk_.create(path);
        if (file.ok()) return file;
        // A process that was forked off, or a stuck random source: somebody else has our names. Take the next.
        if (file.error().code() == ErrorCode::AlreadyExists) continue;
        if (file.error().code() != ErrorCode::NotFound) return file;
        // tmp/ may be removed when no writer runs. Its name need not be durable: nothing in it is.
        Result<void> made = disk_.make_directory(kTemporaryDirectory);
        if (!made.ok() && made.error().code() != ErrorCode::AlreadyExists) return std::move(made).error();
    }
}

Result<LocalStore::Pending> LocalStore::write_temporary(std::string_view name, std::span<const ByteSpan> parts) {
    Pending pending{std::string{name}, {}, nullptr};
    Result<std::unique_ptr<DiskFile>> file = create_temporary(pending.temporary);
    if (!file.ok()) return refused(std::move(file).error(), name);
    pending.file = std::move(file).value();
    Result<void> written = write_parts(*pending.file, parts);
    if (written.ok()) return pending;

    (void)disk_.unlink(pending.temporary);
    if (written.error().code() != ErrorCode::NoSpace) return std::move(written).error();
    return std::move(written)
        .error()
        .means(std::to_string(total(parts)) + " bytes are needed for '" + std::string{name} +
               "'; nothing stored before is harmed")
        .next("df -h '" + options_.location + "'");
}

// Order is everything: content durable, then the name, so a name never stands for half an object. The directory is
// synced last, by whoever promises durability.
Result<void> LocalStore::publish(Pending& pending) {
    Result<void> synced = pending.file->sync();
    if (!synced.ok()) {
        (void)disk_.unlink(pending.temporary);
        return break_down(std::move(synced).error());
    }
    pending.file.reset();
    Result<void> linked = disk_.link(pending.temporary, pending.name);
    // Also when it is taken: whoever took it may not have made it durable, and our caller may build on it.
    if (linked.ok() || linked.error().code() == ErrorCode::AlreadyExists) note_changed(directory_of(pending.name));
    // A temporary file that stays is litter, not a failure.
    (void)disk_.unlink(pending.temporary);
    if (linked.ok()) return {};
    if (linked.error().code() == ErrorCode::AlreadyExists) return taken(pending.name);
    return refused(std::move(linked).error(), pending.name);
}

Result<void> LocalStore::enqueue(Pending pending) {
    std::unique_lock lock{mutex_};
    // Fewer do where the system gives no more: with none at all the caller waits for the disk itself.
    try {
        while (threads_.size() < options_.sync_threads) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
        // No thread to be had.
    }
    if (threads_.empty()) {
        while (queue_.size() >= kMaxOutstanding) publish_queued(lock);
    } else {
        changed_.wait(lock, [&] { return outstanding_.size() < kMaxOutstanding; });
    }
    pending.ticket = next_ticket_++;
    outstanding_.insert(pending.ticket);
    queue_.push_back(std::move(pending));
    changed_.notify_all();
    return {};
}

void LocalStore::publish_queued(std::unique_lock<std::mutex>& lock) {
    Pending pending = std::move(queue_.front());
    queue_.pop_front();
    const bool broken = broken_.has_value();
    lock.unlock();
    if (broken) {
        (void)disk_.unlink(pending.temporary);
    } else if (Result<void> published = publish(pending); !published.ok()) {
        // The caller was told "later" and goes on: what it builds on this object must not be believed.
        (void)break_down(std::move(published).error());
    }
    lock.lock();
    reserved_.erase(pending.name);
    outstanding_.erase(pending.ticket);
    changed_.notify_all();
}

void LocalStore::work() {
    std::unique_lock lock{mutex_};
    while (true) {
        changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        publish_queued(lock);
    }
}

Result<void> LocalStore::sync() {
    std::vector<std::string> directories;
    {
        std::unique_lock lock{mutex_};
        const std::uint64_t end = next_ticket_;
        while (threads_.empty() && !queue_.empty()) publish_queued(lock);
        changed_.wait(lock, [&] { return outstanding_.empty() || *outstanding_.begin() >= end; });
        for (const auto& [directory, change] : noted_) directories.push_back(directory);
    }
    DR_TRY(writable());
    return sync_noted(directories);
}

Result<void> LocalStore::sync_directory(std::string_view directory) {
    DR_TRY(check_readable_name(directory));
    DR_TRY(writable());
    DR_TRY(disk_.stat(directory));
    note_changed(directory);
    note_changed(directory_of(directory));
    return sync_noted({std::string{directory}, std::string{directory_of(directory)}});
}

// A directory stays noted until a sync of it that began after its last change has ended, so whoever else syncs
// meanwhile waits for it too, or does it again.
Result<void> LocalStore::sync_noted(const std::vector<std::string>& directories) {
    for (const std::string& directory : directories) {
        std::uint64_t change = 0;
        {
            const std::lock_guard lock{mutex_};
            const auto found = noted_.find(directory);
            if (found == noted_.end()) continue;
            change = found->second;
        }
        if (Result<void> synced = disk_.sync_directory(directory); !synced.ok())
            return break_down(std::move(synced).error());
        const std::lock_guard lock{mutex_};
        if (const auto found = noted_.find(directory); found != noted_.end() && found->second == change)
            noted_.erase(found);
    }
    return {};
}

std::vector<std::string> LocalStore::noted_above(std::string_view name) const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> found;
    for (std::string_view at = name; !at.empty();) {
        at = directory_of(at);
        if (noted_.contains(at)) found.emplace_back(at);
    }
    return found;
}

void LocalStore::note_changed(std::string_view directory) {
    const std::lock_guard lock{mutex_};
    noted_[std::string{directory}] = ++changes_;
}

// The first time a directory is used its own name is noted as well, even if it was there: whoever made it may not have
// made it durable.
Result<void> LocalStore::prepare_directory(std::string_view directory) {
    if (directory.empty()) return {};
    {
        const std::lock_guard lock{mutex_};
        if (known_.contains(directory)) return {};
    }
    DR_TRY(prepare_directory(directory_of(directory)));
    Result<void> made = disk_.make_directory(directory);
    if (!made.ok() && made.error().code() != ErrorCode::AlreadyExists)
        return refused(std::move(made).error(), directory);
    note_changed(directory_of(directory));
    const std::lock_guard lock{mutex_};
    known_.emplace(directory);
    return {};
}

Result<void> LocalStore::make_directory(std::string_view name) {
    DR_TRY(check_object_name(name));
    DR_TRY(writable());
    return prepare_directory(name);
}

Result<void> LocalStore::writable() const {
    const std::lock_guard lock{mutex_};
    if (broken_) return *broken_;
    return {};
}

Error LocalStore::break_down(Error error) {
    const std::lock_guard lock{mutex_};
    if (!broken_)
        broken_ = std::move(error).means("what was written since the last sync may be lost; nothing older is harmed");
    return *broken_;
}

Error LocalStore::refused(Error error, std::string_view name) const {
    const int number = error.system_errno();
    if (number != EROFS && number != EACCES && number != EPERM) return error;
    if (error.code() == ErrorCode::Unsupported) return error;
    return std::move(error)
        .as(ErrorCode::Refused)
        .means("'" + std::string{name} + "' was not stored: the storage is not writable")
        .next("ls -ld '" + options_.location + "'");
}

Result<std::unique_ptr<DiskFile>> LocalStore::open_object(std::string_view name) {
    DR_TRY(check_readable_name(name));
    return disk_.open(name);
}

Result<Bytes> LocalStore::get(std::string_view name, std::uint64_t limit) {
    const std::unique_ptr<DiskFile> file = DR_TRY(open_object(name));
    const std::uint64_t size = DR_TRY(file->size());
    if (size > limit) {
        return Error{ErrorCode::Damaged, "'" + std::string{name} + "' has " + std::to_string(size) +
                                             " bytes, more than the " + std::to_string(limit) + " it may have"};
    }
    Bytes bytes(static_cast<std::size_t>(size));
    bytes.resize(DR_TRY(file->read_at(0, bytes)));
    return bytes;
}

Result<void> LocalStore::get_range(std::string_view name, std::uint64_t offset, MutableByteSpan into) {
    const std::unique_ptr<DiskFile> file = DR_TRY(open_object(name));
    const std::size_t got = DR_TRY(file->read_at(offset, into));
    if (got == into.size()) return {};
    return Error{ErrorCode::Damaged, "'" + std::string{name} + "' ends at byte " + std::to_string(offset + got) +
                                         ", before byte " + std::to_string(offset + into.size())};
}

Result<std::uint64_t> LocalStore::size(std::string_view name) {
    DR_TRY(check_readable_name(name));
    const DiskStat status = DR_TRY(disk_.stat(name));
    if (status.kind != DiskKind::File)
        return Error{ErrorCode::NotFound, "there is no object '" + std::string{name} + "'"};
    return status.size;
}

Result<std::vector<ObjectInfo>> LocalStore::list(std::string_view prefix) {
    if (!prefix.empty()) DR_TRY(check_readable_name(prefix));
    std::vector<ObjectInfo> found;
    DR_TRY(list_below(std::string{prefix}, found));
    std::ranges::sort(found, {}, &ObjectInfo::name);
    return found;
}

Result<void> LocalStore::list_below(const std::string& directory, std::vector<ObjectInfo>& found) {
    Result<std::vector<DiskEntry>> entries = disk_.list(directory);
    // Nothing put there yet. Any other failure is one: a listing that broke off must not look like a short one.
    if (!entries.ok() && entries.error().code() == ErrorCode::NotFound) return {};
    if (!entries.ok()) return std::move(entries).error();
    for (const DiskEntry& entry : entries.value()) {
        const std::string name = directory.empty() ? entry.name : directory + "/" + entry.name;
        if (!is_object_name(name) || name == kTemporaryDirectory) continue;
        if (entry.kind == DiskKind::Directory) DR_TRY(list_below(name, found));
        if (entry.kind != DiskKind::File) continue;
        Result<DiskStat> status = disk_.stat(name);
        if (status.ok())
            found.push_back({name, status.value().size});
        else if (status.error().code() != ErrorCode::NotFound)
            return std::move(status).error();
    }
    return {};
}

Result<void> LocalStore::remove(std::string_view name) {
    DR_TRY(check_readable_name(name));
    DR_TRY(writable());
    Result<void> removed = disk_.unlink(name);
    if (!removed.ok() && removed.error().code() == ErrorCode::NotFound) return {};
    if (!removed.ok()) return refused(std::move(removed).error(), name);
    note_changed(directory_of(name));
    return {};
}

Result<std::uint64_t> LocalStore::remove_temporary_files(Timestamp before) {
    std::uint64_t freed = 0;
    Result<std::vector<DiskEntry>> entries = disk_.list(kTemporaryDirectory);
    if (!entries.ok() && entries.error().code() == ErrorCode::NotFound) return freed;
    for (const DiskEntry& entry : DR_TRY(std::move(entries))) {
        if (!is_put_in_progress(entry.name)) continue;
        const std::string path = std::string{kTemporaryDirectory} + "/" + entry.name;
        const Result<DiskStat> status = disk_.stat(path);
        if (!status.ok() || status.value().kind != DiskKind::File || status.value().modified >= before) continue;
        if (disk_.unlink(path).ok()) freed += status.value().size;
    }
    return freed;
}

}  // namespace dr
