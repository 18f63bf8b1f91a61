#pragma once
// LocalStore: objects as files below one directory.
//
// A put writes a temporary file below tmp/, syncs it, links it to its name (which fails where the name is taken, so two
// writers never share one), removes the temporary name, and syncs the directory: a name that survives a power cut has
// its whole content. Durability::Later does all but the last in the background; the object may not be visible before
// the next sync(). A few threads of the store do that: they wait for the disk and do no work of their own.
//
// After a failed sync of a file or directory the store writes nothing more: every later put, sync and remove fails with
// the same error, because what the disk kept cannot be known. Open it again to go on.

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "dr/platform/disk.h"
#include "dr/platform/random.h"
#include "dr/storage/object_store.h"

namespace dr {

struct LocalStoreOptions {
    std::string location;  // as the user typed it, for messages
    // Threads that wait for the disk; with none, sync() does their work (tests that count operations). Four keep a disk
    // with a queue busy: 1 GiB in packs of 16 MiB took 0.32 s with four, 0.36 to 0.83 s with two.
    unsigned sync_threads = 4;
};

// Below the root; neither listed nor read.
inline constexpr std::string_view kTemporaryDirectory = "tmp";

class LocalStore final : public ObjectStore {
public:
    // Borrows or owns the disk. `random` is asked once, for the names of temporary files.
    static std::unique_ptr<LocalStore> open(Disk& disk, Random& random, LocalStoreOptions options);
    static std::unique_ptr<LocalStore> open(std::unique_ptr<Disk> disk, Random& random, LocalStoreOptions options);
    // Publishes what waits; without a sync() before it none of that is durable.
    ~LocalStore() override;

    using ObjectStore::put_new;
    Result<void> put_new(std::string_view name, std::span<const ByteSpan> parts, Durability durability) override;
    Result<void> sync() override;
    Result<void> sync_directory(std::string_view directory) override;
    Result<Bytes> get(std::string_view name, std::uint64_t limit) override;
    Result<void> get_range(std::string_view name, std::uint64_t offset, MutableByteSpan into) override;
    Result<std::uint64_t> size(std::string_view name) override;
    Result<std::vector<ObjectInfo>> list(std::string_view prefix) override;
    Result<void> remove(std::string_view name) override;
    std::string backend() const override { return "local"; }
    std::string location() const override { return options_.location; }

    // Makes an empty directory, durable at the next sync(); one that exists is fine.
    Result<void> make_directory(std::string_view name);

    // A writer that is still at a file that this removes fails and may try again.
    Result<std::uint64_t> remove_temporary_files(Timestamp before) override;

private:
    // A temporary file that is on its way to its name.
    struct Pending {
        std::string name;
        std::string temporary;
        std::unique_ptr<DiskFile> file;
        std::uint64_t ticket = 0;  // order of Later puts
    };

    LocalStore(std::unique_ptr<Disk> owned, Disk& disk, Random& random, LocalStoreOptions options);

    Result<Pending> write_temporary(std::string_view name, std::span<const ByteSpan> parts);
    Result<std::unique_ptr<DiskFile>> create_temporary(std::string& path);
    Result<void> reserve(std::string_view name, Durability durability);
    Result<void> enqueue(Pending pending);
    Result<void> publish(Pending& pending);
    void publish_queued(std::unique_lock<std::mutex>& lock);
    void work();

    Result<void> prepare_directory(std::string_view directory);
    void note_changed(std::string_view directory);
    Result<void> sync_noted(const std::vector<std::string>& directories);
    std::vector<std::string> noted_above(std::string_view name) const;

    Result<void> writable() const;
    Error break_down(Error error);
    Error refused(Error error, std::string_view name) const;
    Result<std::unique_ptr<DiskFile>> open_object(std::string_view name);
    Result<void> list_below(const std::string& directory, std::vector<ObjectInfo>& found);

    const std::unique_ptr<Disk> owned_;
    Disk& disk_;
    const LocalStoreOptions options_;
    std::string token_;  // starts the names of our temporary files

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t next_temporary_ = 0;
    std::uint64_t next_ticket_ = 0;
    std::deque<Pending> queue_;
    std::set<std::string, std::less<>> reserved_;  // names of Later puts that are not published yet
    std::set<std::uint64_t> outstanding_;          // their tickets
    std::set<std::string, std::less<>> known_;     // directories that exist and whose own names are durable or noted
    std::map<std::string, std::uint64_t, std::less<>> noted_;  // changed since last synced -> number of the last change
    std::uint64_t changes_ = 0;
    bool stopping_ = false;
    std::optional<Error> broken_;
    std::vector<std::jthread> threads_;  // started by the first Later put
};

}  // namespace dr
