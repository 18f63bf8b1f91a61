#pragma once
// SimDisk: a disk in memory that loses power, tears unsynced writes and fails on demand, by a seed.
//
// What a power cut leaves: a directory entry made, moved or removed since its directory was last synced is there or
// not, each for itself; bytes written since the file was last synced are all there, partly there, zero, or gone. A name
// is seen by every reader at once, long before it is durable. Every function counts as one operation, reading ones too.

#include <map>
#include <mutex>

#include "dr/platform/disk.h"

namespace dr {

class SimDisk final : public Disk {
public:
    explicit SimDisk(std::uint64_t seed);
    ~SimDisk() override;

    // Power goes just before operation `step` (from 0) counted from the making of the disk; that operation and all
    // later ones fail.
    void cut_power_before(std::uint64_t step);
    void cut_power();
    bool power_was_cut() const;
    // Applies the loss that a power cut causes (also without one), closes all files that were open, and goes on.
    void restart();

    // Operation `step` fails with `number` (an errno) and does nothing; a sync that fails loses what it should have
    // kept.
    void fail_at(std::uint64_t step, int number);
    // Every operation of these kinds fails from now on; 0 ends that.
    void fail_syncs(int number);
    void fail_writes(int number);

    std::uint64_t operations() const;  // so far

    // For tests that damage: what a file holds, durable or not. NotFound where there is none.
    Result<Bytes> content(std::string_view path) const;
    Result<void> overwrite(std::string_view path, ByteSpan bytes);  // durable

    Result<std::unique_ptr<DiskFile>> create(std::string_view path) override;
    Result<std::unique_ptr<DiskFile>> open(std::string_view path) override;
    Result<void> link(std::string_view from, std::string_view to) override;
    Result<void> rename(std::string_view from, std::string_view to) override;
    Result<void> unlink(std::string_view path) override;
    Result<void> make_directory(std::string_view path) override;
    Result<void> sync_directory(std::string_view path) override;
    Result<DiskStat> stat(std::string_view path) override;
    Result<std::vector<DiskEntry>> list(std::string_view path) override;

private:
    struct Node;
    class File;
    using Entries = std::map<std::string, std::shared_ptr<Node>, std::less<>>;

    Result<void> begin(std::string_view doing, std::string_view path);
    Result<std::shared_ptr<Node>> find(std::string_view path) const;
    Result<std::shared_ptr<Node>> parent_of(std::string_view path) const;
    void lose_unsynced(Node& directory);
    void lose_bytes(Node& file);
    std::uint64_t draw(std::uint64_t below);

    mutable std::mutex mutex_;
    std::shared_ptr<Node> root_;
    std::uint64_t random_;
    std::uint64_t operations_ = 0;
    std::uint64_t epoch_ = 0;  // of files opened: those of an earlier one are closed
    std::uint64_t cut_before_ = UINT64_MAX;
    bool power_is_cut_ = false;
    std::map<std::uint64_t, int> failures_;
    int sync_failure_ = 0;
    int write_failure_ = 0;
};

}  // namespace dr
