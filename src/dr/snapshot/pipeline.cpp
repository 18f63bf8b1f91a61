#include "dr/snapshot/pipeline.h"

#include <algorithm>
#include <utility>

namespace dr {
namespace {

constexpr std::uint64_t kReadAhead = 32U << 20;  // bytes read before their turn, in all
constexpr std::uint64_t kUnitAhead = 8U << 20;   // and of one unit
constexpr std::size_t kKeptDirectories = 256;
constexpr std::int64_t kProgressInterval = 100'000'000;

// Closes the directories of what has been read. How many stay open, for names of files that others were to read.
std::size_t close_directories(BackupUnit& unit) {
    std::size_t kept = 0;
    const DirectoryHandle* last = nullptr;
    for (FileWork& work : unit.files) {
        if (work.link == nullptr || work.first_link) {
            work.directory.reset();
            continue;
        }
        if (work.directory.get() != last) ++kept;
        last = work.directory.get();
    }
    return kept;
}

}  // namespace

Result<void> Pipeline::run() {
    schedule();
    parts_.pool.help_until([this] { return finished_.load(); });
    const std::lock_guard lock{mutex_};
    if (failed_) return std::move(*failed_);
    return {};
}

bool Pipeline::can_drain() const {
    return !draining_ && !units_.empty() && (!units_.front()->output.empty() || units_.front()->read);
}

// A few units more than there are threads to read them: enough to keep all busy, few enough that the directories they
// hold open are no problem.
bool Pipeline::can_walk() const {
    return !walking_ && !walked_ && unread_ < parts_.pool.workers() + 2 && units_.size() < 64 &&
           kept_directories_ < kKeptDirectories;
}

bool Pipeline::can_read(const BackupUnit& unit) const {
    if (unit.busy || unit.read || unit.held >= kUnitAhead) return false;
    // The unit whose turn it is may always go on: what it holds can be given to the sink at once.
    return &unit == units_.front().get() || held_ < kReadAhead;
}

std::shared_ptr<BackupUnit> Pipeline::unit_to_read() const {
    const auto found = std::ranges::find_if(units_, [this](const auto& unit) { return can_read(*unit); });
    return found == units_.end() ? nullptr : *found;
}

// A large file whose turn it is. It is read by one thread at a time, and nothing behind it can be stored before it: a
// step of it left waiting while frames are compressed runs alone when they are done.
bool Pipeline::is_front_to_read() const {
    return !units_.empty() && units_.front()->large && can_read(*units_.front());
}

Pipeline::Choice Pipeline::choose(Want want) {
    if (failed_) return {};
    const bool read_first = want == Want::ReadFront && is_front_to_read();
    if (!read_first && can_drain()) {
        draining_ = true;
        return {.action = Action::Drain, .unit = nullptr};
    }
    if (want == Want::Drain) return {};
    if (std::shared_ptr<BackupUnit> unit = unit_to_read()) {
        unit->busy = true;
        return {.action = Action::Read, .unit = std::move(unit)};
    }
    if (can_walk()) {
        walking_ = true;
        return {.action = Action::Walk, .unit = nullptr};
    }
    return {};
}

// Sees to it that there are tasks for what can be done, and ends the run when nothing is left.
void Pipeline::schedule(std::size_t tasks_ended) {
    std::size_t ordinary = 0;
    bool urgent = false;
    bool finished = false;
    bool front = false;
    // Once run() hears that all is done, this object may be gone: the pool is not.
    TaskPool& pool = parts_.pool;
    {
        const std::lock_guard lock{mutex_};
        // A task counts until here and not a step less: once the count is 0 another one may end the run, and this
        // object is gone before a task that gave its place up early comes back for the mutex.
        tasks_ -= tasks_ended;
        if (!failed_) {
            const std::size_t most = parts_.pool.workers() + 1;
            const auto readable = static_cast<std::size_t>(
                std::ranges::count_if(units_, [this](const auto& unit) { return can_read(*unit); }));
            urgent = can_drain() && !std::exchange(drain_submitted_, true);
            front = is_front_to_read() && !std::exchange(front_submitted_, true);
            // The front is not kept waiting by tasks for what is behind it.
            const std::size_t running = tasks_ + (urgent ? 1 : 0) + (front ? 1 : 0);
            const std::size_t behind = readable - (front ? 1 : 0) + (can_walk() ? 1 : 0);
            ordinary = std::min(behind, most > running ? most - running : 0);
            tasks_ = running + ordinary;
        }
        const bool at_end = failed_ || (walked_ && units_.empty());
        finished = tasks_ == 0 && at_end;
        if (finished) finished_ = true;
    }
    if (finished) return pool.wake();
    if (urgent) pool.submit(Priority::Urgent, [this] { act(Want::Drain); });
    if (front) pool.submit(Priority::Critical, [this] { act(Want::ReadFront); });
    for (; ordinary > 0; --ordinary) pool.submit(Priority::Ordinary, [this] { act(Want::Anything); });
}

// One thing of those that can be done, then back to the queue: others may have something more urgent.
void Pipeline::act(Want want) {
    Choice choice;
    {
        const std::lock_guard lock{mutex_};
        if (want == Want::Drain) drain_submitted_ = false;
        if (want == Want::ReadFront) front_submitted_ = false;
        choice = choose(want);
    }
    if (parts_.monitor.cancelled()) fail(Error{ErrorCode::Cancelled, "the backup was interrupted"});
    switch (choice.action) {
        case Action::None: break;
        case Action::Drain: drain(); break;
        case Action::Read: read(*choice.unit); break;
        case Action::Walk: walk(); break;
    }
    show_progress();
    schedule(1);
}

void Pipeline::fail(Error error) {
    const std::lock_guard lock{mutex_};
    if (!failed_) failed_ = std::move(error);
}

void Pipeline::walk() {
    auto unit = std::make_shared<BackupUnit>();
    const Result<void> walked = parts_.walk.next(*unit);
    if (!walked.ok()) fail(walked.error());
    const std::lock_guard lock{mutex_};
    walking_ = false;
    walked_ = parts_.walk.done();
    if (unit->items.empty()) return;
    unit->read = unit->files.empty();
    unread_ += unit->read ? 0 : 1;
    units_.push_back(std::move(unit));
}

void Pipeline::read(BackupUnit& unit) {
    std::vector<StoredBlob> blobs;
    bool more = false;
    if (unit.large) {
        if (unit.reader == nullptr) unit.reader = std::make_unique<LargeFileReader>(parts_.context, unit.files[0]);
        more = unit.reader->step(blobs);
    } else {
        blobs = read_batch(parts_.context, unit.files);
    }
    const std::lock_guard lock{mutex_};
    for (StoredBlob& blob : blobs) {
        unit.held += blob.data.bytes.size();
        held_ += blob.data.bytes.size();
        unit.output.push_back(std::move(blob));
    }
    unit.busy = false;
    unit.read = !more;
    if (unit.read) {
        --unread_;
        unit.reader.reset();
        unit.kept_directories = close_directories(unit);
        kept_directories_ += unit.kept_directories;
    }
}

// Gives to the sink, in order, all that is there.
void Pipeline::drain() {
    while (true) {
        std::shared_ptr<BackupUnit> unit;
        std::deque<StoredBlob> blobs;
        bool complete = false;
        {
            const std::lock_guard lock{mutex_};
            if (failed_ || units_.empty() || (units_.front()->output.empty() && !units_.front()->read)) {
                draining_ = false;
                return;
            }
            unit = units_.front();
            blobs.swap(unit->output);
            complete = unit->read;
        }
        Result<void> given = give(*unit, std::move(blobs));
        if (given.ok() && complete) given = share_links(*unit);
        if (given.ok() && complete) given = parts_.assembler.take(*unit);
        if (!given.ok()) fail(given.error());
        if (complete) {
            files_done_ += unit->files.size();
            const std::lock_guard lock{mutex_};
            kept_directories_ -= unit->kept_directories;
            units_.pop_front();
        }
        // Room for more has come up.
        schedule();
    }
}

Result<void> Pipeline::give(BackupUnit& unit, std::deque<StoredBlob> blobs) {
    while (!blobs.empty()) {
        StoredBlob blob = std::move(blobs.front());
        blobs.pop_front();
        const std::uint64_t size = blob.data.bytes.size();
        DR_TRY(give(std::move(blob)));
        const std::lock_guard lock{mutex_};
        unit.held -= size;
        held_ -= size;
    }
    return {};
}

Result<void> Pipeline::give(StoredBlob blob) {
    const std::uint64_t size = blob.data.bytes.size();
    DR_TRY(parts_.sink.add(BlobType::Data, blob.id, std::move(blob.data)));
    bytes_done_ += size;
    show_progress();
    return {};
}

// Lets the names of a file have what one of them found, in the order of the walk. Rarely that leads nowhere: then the
// next name is read here, where its blobs have their place in the sequence whatever the number of threads.
Result<void> Pipeline::share_links(BackupUnit& unit) {
    for (FileWork& work : unit.files) {
        if (work.link != nullptr && !work.first_link) {
            if (work.link->complete) {
                work.outcome = work.link->outcome;
                std::string name = std::move(work.entry.name);
                work.entry = work.link->entry;
                work.entry.name = std::move(name);
                continue;
            }
            DR_TRY(read_now(work));
        }
        if (work.is_another) {
            // Its other names, if it has any, are not known here.
            work.entry.hard_link = false;
            work.entry.link_count = 1;
            work.entry.device_index = 0;
        } else if (work.link != nullptr && work.outcome.kind != ReadOutcome::Kind::Unreadable) {
            *work.link = {.complete = true, .outcome = work.outcome, .entry = work.entry};
        }
    }
    return {};
}

Result<void> Pipeline::read_now(FileWork& work) {
    work.first_link = true;
    std::vector<StoredBlob> blobs;
    if (!parts_.context.is_large(work.stat)) {
        std::vector<FileWork> alone;
        alone.push_back(std::move(work));
        blobs = read_batch(parts_.context, alone);
        work = std::move(alone.front());
        for (StoredBlob& blob : blobs) DR_TRY(give(std::move(blob)));
        return {};
    }
    LargeFileReader reader{parts_.context, work};
    for (bool more = true; more;) {
        if (parts_.monitor.cancelled()) return Error{ErrorCode::Cancelled, "the backup was interrupted"};
        blobs.clear();
        more = reader.step(blobs);
        for (StoredBlob& blob : blobs) DR_TRY(give(std::move(blob)));
    }
    return {};
}

void Pipeline::show_progress() {
    const std::int64_t now = parts_.clock.monotonic_nanoseconds();
    std::int64_t shown = shown_at_.load();
    if (now - shown < kProgressInterval || !shown_at_.compare_exchange_strong(shown, now)) return;
    const BackupOptions& options = parts_.context.options;
    parts_.monitor.progress({.phase = "storing",
                             .bytes_done = bytes_done_ + parts_.context.bytes_unmodified,
                             .bytes_total = options.expected_bytes,
                             .files_done = files_done_ + parts_.context.files_unmodified,
                             .files_total = options.expected_files});
}

}  // namespace dr
